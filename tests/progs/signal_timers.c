/* SPDX-License-Identifier: MIT */
/*
 * signal_timers - alarm, setitimer and timer_create interrupt a thread that blocks and one that
 * computes
 *
 * uses: setitimer timer_create timer_settime timer_delete pause
 */
#include "prog.h"

#include <signal.h>
#include <sys/time.h>

static volatile sig_atomic_t alarms, ticks;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

static void on_tick(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	CHECK(info->si_code == SI_TIMER && info->si_value.sival_ptr == &ticks);
	ticks++;
}

static void *idle(void *arg)
{
	sigset_t all;

	sigfillset(&all);
	CHECK0(pthread_sigmask(SIG_SETMASK, &all, NULL));
	sleep(1000);
	return arg;
}

int main(void)
{
	struct itimerval every_5ms = { { 0, 5000 }, { 0, 5000 } }, off = { { 0, 0 }, { 0, 0 } };
	struct itimerspec tick_5ms = { { 0, 5000000 }, { 0, 5000000 } };
	struct sigaction sa = { .sa_handler = on_alarm };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL,
			       .sigev_signo = SIGRTMIN + 3,
			       .sigev_value.sival_ptr = (void *)&ticks };
	uint64_t sum = 0;
	timer_t timer;

	CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
	sa.sa_sigaction = on_tick;
	sa.sa_flags = SA_SIGINFO;
	CHECK(sigaction(SIGRTMIN + 3, &sa, NULL) == 0);
	thread_start(idle, NULL);
	CHECK(setitimer(ITIMER_REAL, &every_5ms, NULL) == 0);
	while (alarms < 3)
		sum = compute(sum, 1000);
	while (alarms < 6)
		pause();
	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
	CHECK(timer_create(CLOCK_MONOTONIC, &ev, &timer) == 0);
	CHECK(timer_settime(timer, 0, &tick_5ms, NULL) == 0);
	while (ticks < 3)
		sum = compute(sum, 1000);
	while (ticks < 6)
		usleep(1000000);
	CHECK(timer_delete(timer) == 0);
	alarms = 0;
	CHECK(alarm(1) == 0);
	while (alarms == 0)
		pause();
	puts(sum ? "ok" : "no");
	return 0;
}
