/* SPDX-License-Identifier: MIT */
/*
 * pinned_cwd - a thread that unshares its file system state has a directory and umask of its own, also across blocking
 *
 * uses: unshare chdir umask getcwd clock_nanosleep sched_yield
 */
#include "prog.h"

#include <sys/stat.h>

static pthread_barrier_t bar;

static void expect(const char *want, mode_t mask)
{
	char cwd[200];

	CHECK(getcwd(cwd, sizeof(cwd)) && strcmp(cwd, want) == 0);
	CHECK(umask(mask) == mask);
}

static void *own_state(void *arg)
{
	if (unshare(CLONE_FS) != 0)
		prog_skip("unshare is not allowed");
	CHECK(chdir("/proc") == 0);
	umask(0111);
	for (int i = 0; i < 50; i++) {
		if (i % 10 == 0)
			usleep(500);
		sched_yield();
		pthread_barrier_wait(&bar);
		expect("/proc", 0111);
	}
	return arg;
}

static void *shared_state(void *arg)
{
	for (int i = 0; i < 50; i++) {
		sched_yield();
		pthread_barrier_wait(&bar);
		expect("/", 0022);
	}
	return arg;
}

int main(void)
{
	pthread_t t[6];

	CHECK(chdir("/") == 0);
	umask(0022);
	pthread_barrier_init(&bar, NULL, 6);
	for (int i = 0; i < 6; i++)
		t[i] = thread_start(i ? shared_state : own_state, NULL);
	for (int i = 0; i < 6; i++)
		thread_join(t[i]);
	expect("/", 0022);
	puts("ok");
	return 0;
}
