/* SPDX-License-Identifier: MIT */
/*
 * cpu_clock_wait - others wait for a thread's CPU clock, by a timer that signals or by a sleep, relative and
 * absolute; for one's own one cannot sleep
 *
 * uses: timer_create timer_settime clock_nanosleep rt_sigtimedwait clock_gettime
 */
#include "prog.h"

#include <signal.h>
#include <stdatomic.h>

static atomic_int stop;
static clockid_t theirs;

static void *run(void *arg)
{
	struct timespec ms = { 0, 1000000 };
	uint64_t x = 1;

	CHECK_RET(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &ms, NULL), EINVAL);
	while (!stop)
		x = compute(x, 1000);
	return x ? arg : NULL;
}

static void *sleep_relative(void *arg)
{
	int64_t start = clock_ns(theirs);

	CHECK0(clock_nanosleep(theirs, 0, &(struct timespec){ 0, 10000000 }, NULL));
	CHECK(clock_ns(theirs) - start >= 10000000);
	return arg;
}

static void *sleep_absolute(void *arg)
{
	struct timespec until = clock_after(theirs, 10);

	CHECK0(clock_nanosleep(theirs, TIMER_ABSTIME, &until, NULL));
	CHECK(clock_ns(theirs) >= until.tv_sec * 1000000000LL + until.tv_nsec);
	CHECK0(clock_nanosleep(theirs, TIMER_ABSTIME, &(struct timespec){ 0, 1 }, NULL));
	return arg;
}

int main(void)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 2 };
	struct itimerspec limit = { .it_value = { 0, 20000000 }, .it_interval = { 0, 5000000 } };
	pthread_t t, other;
	timer_t timer;
	sigset_t set, absolute;
	int64_t start;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 2);
	sigemptyset(&absolute);
	sigaddset(&absolute, SIGRTMIN + 3);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	pthread_sigmask(SIG_BLOCK, &absolute, NULL);
	t = thread_start(run, NULL);
	CHECK0(pthread_getcpuclockid(t, &theirs));
	CHECK(timer_create(theirs, &ev, &timer) == 0);
	start = clock_ns(theirs);
	CHECK(timer_settime(timer, 0, &limit, NULL) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(sigwaitinfo(&set, NULL) == SIGRTMIN + 2);
	CHECK(clock_ns(theirs) - start >= 30000000);
	CHECK(timer_delete(timer) == 0);

	ev.sigev_signo = SIGRTMIN + 3;
	CHECK(timer_create(theirs, &ev, &timer) == 0);
	start = clock_ns(theirs) + 20000000;
	limit = (struct itimerspec){ .it_value = { start / 1000000000, start % 1000000000 } };
	CHECK(timer_settime(timer, TIMER_ABSTIME, &limit, NULL) == 0);
	CHECK(sigwaitinfo(&absolute, NULL) == SIGRTMIN + 3);
	CHECK(clock_ns(theirs) >= start);
	limit.it_value = (struct timespec){ 0, 1 };
	CHECK(timer_settime(timer, TIMER_ABSTIME, &limit, NULL) == 0);
	CHECK(sigwaitinfo(&absolute, NULL) == SIGRTMIN + 3);
	CHECK(timer_delete(timer) == 0);

	other = thread_start(sleep_relative, NULL);
	sleep_absolute(NULL);
	thread_join(other);
	stop = 1;
	thread_join(t);
	puts("ok");
	return 0;
}
