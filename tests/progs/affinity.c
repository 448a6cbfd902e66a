/* SPDX-License-Identifier: MIT */
/*
 * affinity - a thread may bind itself to one processor and runs there; others keep all; creators
 * hand theirs on
 *
 * uses: sched_setaffinity sched_getaffinity getcpu
 */
#include "prog.h"

#include <sched.h>
#include <sys/sysinfo.h>

static cpu_set_t all;

static void *inherit(void *arg)
{
	cpu_set_t set;

	CHECK0(pthread_getaffinity_np(pthread_self(), sizeof(set), &set));
	CHECK(CPU_EQUAL(&set, (cpu_set_t *)arg));
	return NULL;
}

static void *bind(void *arg)
{
	int cpu = *(int *)arg;
	cpu_set_t one, got;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	CHECK0(pthread_setaffinity_np(pthread_self(), sizeof(one), &one));
	CHECK0(pthread_getaffinity_np(pthread_self(), sizeof(got), &got));
	CHECK(CPU_EQUAL(&one, &got));
	for (int i = 0; i < 20; i++) {
		CHECK(sched_getcpu() == cpu);
		sched_yield();
	}
	thread_join(thread_start(inherit, &one));
	return arg;
}

int main(void)
{
	int first = 0;

	CHECK(sched_getaffinity(0, sizeof(all), &all) == 0);
	CHECK(CPU_COUNT(&all) >= 1 && CPU_COUNT(&all) <= get_nprocs_conf());
	while (!CPU_ISSET(first, &all))
		first++;
	thread_join(thread_start(inherit, &all));
	thread_join(thread_start(bind, &first));
	thread_join(thread_start(inherit, &all));
	inherit(&all);
	puts("ok");
	return 0;
}
