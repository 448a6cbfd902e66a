/* SPDX-License-Identifier: MIT */
/*
 * tgkill_ended_main - the main thread's id stays good when it has ended: a signal to it goes nowhere
 *
 * uses: tgkill exit
 */
#include "prog.h"

#include <signal.h>
#include <sys/syscall.h>

static pthread_t main_thread;
static int hits;

static void on_signal(int sig)
{
	(void)sig;
	hits++;
}

static void *run(void *arg)
{
	thread_join(main_thread);
	for (int i = 0; i < 100; i++) {
		CHECK(syscall(SYS_tgkill, getpid(), getpid(), 0) == 0);
		CHECK(syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1) == 0);
		CHECK_ERRNO(syscall(SYS_tgkill, getpid(), getpid(), 65), EINVAL);
		sched_yield();
	}
	CHECK(hits == 0);
	puts("ok");
	return arg;
}

int main(void)
{
	CHECK(signal(SIGUSR1, on_signal) != SIG_ERR);
	main_thread = pthread_self();
	thread_start(run, NULL);
	pthread_exit(NULL);
}
