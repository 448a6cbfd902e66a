/* SPDX-License-Identifier: MIT */
/*
 * affinity_other - a thread is bound by another one, before it starts, while it computes and while it waits;
 * what cannot be is refused and changes nothing
 *
 * uses: sched_setaffinity sched_getaffinity getcpu clone3 futex read
 */
#include "prog.h"

#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>

enum { THREADS = 100 };

static cpu_set_t all, one[2];
static int cpu[2];
static atomic_int stop;
static sem_t go;
static int pipes[2];

static void expect(pthread_t t, const cpu_set_t *want)
{
	cpu_set_t got;

	CHECK0(pthread_getaffinity_np(t, sizeof(got), &got));
	CHECK(CPU_EQUAL(&got, want));
}

static void *born(void *arg)
{
	int i = *(int *)arg;

	for (int k = 0; k < 5; k++) {
		CHECK(sched_getcpu() == cpu[i]);
		expect(pthread_self(), &one[i]);
		sched_yield();
	}
	return NULL;
}

/* Computes until it has been seen on both. */
static void *spin(void *arg)
{
	uint64_t x = 1;

	while (sched_getcpu() != cpu[1])
		x = compute(x, 100);
	stop = 1;
	while (sched_getcpu() != cpu[0])
		x = compute(x, 100);
	return x ? arg : NULL;
}

static void *wait_sem(void *arg)
{
	sem_wait(&go);
	CHECK(sched_getcpu() == cpu[1]);
	return arg;
}

static void *wait_pipe(void *arg)
{
	char c;

	CHECK(read(pipes[0], &c, 1) == 1);
	expect(pthread_self(), &one[1]);
	sched_yield();
	CHECK(sched_getcpu() == cpu[1]);
	return arg;
}

int main(void)
{
	int which[2] = { 0, 1 }, n = 0;
	pthread_attr_t attr;
	pthread_t t, many[THREADS];
	cpu_set_t none;

	CHECK(sched_getaffinity(0, sizeof(all), &all) == 0);
	for (int i = 0; i < CPU_SETSIZE && n < 2; i++) {
		if (!CPU_ISSET(i, &all))
			continue;
		CPU_ZERO(&one[n]);
		CPU_SET(i, &one[n]);
		cpu[n++] = i;
	}
	if (n < 2)
		prog_skip("needs two processors");
	sem_init(&go, 0, 0);
	CHECK(pipe(pipes) == 0);
	CPU_ZERO(&none);

	CHECK0(pthread_attr_init(&attr));
	for (int i = 0; i < THREADS; i++) {
		CHECK0(pthread_attr_setaffinity_np(&attr, sizeof(cpu_set_t), &one[i % 2]));
		CHECK0(pthread_create(&many[i], &attr, born, &which[i % 2]));
	}
	for (int i = 0; i < THREADS; i++)
		thread_join(many[i]);
	CHECK0(pthread_attr_setaffinity_np(&attr, sizeof(cpu_set_t), &none));
	CHECK_RET(pthread_create(&t, &attr, born, &which[0]), EINVAL);
	pthread_attr_destroy(&attr);

	t = thread_start(spin, NULL);
	expect(t, &all);
	CHECK_RET(pthread_setaffinity_np(t, sizeof(none), &none), EINVAL);
	expect(t, &all);
	CHECK0(pthread_setaffinity_np(t, sizeof(cpu_set_t), &one[1]));
	expect(t, &one[1]);
	while (!stop)
		sched_yield();
	CHECK0(pthread_setaffinity_np(t, sizeof(cpu_set_t), &one[0]));
	thread_join(t);

	t = thread_start(wait_sem, NULL);
	CHECK0(pthread_setaffinity_np(t, sizeof(cpu_set_t), &one[1]));
	sem_post(&go);
	thread_join(t);
	t = thread_start(wait_pipe, NULL);
	CHECK0(pthread_setaffinity_np(t, sizeof(cpu_set_t), &one[1]));
	CHECK(write(pipes[1], "x", 1) == 1);
	thread_join(t);

	expect(pthread_self(), &all);
	CHECK(sched_setaffinity(getpid(), sizeof(cpu_set_t), &one[1]) == 0);
	CHECK(sched_getcpu() == cpu[1]);
	t = thread_start(born, &which[1]);
	thread_join(t);
	CHECK(sched_setaffinity(0, sizeof(all), &all) == 0);
	expect(pthread_self(), &all);
	puts("ok");
	return 0;
}
