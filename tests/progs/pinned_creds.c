/* SPDX-License-Identifier: MIT */
/*
 * pinned_creds - a thread that changes its own credentials by the bare system call changes no other thread's
 *
 * uses: setresuid getresuid sched_yield clock_nanosleep
 */
#include "prog.h"

#include <sys/syscall.h>

static pthread_barrier_t bar;

static void rounds(uid_t want)
{
	for (int i = 0; i < 50; i++) {
		uid_t r, e, s;

		if (i % 10 == 0)
			usleep(500);
		sched_yield();
		pthread_barrier_wait(&bar);
		CHECK(getresuid(&r, &e, &s) == 0 && e == want);
	}
}

static void *as_nobody(void *arg)
{
	CHECK(syscall(SYS_setresuid, -1, 65534, -1) == 0);
	rounds(65534);
	return arg;
}

static void *as_root(void *arg)
{
	rounds(0);
	return arg;
}

int main(void)
{
	pthread_t t[6];

	if (geteuid() != 0)
		prog_skip("needs root");
	pthread_barrier_init(&bar, NULL, 6);
	for (int i = 0; i < 6; i++)
		t[i] = thread_start(i ? as_root : as_nobody, NULL);
	for (int i = 0; i < 6; i++)
		thread_join(t[i]);
	CHECK(geteuid() == 0);
	puts("ok");
	return 0;
}
