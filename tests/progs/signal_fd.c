/* SPDX-License-Identifier: MIT */
/*
 * signal_fd - a signalfd shows a signal as soon as it is sent, whoever blocked it last: all threads
 * from the start, one that had it open for a while, one that has ended
 *
 * uses: signalfd4 read rt_sigprocmask rt_sigpending rt_sigtimedwait kill rt_sigqueueinfo tgkill
 */
#include "prog.h"

#include <signal.h>
#include <sys/signalfd.h>

static sigset_t set;
static int fd, hits;

static void on_signal(int sig)
{
	(void)sig;
	__atomic_add_fetch(&hits, 1, __ATOMIC_SEQ_CST);
}

static void expect(int sig)
{
	struct signalfd_siginfo info;
	sigset_t pending;

	CHECK(sigpending(&pending) == 0 && sigismember(&pending, sig) == 1);
	CHECK(read(fd, &info, sizeof(info)) == sizeof(info) && info.ssi_signo == (uint32_t)sig);
	CHECK_ERRNO(read(fd, &info, sizeof(info)), EAGAIN);
	CHECK(sigpending(&pending) == 0 && sigismember(&pending, sig) == 0);
}

static void *open_for_a_while(void *arg)
{
	CHECK0(pthread_sigmask(SIG_UNBLOCK, &set, NULL));
	CHECK(kill(getpid(), SIGUSR1) == 0);
	while (__atomic_load_n(&hits, __ATOMIC_SEQ_CST) == 0)
		sched_yield();
	__atomic_store_n(&hits, 0, __ATOMIC_SEQ_CST);
	if (arg)
		return arg;
	CHECK0(pthread_sigmask(SIG_BLOCK, &set, NULL));
	CHECK(kill(getpid(), SIGUSR1) == 0);
	expect(SIGUSR1);
	return arg;
}

static void *send_all(void *arg)
{
	struct timespec none = { 0, 0 };
	struct signalfd_siginfo info;

	CHECK(kill(getpid(), SIGUSR1) == 0);
	expect(SIGUSR1);
	CHECK(raise(SIGUSR1) == 0);
	expect(SIGUSR1);
	CHECK(kill(getpid(), SIGUSR1) == 0);
	CHECK(sigtimedwait(&set, NULL, &none) == SIGUSR1);
	CHECK_ERRNO(sigtimedwait(&set, NULL, &none), EAGAIN);
	for (int i = 0; i < 5; i++)
		CHECK(sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = i }) == 0);
	for (int i = 0; i < 5; i++)
		CHECK(read(fd, &info, sizeof(info)) == sizeof(info) &&
		      info.ssi_signo == (uint32_t)SIGRTMIN && info.ssi_int == i);
	return arg;
}

int main(void)
{
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN);
	CHECK(signal(SIGUSR1, on_signal) != SIG_ERR);
	CHECK0(pthread_sigmask(SIG_BLOCK, &set, NULL));
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	CHECK(fd >= 0);
	send_all(NULL);
	for (int round = 0; round < 20; round++) {
		thread_join(thread_start(send_all, NULL));
		thread_join(thread_start(open_for_a_while, NULL));
		thread_join(thread_start(open_for_a_while, &fd));
		send_all(NULL);
	}
	CHECK(hits == 0);
	puts("ok");
	return 0;
}
