/* SPDX-License-Identifier: MIT */
/*
 * create_tree - threads that create threads: a binary tree of 511, each joining its two
 *
 * uses: clone3 exit futex
 */
#include "prog.h"

static void *node(void *arg)
{
	intptr_t depth = (intptr_t)arg, sum = 1;
	pthread_t kids[2];

	if (depth == 0)
		return (void *)1;
	for (int i = 0; i < 2; i++)
		kids[i] = thread_start(node, (void *)(depth - 1));
	for (int i = 0; i < 2; i++)
		sum += (intptr_t)thread_join(kids[i]);
	return (void *)sum;
}

int main(void)
{
	printf("%d\n", (int)(intptr_t)thread_join(thread_start(node, (void *)8)));
	return 0;
}
