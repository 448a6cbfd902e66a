/* SPDX-License-Identifier: MIT */
/*
 * stack_locked - memory that is locked is that of the threads there are, and of those to come,
 * and no more
 *
 * uses: mlockall munlockall mlock clone3
 */
#include "prog.h"

#include <sys/mman.h>

enum { STACK = 16 << 20 };

static void *run(void *arg)
{
	volatile char deep[STACK / 2];

	deep[0] = 1;
	CHECK(deep[0] == 1);
	return arg;
}

static void threads(int n)
{
	pthread_attr_t attr;
	pthread_t t;

	CHECK0(pthread_attr_init(&attr));
	CHECK0(pthread_attr_setstacksize(&attr, STACK));
	for (int i = 0; i < n; i++) {
		CHECK0(pthread_create(&t, &attr, run, NULL));
		thread_join(t);
	}
}

static long locked_kb(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	long kb = -1;

	CHECK(f);
	while (fgets(line, sizeof(line), f))
		sscanf(line, "VmLck: %ld", &kb);
	fclose(f);
	return kb;
}

int main(void)
{
	threads(3);
	if (mlockall(MCL_CURRENT) != 0)
		prog_skip("memory cannot be locked");
	CHECK(locked_kb() < 100 << 10);
	threads(3);
	if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
		prog_skip("memory cannot be locked");
	threads(3);
	CHECK(locked_kb() < 150 << 10);
	CHECK(munlockall() == 0);
	threads(3);
	puts("ok");
	return 0;
}
