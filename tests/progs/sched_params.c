/* SPDX-License-Identifier: MIT */
/*
 * sched_params - scheduling policy and priority are read and set by thread; the ranges are the
 * kernel's
 *
 * uses: sched_getscheduler sched_setscheduler sched_getparam sched_setparam sched_get_priority_max
 * sched_get_priority_min
 */
#include "prog.h"

#include <sched.h>

static void *run(void *arg)
{
	struct sched_param param = { .sched_priority = 9 };
	int policy = 9;

	CHECK0(pthread_getschedparam(pthread_self(), &policy, &param));
	CHECK(policy == SCHED_OTHER && param.sched_priority == 0);
	CHECK0(pthread_setschedparam(pthread_self(), SCHED_BATCH, &param));
	CHECK0(pthread_getschedparam(pthread_self(), &policy, &param));
	CHECK(policy == SCHED_BATCH);
	CHECK(sched_getscheduler(0) == SCHED_BATCH);
	CHECK0(pthread_setschedprio(pthread_self(), 0));
	CHECK_RET(pthread_setschedparam(pthread_self(), SCHED_OTHER, &(struct sched_param){ 5 }),
		  EINVAL);
	return arg;
}

int main(void)
{
	struct sched_param param;
	int policy;

	for (int i = 0; i < 4; i++)
		thread_join(thread_start(run, NULL));
	CHECK0(pthread_getschedparam(pthread_self(), &policy, &param));
	CHECK(policy == SCHED_OTHER && param.sched_priority == 0);
	CHECK(sched_getscheduler(0) == SCHED_OTHER);
	printf("%d %d\n", sched_get_priority_min(SCHED_RR), sched_get_priority_max(SCHED_RR));
	return 0;
}
