/* SPDX-License-Identifier: MIT */
/*
 * timer_cpu - a timer on a thread's own CPU clock fires after the thread has computed that long
 *
 * uses: timer_create timer_settime clock_gettime
 */
#include "prog.h"

#include <signal.h>
#include <stdatomic.h>

static atomic_int fired;

static void on_timer(int sig)
{
	(void)sig;
	fired++;
}

static void *run(void *arg)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 5 };
	struct itimerspec limit = { .it_value = { 0, 20000000 } };
	uint64_t val = 1;
	clockid_t clock;
	timer_t timer;

	CHECK0(pthread_getcpuclockid(pthread_self(), &clock));
	CHECK(timer_create(clock, &ev, &timer) == 0);
	CHECK(timer_settime(timer, 0, &limit, NULL) == 0);
	usleep(50000);
	CHECK(fired == 0);
	while (fired == 0)
		val = compute(val, 10000);
	CHECK(timer_delete(timer) == 0);
	return val ? arg : NULL;
}

int main(void)
{
	signal(SIGRTMIN + 5, on_timer);
	CHECK(thread_join(thread_start(run, &fired)) == &fired);
	printf("%d\n", fired);
	return 0;
}
