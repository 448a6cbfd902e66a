/* SPDX-License-Identifier: MIT */
/*
 * block_signalfd - a thread blocked in reading a signalfd leaves the processor; the others may read
 * it too
 *
 * uses: signalfd4 read rt_sigprocmask kill
 */
#include "blocked.h"

#include <signal.h>
#include <sys/signalfd.h>

static int fd;

static void *wait_signal(void *arg)
{
	struct signalfd_siginfo info;

	blocked_now();
	CHECK(read(fd, &info, sizeof(info)) == sizeof(info));
	CHECK(info.ssi_signo == (uint32_t)SIGRTMIN + 2 && info.ssi_pid == (uint32_t)getpid());
	return arg;
}

static void release(intptr_t i)
{
	CHECK(sigqueue(getpid(), SIGRTMIN + 2, (union sigval){ .sival_int = (int)i }) == 0);
}

int main(void)
{
	sigset_t set;

	CHECK(sigemptyset(&set) == 0 && sigaddset(&set, SIGRTMIN + 2) == 0);
	CHECK0(pthread_sigmask(SIG_BLOCK, &set, NULL));
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	CHECK(fd >= 0);
	blocked_run(wait_signal, release);
	return 0;
}
