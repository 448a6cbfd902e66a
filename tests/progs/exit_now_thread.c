/* SPDX-License-Identifier: MIT */
/*
 * exit_now_thread - _exit from a thread ends the whole process at once: no atexit, no flush
 *
 * uses: exit_group
 * status: 5
 */
#include "prog.h"

static void at_exit(void)
{
	puts("atexit must not run");
}

static void *quit(void *arg)
{
	(void)arg;
	_exit(5);
}

int main(void)
{
	atexit(at_exit);
	printf("lost in the buffer");
	thread_join(thread_start(quit, NULL));
	return 1;
}
