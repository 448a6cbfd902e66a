/* SPDX-License-Identifier: MIT */
/*
 * signal_default_thread - SIGUSR1 sent to one thread by pthread_kill, with no handler, ends the
 * process
 *
 * uses: tgkill
 * status: SIGUSR1
 */
#include "prog.h"

#include <signal.h>

static void *park(void *arg)
{
	sleep(1000);
	return arg;
}

int main(void)
{
	pthread_t t = thread_start(park, NULL);

	puts("before");
	fflush(stdout);
	CHECK0(pthread_kill(t, SIGUSR1));
	thread_join(t);
	return 1;
}
