/* SPDX-License-Identifier: MIT */
/*
 * signal_wait - a thread of its own takes all signals by sigwait, sigwaitinfo and sigtimedwait,
 * with their values
 *
 * uses: rt_sigtimedwait rt_sigqueueinfo kill rt_tgsigqueueinfo
 */
#include "prog.h"

#include <semaphore.h>
#include <signal.h>

static sem_t got;
static sigset_t set;

static void *taker(void *arg)
{
	struct timespec minute = { 60, 0 }, soon = { 0, 20000000 };
	siginfo_t info;
	int sig;

	CHECK0(sigwait(&set, &sig));
	CHECK(sig == SIGUSR1);
	sem_post(&got);
	CHECK(sigwaitinfo(&set, &info) == SIGRTMIN + 1);
	CHECK(info.si_code == SI_QUEUE && info.si_value.sival_int == 42 && info.si_pid == getpid());
	sem_post(&got);
	CHECK(sigtimedwait(&set, &info, &minute) == SIGUSR2);
	CHECK(info.si_code == SI_USER);
	sem_post(&got);
	CHECK(sigwaitinfo(&set, &info) == SIGRTMIN + 1);
	CHECK(info.si_value.sival_int == 43);
	CHECK_ERRNO(sigtimedwait(&set, &info, &soon), EAGAIN);
	soon.tv_nsec = 0;
	CHECK_ERRNO(sigtimedwait(&set, &info, &soon), EAGAIN);
	return arg;
}

int main(void)
{
	pthread_t t;

	sem_init(&got, 0, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGRTMIN + 1);
	CHECK0(pthread_sigmask(SIG_BLOCK, &set, NULL));
	t = thread_start(taker, NULL);
	CHECK(kill(getpid(), SIGUSR1) == 0);
	sem_wait(&got);
	CHECK(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ 42 }) == 0);
	sem_wait(&got);
	CHECK(kill(getpid(), SIGUSR2) == 0);
	sem_wait(&got);
	CHECK0(pthread_sigqueue(t, SIGRTMIN + 1, (union sigval){ 43 }));
	thread_join(t);
	puts("ok");
	return 0;
}
