/* SPDX-License-Identifier: MIT */
/*
 * signal_default - SIGTERM, with no handler, ends a process whose threads are all parked
 *
 * uses: kill
 * status: SIGTERM
 */
#include "prog.h"

#include <signal.h>

static void *park(void *arg)
{
	for (;;)
		pause();
	return arg;
}

int main(void)
{
	pid_t parent = getpid(), pid;

	for (int i = 0; i < 5; i++)
		thread_start(park, NULL);
	puts("parked");
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		kill(parent, SIGTERM);
		_exit(0);
	}
	for (;;)
		pause();
}
