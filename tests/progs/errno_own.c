/* SPDX-License-Identifier: MIT */
/*
 * errno_own - errno is each thread's own, across yields and calls that block
 *
 * uses: read sched_yield clock_nanosleep
 */
#include "prog.h"

#include <sched.h>

static void *bad_file(void *arg)
{
	char c;

	for (int i = 0; i < 200; i++) {
		CHECK(read(-1, &c, 1) == -1);
		sched_yield();
		CHECK(errno == EBADF);
	}
	return arg;
}

static void *bad_path(void *arg)
{
	for (int i = 0; i < 200; i++) {
		CHECK(access("/nonexistent/file", R_OK) == -1);
		if (i % 20 == 0)
			usleep(1000);
		else
			sched_yield();
		CHECK(errno == ENOENT);
	}
	return arg;
}

int main(void)
{
	pthread_t t[8];

	errno = ERANGE;
	for (int i = 0; i < 8; i++)
		t[i] = thread_start(i % 2 ? bad_file : bad_path, NULL);
	for (int i = 0; i < 8; i++)
		thread_join(t[i]);
	CHECK(errno == ERANGE);
	puts("ok");
	return 0;
}
