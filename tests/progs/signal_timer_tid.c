/* SPDX-License-Identifier: MIT */
/*
 * signal_timer_tid - timers aimed at threads, main among them, signal these and no others, with their
 * own value; a signal that is still pending only counts what was missed
 *
 * uses: timer_create timer_settime timer_delete rt_sigtimedwait
 */
#include "prog.h"

#include <signal.h>

static __thread intptr_t mine;
static __thread volatile sig_atomic_t hits;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	CHECK(info->si_code == SI_TIMER && (intptr_t)info->si_value.sival_ptr == mine);
	hits++;
}

static timer_t make(int sig, void *value)
{
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID,
			       .sigev_signo = sig,
			       .sigev_value.sival_ptr = value };
	struct itimerspec tick = { { 0, 2000000 }, { 0, 2000000 } };
	timer_t timer;

	ev._sigev_un._tid = gettid();
	CHECK(timer_create(CLOCK_MONOTONIC, &ev, &timer) == 0);
	CHECK(timer_settime(timer, 0, &tick, NULL) == 0);
	return timer;
}

static void *run(void *arg)
{
	struct timespec none = { 0, 0 };
	uint64_t sum = 0;
	siginfo_t info;
	timer_t timer;
	sigset_t set;

	mine = (intptr_t)arg;
	timer = make(SIGRTMIN + 4, arg);
	while (hits < 5)
		sum = compute(sum, 1000);
	while (hits < 10)
		usleep(1000000);
	CHECK(timer_delete(timer) == 0 && sum != 0);

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 5);
	CHECK0(pthread_sigmask(SIG_BLOCK, &set, NULL));
	timer = make(SIGRTMIN + 5, arg);
	sleep_ms(20);
	CHECK(sigwaitinfo(&set, &info) == SIGRTMIN + 5);
	CHECK(info.si_code == SI_TIMER && info.si_value.sival_ptr == arg);
	CHECK(timer_delete(timer) == 0);
	/* One may have come since, but not one for each tick. */
	sigtimedwait(&set, NULL, &none);
	CHECK_ERRNO(sigtimedwait(&set, NULL, &none), EAGAIN);
	return arg;
}

int main(void)
{
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
	pthread_t t[4];
	timer_t timer;

	CHECK(sigaction(SIGRTMIN + 4, &sa, NULL) == 0);
	for (intptr_t i = 0; i < 4; i++)
		t[i] = thread_start(run, (void *)(i + 1));
	run((void *)100);
	for (int i = 0; i < 4; i++)
		thread_join(t[i]);
	ev._sigev_un._tid = (1 << 30) - 1;
	CHECK_ERRNO(timer_create(CLOCK_MONOTONIC, &ev, &timer), EINVAL);
	puts("ok");
	return 0;
}
