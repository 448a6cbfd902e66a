/* SPDX-License-Identifier: MIT */
/*
 * signal_fd_thread - a signalfd shows what was sent to a thread to that thread alone: to read, poll, select and
 * epoll, asked before and while they wait, also where the thread has a kernel thread of its own
 *
 * uses: signalfd4 read readv poll select epoll_wait tgkill rt_tgsigqueueinfo kill rt_sigpending
 *	rt_sigtimedwait timer_create prctl
 */
#include "prog.h"

#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/uio.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

enum { ROUNDS = 20 };

static sigset_t set;
static int fd, fd_waits, fd_other;
static sem_t ready, go;
static int hits;
static pthread_t hit;

/* Each thread has an epoll set of its own: who asks one takes off what is not ready for him. */
static __thread int ep;

static void on_signal(int sig)
{
	(void)sig;
	hits++;
	hit = pthread_self();
}

static void make_set(void)
{
	struct epoll_event ev = { .events = EPOLLIN };

	ep = epoll_create1(EPOLL_CLOEXEC);
	CHECK(ep >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == 0);
}

static int by_poll(int timeout)
{
	struct pollfd p[2] = { { .fd = fd_other, .events = POLLIN },
			       { .fd = fd, .events = POLLIN } };
	int n = poll(p, 2, timeout);

	CHECK(n >= 0 && !p[0].revents && p[1].revents == (n ? POLLIN : 0));
	return n;
}

static int by_select(int timeout)
{
	struct timeval tv = { 0, 0 };
	fd_set in;
	int n;

	FD_ZERO(&in);
	FD_SET(fd, &in);
	FD_SET(fd_other, &in);
	n = select((fd > fd_other ? fd : fd_other) + 1, &in, NULL, NULL, timeout ? NULL : &tv);
	CHECK(n >= 0 && !FD_ISSET(fd_other, &in) && !FD_ISSET(fd, &in) == !n);
	return n;
}

static int by_epoll(int timeout)
{
	struct epoll_event ev;

	return epoll_wait(ep, &ev, 1, timeout);
}

static int (*const ask[])(int timeout) = { by_poll, by_select, by_epoll };

enum { ASKS = ARRAY_SIZE(ask) };

static bool pending(int sig)
{
	sigset_t s;

	CHECK(sigpending(&s) == 0);
	return sigismember(&s, sig);
}

static void expect_none(void)
{
	struct signalfd_siginfo info;

	for (int i = 0; i < ASKS; i++)
		CHECK(ask[i](0) == 0);
	CHECK_ERRNO(read(fd, &info, sizeof(info)), EAGAIN);
	CHECK(!pending(SIGUSR1) && !pending(SIGRTMIN));
}

static void expect_entry(const struct signalfd_siginfo *info, int sig, int code, int value)
{
	CHECK(info->ssi_signo == (uint32_t)sig && info->ssi_code == code && info->ssi_errno == 0);
	if (code == SI_TIMER)
		CHECK(info->ssi_pid == 0 && info->ssi_uid == 0);
	else
		CHECK(info->ssi_pid == (uint32_t)getpid() && info->ssi_uid == getuid());
	CHECK(info->ssi_int == value);
}

static void expect_one(int sig, int code, int value)
{
	struct signalfd_siginfo info;
	struct iovec v = { &info, sizeof(info) };

	for (int i = 0; i < ASKS; i++)
		CHECK(ask[i](0) == 1 && ask[i](-1) == 1);
	CHECK(pending(sig));
	CHECK_ERRNO(read(fd_other, &info, sizeof(info)), EAGAIN);
	CHECK_ERRNO(read(fd, &info, sizeof(info) - 1), EINVAL);
	CHECK((value ? readv(fd, &v, 1) : read(fd, &info, sizeof(info))) == sizeof(info));
	expect_entry(&info, sig, code, value);
	expect_none();
}

/* ---- asked after it came --------------------------------------------------------------------- */

static void *receiver(void *arg)
{
	make_set();
	for (int i = 0; i < 2 * ROUNDS; i++) {
		sem_post(&ready);
		while (sem_wait(&go) != 0)
			CHECK(errno == EINTR);
		if (i % 2)
			expect_one(SIGRTMIN, SI_QUEUE, i);
		else
			expect_one(SIGUSR1, SI_TKILL, 0);
	}
	close(ep);
	return arg;
}

static void sent_to_another(void)
{
	pthread_t t = thread_start(receiver, NULL);

	for (int i = 0; i < 2 * ROUNDS; i++) {
		while (sem_wait(&ready) != 0)
			CHECK(errno == EINTR);
		if (i % 2)
			CHECK0(pthread_sigqueue(t, SIGRTMIN, (union sigval){ .sival_int = i }));
		else
			CHECK0(pthread_kill(t, SIGUSR1));
		expect_none();
		sem_post(&go);
	}
	thread_join(t);
	expect_none();
}

/* ---- asked while it comes -------------------------------------------------------------------- */

struct waiting {
	int how; /* of ask[], or a read */
	bool pinned;
	pid_t tid;
};

static void *waiter(void *arg)
{
	struct waiting *w = arg;
	struct signalfd_siginfo info;

	make_set();
	if (w->pinned)
		CHECK(prctl(PR_SET_TIMERSLACK, 60000) == 0);
	w->tid = gettid();
	sem_post(&ready);
	if (w->how < ASKS) {
		CHECK(ask[w->how](-1) == 1);
		expect_one(SIGUSR1, SI_TKILL, 0);
	} else {
		CHECK(read(fd_waits, &info, sizeof(info)) == sizeof(info));
		expect_entry(&info, SIGUSR1, SI_TKILL, 0);
	}
	close(ep);
	return arg;
}

static void waited_for(void)
{
	struct waiting w[2 * (ASKS + 1)];
	pthread_t t[ARRAY_SIZE(w)];

	for (size_t i = 0; i < ARRAY_SIZE(w); i++) {
		w[i] = (struct waiting){ .how = (int)i / 2, .pinned = i % 2 };
		t[i] = thread_start(waiter, &w[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(w); i++)
		sem_wait(&ready);
	for (size_t i = 0; i < ARRAY_SIZE(w); i++) {
		CHECK0(pthread_kill(t[i], SIGUSR1));
		thread_join(t[i]);
		expect_none();
	}
}

/* ---- several --------------------------------------------------------------------------------- */

static void *several(void *arg)
{
	struct signalfd_siginfo info[8];
	struct timespec none = { 0, 0 };

	make_set();
	/* Its own come before the process's, lower numbers before higher ones. */
	for (int i = 1; i <= 2; i++)
		CHECK0(pthread_sigqueue(pthread_self(), SIGRTMIN,
					(union sigval){ .sival_int = i }));
	CHECK(raise(SIGUSR1) == 0);
	CHECK(sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 3 }) == 0);
	CHECK(read(fd, info, 2 * sizeof(*info)) == 2 * sizeof(*info));
	expect_entry(&info[0], SIGUSR1, SI_TKILL, 0);
	expect_entry(&info[1], SIGRTMIN, SI_QUEUE, 1);
	CHECK(read(fd, info, sizeof(info)) == 2 * sizeof(*info));
	expect_entry(&info[0], SIGRTMIN, SI_QUEUE, 2);
	expect_entry(&info[1], SIGRTMIN, SI_QUEUE, 3);
	expect_none();
	/* sigwait takes what a signalfd would have shown. */
	CHECK(raise(SIGUSR1) == 0 && by_poll(0) == 1);
	CHECK(sigtimedwait(&set, NULL, &none) == SIGUSR1);
	expect_none();
	/* ... and an open mask, too. */
	CHECK(raise(SIGUSR1) == 0 && by_poll(0) == 1);
	CHECK0(pthread_sigmask(SIG_UNBLOCK, &set, NULL));
	CHECK(hits == 1 && pthread_equal(hit, pthread_self()));
	hits = 0;
	CHECK0(pthread_sigmask(SIG_BLOCK, &set, NULL));
	expect_none();
	/* What it leaves goes with it. */
	CHECK(raise(SIGUSR1) == 0);
	close(ep);
	return arg;
}

/* ---- from elsewhere -------------------------------------------------------------------------- */

static void *timed(void *arg)
{
	struct itimerspec its = { .it_value = { 0, 1000000 } };
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN };
	struct signalfd_siginfo info;
	timer_t timer;

	make_set();
	ev.sigev_value.sival_int = 77;
	ev.sigev_notify_thread_id = gettid();
	CHECK(timer_create(CLOCK_MONOTONIC, &ev, &timer) == 0);
	CHECK(timer_settime(timer, 0, &its, NULL) == 0);
	CHECK(by_epoll(-1) == 1);
	CHECK(read(fd, &info, sizeof(info)) == sizeof(info));
	expect_entry(&info, SIGRTMIN, SI_TIMER, 77);
	CHECK(timer_delete(timer) == 0);
	close(ep);
	return arg;
}

/* Sent before there was a signalfd for it. */
static void *sooner(void *arg)
{
	struct signalfd_siginfo info;
	sigset_t usr2;
	int late;

	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	CHECK0(pthread_sigmask(SIG_BLOCK, &usr2, NULL));
	CHECK(raise(SIGUSR2) == 0);
	late = signalfd(-1, &usr2, SFD_CLOEXEC);
	CHECK(late >= 0);
	CHECK(read(late, &info, sizeof(info)) == sizeof(info));
	expect_entry(&info, SIGUSR2, SI_TKILL, 0);
	close(late);
	return arg;
}

int main(void)
{
	sigset_t other;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN);
	sigemptyset(&other);
	sigaddset(&other, SIGWINCH);
	sem_init(&ready, 0, 0);
	sem_init(&go, 0, 0);
	CHECK(signal(SIGUSR1, on_signal) != SIG_ERR);
	CHECK0(pthread_sigmask(SIG_BLOCK, &set, NULL));
	thread_join(thread_start(sooner, NULL));
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	fd_waits = signalfd(-1, &set, SFD_CLOEXEC);
	fd_other = signalfd(-1, &other, SFD_CLOEXEC | SFD_NONBLOCK);
	CHECK(fd >= 0 && fd_waits >= 0 && fd_other >= 0);
	make_set();
	sent_to_another();
	for (int i = 0; i < ROUNDS; i++) {
		waited_for();
		thread_join(thread_start(several, NULL));
		expect_none();
		thread_join(thread_start(timed, NULL));
	}
	several(NULL);
	make_set();
	CHECK(by_poll(0) == 1);
	expect_one(SIGUSR1, SI_TKILL, 0);
	puts("ok");
	return 0;
}
