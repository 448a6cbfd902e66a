/* SPDX-License-Identifier: MIT */
/*
 * signal_sleep_rest - a signal ends nanosleep and clock_nanosleep with the time that is left
 *
 * uses: nanosleep clock_nanosleep tgkill
 */
#include "signalled.h"

static void *nap(void *arg)
{
	struct timespec day = { 86400, 0 }, rest = { -1, -1 };

	if (arg)
		CHECK_RET(clock_nanosleep(CLOCK_MONOTONIC, 0, &day, &rest), EINTR);
	else
		CHECK_ERRNO(nanosleep(&day, &rest), EINTR);
	CHECK(rest.tv_sec > 80000 && rest.tv_sec <= 86400 && rest.tv_nsec >= 0 &&
	      rest.tv_nsec < 1000000000);
	CHECK(sleep(0) == 0);
	signalled_done = 1;
	return NULL;
}

static void *in_sleep(void *arg)
{
	CHECK(sleep(86400) > 80000);
	signalled_done = 1;
	return arg;
}

int main(void)
{
	signalled_install(SA_RESTART);
	thread_join(signalled_run(nap, NULL, 0));
	thread_join(signalled_run(nap, &signalled_done, 0));
	thread_join(signalled_run(in_sleep, NULL, 0));
	puts("ok");
	return 0;
}
