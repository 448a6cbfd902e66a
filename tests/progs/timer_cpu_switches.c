/* SPDX-License-Identifier: MIT */
/*
 * timer_cpu_switches - a timer on another thread's CPU clock does not fire before that clock says so, however
 * often the thread waits and is woken
 *
 * uses: timer_create timer_settime rt_sigtimedwait futex clock_gettime
 */
#include "prog.h"

#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>

enum { ROUNDS = 4 };

static const int64_t SPAN = 50000000; /* ns */

static atomic_bool done;
static sem_t ping, pong;

static void *strike(void *arg)
{
	uint64_t val = 1;

	while (!done) {
		val = compute(val, 100);
		sem_post(&ping);
		sem_wait(&pong);
	}
	sem_post(&ping);
	return val ? arg : NULL;
}

static void *answer(void *arg)
{
	while (!done) {
		sem_wait(&ping);
		sem_post(&pong);
	}
	sem_post(&pong);
	return arg;
}

int main(void)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
	struct itimerspec at = { { 0, 0 }, { 0, 0 } };
	pthread_t t, u;
	clockid_t clock;
	timer_t timer;
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	CHECK0(pthread_sigmask(SIG_BLOCK, &set, NULL));
	sem_init(&ping, 0, 0);
	sem_init(&pong, 0, 0);
	t = thread_start(strike, &ping);
	u = thread_start(answer, &pong);
	CHECK0(pthread_getcpuclockid(t, &clock));
	CHECK(timer_create(clock, &ev, &timer) == 0);
	for (int i = 0; i < ROUNDS; i++) {
		int64_t when = clock_ns(clock) + SPAN;

		at.it_value = (struct timespec){ when / 1000000000, when % 1000000000 };
		CHECK(timer_settime(timer, TIMER_ABSTIME, &at, NULL) == 0);
		CHECK0(sigwait(&set, &sig));
		CHECK(sig == SIGRTMIN && clock_ns(clock) >= when);
	}
	CHECK(timer_delete(timer) == 0);
	done = true;
	CHECK(thread_join(t) == &ping && thread_join(u) == &pong);
	puts("ok");
	return 0;
}
