/* SPDX-License-Identifier: MIT */
/*
 * gettid_stable - a thread's id is its own and stays the same across everything that blocks; main's
 * is the process's
 *
 * uses: gettid getpid read clock_nanosleep sched_yield futex
 */
#include "prog.h"

#include <sched.h>
#include <sys/syscall.h>

enum { THREADS = 16 };

static pthread_barrier_t bar;

static void *run(void *arg)
{
	pid_t *slot = arg, me = gettid();
	int fd[2];
	char c;

	CHECK(me > 0 && me != getpid());
	CHECK(pipe(fd) == 0);
	for (int i = 0; i < 50; i++) {
		sched_yield();
		CHECK(gettid() == me && syscall(SYS_gettid) == me);
		CHECK(write(fd[1], "x", 1) == 1 && read(fd[0], &c, 1) == 1);
		CHECK(gettid() == me);
		if (i % 10 == 0)
			usleep(1000);
		CHECK(gettid() == me);
		pthread_barrier_wait(&bar);
		CHECK(gettid() == me);
	}
	*slot = me;
	return NULL;
}

int main(void)
{
	pid_t ids[THREADS];
	pthread_t t[THREADS];

	CHECK(gettid() == getpid());
	pthread_barrier_init(&bar, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		t[i] = thread_start(run, &ids[i]);
	for (int i = 0; i < THREADS; i++)
		thread_join(t[i]);
	for (int i = 0; i < THREADS; i++)
		for (int j = 0; j < i; j++)
			CHECK(ids[i] != ids[j]);
	CHECK(gettid() == getpid() && syscall(SYS_gettid) == getpid());
	puts("ok");
	return 0;
}
