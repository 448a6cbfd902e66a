/* SPDX-License-Identifier: MIT */
/*
 * signal_limit - a process may queue as many real-time signals as RLIMIT_SIGPENDING says, to itself and to
 * its threads; ordinary ones, and those of kill, are sent all the same
 *
 * uses: rt_sigqueueinfo rt_tgsigqueueinfo tgkill kill prlimit64 rt_sigtimedwait
 */
#include "prog.h"

#include <signal.h>
#include <sys/resource.h>

enum { LIMIT = 20, MANY = 100, A_USER = 48611 };

/* How many of SIG, all that are pending. */
static int take_all(int sig)
{
	const struct timespec zero = { 0, 0 };
	sigset_t set;
	int n = 0;

	sigemptyset(&set);
	sigaddset(&set, sig);
	while (sigtimedwait(&set, NULL, &zero) == sig)
		n++;
	CHECK(errno == EAGAIN);
	return n;
}

static void *run(void *arg)
{
	union sigval val = { .sival_int = 1 };
	int sent, r;

	for (sent = 0; sent < MANY && (r = pthread_sigqueue(pthread_self(), SIGRTMIN + 1, val)) == 0;)
		sent++;
	CHECK(sent < MANY && r == EAGAIN);
	CHECK_RET(pthread_kill(pthread_self(), SIGRTMIN + 2), EAGAIN);
	CHECK_ERRNO(sigqueue(getpid(), SIGRTMIN + 1, val), EAGAIN);
	CHECK0(pthread_kill(pthread_self(), SIGUSR1));
	CHECK(kill(getpid(), SIGUSR2) == 0 && kill(getpid(), SIGRTMIN + 3) == 0);
	CHECK(take_all(SIGUSR1) == 1 && take_all(SIGUSR2) == 1 && take_all(SIGRTMIN + 3) == 1);
	CHECK(take_all(SIGRTMIN + 1) == sent && take_all(SIGRTMIN + 2) == 0);

	/* There is room again. */
	for (sent = 0; sent < MANY && sigqueue(getpid(), SIGRTMIN + 1, val) == 0; sent++)
		;
	CHECK(sent > 0 && sent < MANY && errno == EAGAIN);
	CHECK(take_all(SIGRTMIN + 1) == sent);
	return arg;
}

int main(void)
{
	struct rlimit limit = { LIMIT, LIMIT };
	sigset_t all;

	sigfillset(&all);
	CHECK0(pthread_sigmask(SIG_SETMASK, &all, NULL));
	/* What others of the same user have pending counts: be one who has none. */
	if (geteuid() == 0 && setresuid(A_USER, A_USER, A_USER) != 0)
		prog_skip("there are no other users here");
	CHECK(setrlimit(RLIMIT_SIGPENDING, &limit) == 0);
	if (sigqueue(getpid(), SIGRTMIN, (union sigval){ 0 }) != 0)
		prog_skip("the user has too many signals pending");
	thread_join(thread_start(run, NULL));
	puts("ok");
	return 0;
}
