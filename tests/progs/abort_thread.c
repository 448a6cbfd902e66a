/* SPDX-License-Identifier: MIT */
/*
 * abort_thread - abort in a thread kills the process with SIGABRT, after its handler has run
 *
 * uses: tgkill rt_sigaction rt_sigprocmask
 * status: SIGABRT
 */
#include "prog.h"

#include <signal.h>

static void on_abort(int sig)
{
	static const char text[] = "handler ran\n";

	(void)sig;
	CHECK(write(1, text, sizeof(text) - 1) == sizeof(text) - 1);
}

static void *run(void *arg)
{
	(void)arg;
	abort();
}

int main(void)
{
	signal(SIGABRT, on_abort);
	thread_join(thread_start(run, NULL));
	return 0;
}
