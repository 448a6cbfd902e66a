/* SPDX-License-Identifier: MIT */
/*
 * signal_timer_thread - timers with SIGEV_THREAD run their function in a thread, and a timer aimed
 * at a thread signals that one
 *
 * uses: timer_create timer_settime rt_sigtimedwait clone3
 */
#include "prog.h"

#include <semaphore.h>
#include <signal.h>

static __thread int mine;
static sem_t ran, hit;

static void notify(union sigval val)
{
	CHECK(val.sival_int == 77);
	sem_post(&ran);
}

static void on_signal(int sig)
{
	(void)sig;
	CHECK(mine == 5);
	sem_post(&hit);
}

static void *target(void *arg)
{
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 4 };
	struct itimerspec tick = { { 0, 3000000 }, { 0, 3000000 } };
	timer_t timer;

	mine = 5;
	ev._sigev_un._tid = gettid();
	CHECK(timer_create(CLOCK_MONOTONIC, &ev, &timer) == 0);
	CHECK(timer_settime(timer, 0, &tick, NULL) == 0);
	for (int i = 0; i < 5; i++)
		while (sem_wait(&hit) != 0)
			CHECK(errno == EINTR);
	CHECK(timer_delete(timer) == 0);
	return arg;
}

int main(void)
{
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD,
			       .sigev_notify_function = notify,
			       .sigev_value.sival_int = 77 };
	struct itimerspec tick = { { 0, 3000000 }, { 0, 3000000 } };
	timer_t timer;

	sem_init(&ran, 0, 0);
	sem_init(&hit, 0, 0);
	CHECK(signal(SIGRTMIN + 4, on_signal) != SIG_ERR);
	CHECK(timer_create(CLOCK_MONOTONIC, &ev, &timer) == 0);
	CHECK(timer_settime(timer, 0, &tick, NULL) == 0);
	for (int i = 0; i < 5; i++)
		while (sem_wait(&ran) != 0)
			CHECK(errno == EINTR);
	CHECK(timer_delete(timer) == 0);
	thread_join(thread_start(target, NULL));
	puts("ok");
	return 0;
}
