/* SPDX-License-Identifier: MIT */
/*
 * create_sequential - 10,000 threads one after the other, each joined
 *
 * uses: clone3 exit futex
 */
#include "prog.h"

static void *add(void *arg)
{
	++*(int *)arg;
	return arg;
}

int main(void)
{
	int sum = 0;

	for (int i = 0; i < 10000; i++)
		CHECK(thread_join(thread_start(add, &sum)) == &sum);
	printf("%d\n", sum);
	return 0;
}
