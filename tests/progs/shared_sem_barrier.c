/* SPDX-License-Identifier: MIT */
/*
 * shared_sem_barrier - process-shared semaphores and barriers join threads of a parent and its
 * child
 *
 * uses: futex mmap fork
 */
#include "prog.h"

#include <semaphore.h>
#include <sys/mman.h>
#include <sys/wait.h>

static struct shared {
	sem_t sem[2];
	pthread_barrier_t bar;
	int rounds[4];
} * s;

static void *barriers(void *arg)
{
	int *mine = arg;

	for (int i = 0; i < 100; i++) {
		++*mine;
		pthread_barrier_wait(&s->bar);
		for (int j = 0; j < 4; j++)
			CHECK(s->rounds[j] == i + 1);
		pthread_barrier_wait(&s->bar);
	}
	return NULL;
}

int main(void)
{
	pthread_barrierattr_t attr;
	int status, side;
	pthread_t t[2];
	pid_t pid;

	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(s != MAP_FAILED);
	CHECK(sem_init(&s->sem[0], 1, 1) == 0 && sem_init(&s->sem[1], 1, 0) == 0);
	CHECK0(pthread_barrierattr_init(&attr));
	CHECK0(pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED));
	CHECK0(pthread_barrier_init(&s->bar, &attr, 4));
	pid = fork();
	CHECK(pid >= 0);
	side = pid == 0;
	for (int i = 0; i < 2; i++)
		t[i] = thread_start(barriers, &s->rounds[2 * side + i]);
	for (int i = 0; i < 300; i++) {
		CHECK(sem_wait(&s->sem[side]) == 0);
		CHECK(sem_post(&s->sem[!side]) == 0);
	}
	for (int i = 0; i < 2; i++)
		thread_join(t[i]);
	if (pid == 0)
		_exit(0);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	printf("%d %d %d %d\n", s->rounds[0], s->rounds[1], s->rounds[2], s->rounds[3]);
	return 0;
}
