/* SPDX-License-Identifier: MIT */
/*
 * whoami - a thread prints its id: the runner reads from it whether threads are goroutines
 *
 * Not in the list of the programs that are compared: its output is the difference.
 *
 * uses: clone3 gettid
 */
#include "prog.h"

static void *say(void *arg)
{
	(void)arg;
	printf("%d\n", gettid());
	return NULL;
}

int main(void)
{
	thread_join(thread_start(say, NULL));
	return 0;
}
