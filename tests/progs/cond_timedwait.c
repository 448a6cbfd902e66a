/* SPDX-License-Identifier: MIT */
/*
 * cond_timedwait - timed waits on a condition end with ETIMEDOUT not before their time, on either
 * clock, with the mutex held
 *
 * uses: futex
 */
#include "prog.h"

static pthread_mutex_t lock = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;

static void expect_timeout(pthread_cond_t *cond, clockid_t clock, bool clockwait)
{
	struct timespec end = clock_after(clock, 40), past = clock_after(clock, -1000);
	int ret;

	CHECK0(pthread_mutex_lock(&lock));
	do
		ret = clockwait ? pthread_cond_clockwait(cond, &lock, clock, &end)
				: pthread_cond_timedwait(cond, &lock, &end);
	while (ret == 0);
	CHECK_RET(ret, ETIMEDOUT);
	CHECK(clock_ns(clock) >= end.tv_sec * 1000000000LL + end.tv_nsec);
	CHECK_RET(pthread_mutex_lock(&lock), EDEADLK);
	ret = clockwait ? pthread_cond_clockwait(cond, &lock, clock, &past)
			: pthread_cond_timedwait(cond, &lock, &past);
	CHECK_RET(ret, ETIMEDOUT);
	CHECK0(pthread_mutex_unlock(&lock));
}

static void *run(void *arg)
{
	pthread_cond_t real = PTHREAD_COND_INITIALIZER, mono;
	pthread_condattr_t attr;

	CHECK0(pthread_condattr_init(&attr));
	CHECK0(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC));
	CHECK0(pthread_cond_init(&mono, &attr));
	expect_timeout(&real, CLOCK_REALTIME, false);
	expect_timeout(&mono, CLOCK_MONOTONIC, false);
	expect_timeout(&real, CLOCK_MONOTONIC, true);
	expect_timeout(&mono, CLOCK_REALTIME, true);
	CHECK0(pthread_cond_destroy(&real));
	CHECK0(pthread_cond_destroy(&mono));
	return arg;
}

int main(void)
{
	pthread_t t[3];

	for (int i = 0; i < 3; i++)
		t[i] = thread_start(run, NULL);
	run(NULL);
	for (int i = 0; i < 3; i++)
		thread_join(t[i]);
	puts("ok");
	return 0;
}
