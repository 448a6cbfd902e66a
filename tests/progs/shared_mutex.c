/* SPDX-License-Identifier: MIT */
/*
 * shared_mutex - a process-shared mutex and condition join threads of a parent and its child
 *
 * uses: futex mmap fork
 */
#include "prog.h"

#include <sys/mman.h>
#include <sys/wait.h>

static struct shared {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	long counter;
	int turn;
} * s;

static void *run(void *arg)
{
	int me = (int)(intptr_t)arg;

	for (int i = 0; i < 300; i++) {
		CHECK0(pthread_mutex_lock(&s->lock));
		while (s->turn != me)
			CHECK0(pthread_cond_wait(&s->cond, &s->lock));
		s->turn = (me + 1) % 4;
		s->counter++;
		CHECK0(pthread_cond_broadcast(&s->cond));
		CHECK0(pthread_mutex_unlock(&s->lock));
	}
	return NULL;
}

int main(void)
{
	pthread_mutexattr_t ma;
	pthread_condattr_t ca;
	int status, first;
	pthread_t t[2];
	pid_t pid;

	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(s != MAP_FAILED);
	CHECK0(pthread_mutexattr_init(&ma));
	CHECK0(pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED));
	CHECK0(pthread_mutex_init(&s->lock, &ma));
	CHECK0(pthread_condattr_init(&ca));
	CHECK0(pthread_condattr_setpshared(&ca, PTHREAD_PROCESS_SHARED));
	CHECK0(pthread_cond_init(&s->cond, &ca));
	pid = fork();
	CHECK(pid >= 0);
	first = pid == 0 ? 1 : 0;
	for (int i = 0; i < 2; i++)
		t[i] = thread_start(run, (void *)(intptr_t)(first + 2 * i));
	for (int i = 0; i < 2; i++)
		thread_join(t[i]);
	if (pid == 0)
		_exit(0);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	printf("%ld\n", s->counter);
	return 0;
}
