/* SPDX-License-Identifier: MIT */
/*
 * join_chain - each thread joins the one before it, while main joins the last
 *
 * uses: clone3 futex exit
 */
#include "prog.h"

enum { THREADS = 200 };

static pthread_t threads[THREADS];

static void *link_to_previous(void *arg)
{
	intptr_t i = (intptr_t)arg, before = 0;

	if (i > 0)
		before = (intptr_t)thread_join(threads[i - 1]);
	return (void *)(before + i);
}

int main(void)
{
	for (intptr_t i = 0; i < THREADS; i++)
		threads[i] = thread_start(link_to_previous, (void *)i);
	printf("%d\n", (int)(intptr_t)thread_join(threads[THREADS - 1]));
	return 0;
}
