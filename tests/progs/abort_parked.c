/* SPDX-License-Identifier: MIT */
/*
 * abort_parked - abort in main, while threads are parked, kills the process with SIGABRT
 *
 * uses: tgkill
 * status: SIGABRT
 */
#include "prog.h"

static void *sleeper(void *arg)
{
	sleep(1000);
	return arg;
}

int main(void)
{
	for (int i = 0; i < 8; i++)
		thread_start(sleeper, NULL);
	usleep(10000);
	puts("aborting");
	fflush(stdout);
	abort();
}
