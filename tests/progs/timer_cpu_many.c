/* SPDX-License-Identifier: MIT */
/*
 * timer_cpu_many - a thread makes and deletes a thousand timers on its CPU clock, and the next one still
 * knows that clock's time
 *
 * uses: timer_create timer_settime timer_delete clock_gettime
 */
#include "prog.h"

#include <signal.h>

enum { TIMERS = 1000, MS = 1000000 };

static volatile int64_t fired; /* by the thread's clock */

static void on_timer(int sig)
{
	(void)sig;
	fired = clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static void burn(int64_t ns)
{
	int64_t end = clock_ns(CLOCK_THREAD_CPUTIME_ID) + ns;
	uint64_t val = 1;

	while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < end)
		val = compute(val, 1000);
	CHECK(val);
}

static void *burn_a_while(void *arg)
{
	burn(300LL * MS);
	return arg;
}

static void *run(void *arg)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec at = { 0 };
	timer_t timer;
	int64_t when;

	burn(300LL * MS);
	for (int i = 0; i < TIMERS; i++) {
		CHECK(timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer) == 0);
		CHECK(timer_delete(timer) == 0);
	}
	CHECK(timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer) == 0);
	when = clock_ns(CLOCK_THREAD_CPUTIME_ID) + 20LL * MS;
	at.it_value = (struct timespec){ when / 1000000000, when % 1000000000 };
	CHECK(timer_settime(timer, TIMER_ABSTIME, &at, NULL) == 0);
	while (!fired)
		burn(MS);
	/* Neither by a clock that is far behind, nor by one that is far ahead. */
	CHECK(fired >= when && fired < when + 200LL * MS);
	CHECK(timer_delete(timer) == 0);
	return arg;
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_timer };

	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	thread_join(thread_start(burn_a_while, NULL));
	thread_join(thread_start(run, NULL));
	puts("ok");
	return 0;
}
