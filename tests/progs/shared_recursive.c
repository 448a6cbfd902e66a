/* SPDX-License-Identifier: MIT */
/*
 * shared_recursive - a recursive mutex in shared memory knows the threads of one process from those of
 * another, which are as many and as old
 *
 * uses: fork, shared futex
 */
#include "prog.h"

#include <sys/mman.h>
#include <sys/wait.h>

enum { THREADS = 4, ROUNDS = 2000 };

struct shared {
	pthread_mutex_t mutex;
	long in, count;
};

static struct shared *shared;

static void *adder(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		CHECK0(pthread_mutex_lock(&shared->mutex));
		CHECK0(pthread_mutex_lock(&shared->mutex));
		CHECK(shared->in++ == 0);
		shared->count++;
		if (i % 16 == 0)
			sched_yield();
		CHECK(--shared->in == 0);
		CHECK0(pthread_mutex_unlock(&shared->mutex));
		CHECK0(pthread_mutex_unlock(&shared->mutex));
	}
	return arg;
}

static void add(void)
{
	pthread_t t[THREADS];

	for (int i = 0; i < THREADS; i++)
		t[i] = thread_start(adder, NULL);
	for (int i = 0; i < THREADS; i++)
		thread_join(t[i]);
}

int main(void)
{
	pthread_mutexattr_t attr;
	pid_t pid[2];
	int status;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
	CHECK0(pthread_mutexattr_init(&attr));
	CHECK0(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE));
	CHECK0(pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED));
	CHECK0(pthread_mutex_init(&shared->mutex, &attr));
	for (int i = 0; i < 2; i++) {
		pid[i] = fork();
		CHECK(pid[i] >= 0);
		if (pid[i] == 0) {
			add();
			exit(0);
		}
	}
	add();
	for (int i = 0; i < 2; i++)
		CHECK(waitpid(pid[i], &status, 0) == pid[i] && status == 0);
	printf("%ld\n", shared->count);
	return 0;
}
