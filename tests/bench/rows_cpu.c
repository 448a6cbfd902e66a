/* SPDX-License-Identifier: MIT */
/*
 * rows_cpu.c - rows about threads that compute, and about those beside them
 */
#include "bench.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#define NAP_NS 1000000.0

static void spin_work(struct bench_worker *worker)
{
	int *stop = worker->arg;

	while (!__atomic_load_n(stop, __ATOMIC_RELAXED))
		;
}

static int compare(const void *one, const void *two)
{
	double a = *(const double *)one, b = *(const double *)two;

	return (a > b) - (a < b);
}

double row_late(long n, long size)
{
	const struct timespec nap = { .tv_nsec = (long)NAP_NS };
	double *late = bench_alloc(n, sizeof(*late));
	struct bench_team team;
	double median;
	int stop = 0;

	bench_team_start(&team, size, spin_work, &stop);
	bench_team_open(&team);
	for (long i = 0; i < n; i++) {
		double start = bench_now();

		if (nanosleep(&nap, NULL))
			bench_die("nanosleep", errno);
		late[i] = bench_now() - start - NAP_NS;
		if (late[i] < 0)
			bench_die("nanosleep: woke too early", 0);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	bench_team_join(&team);
	qsort(late, (size_t)n, sizeof(*late), compare);
	median = late[n / 2];
	free(late);
	return median;
}

#define STEPS 1000000

struct work {
	long units;
	uint64_t *results; /* one a thread */
};

/* A step is one round of Marsaglia's xorshift64: nothing to vectorise. */
static void cpu_work(struct bench_worker *worker)
{
	struct work *work = worker->arg;
	uint64_t x = 88172645463325252u;

	for (long i = 0; i < work->units * STEPS; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	work->results[worker->index] = x;
}

double row_cpu(long n, long size)
{
	struct work work = { .units = n };
	double took;

	work.results = bench_alloc(size, sizeof(uint64_t));
	took = bench_team_run(size, cpu_work, &work);
	for (long i = 0; i < size; i++)
		if (work.results[i] != work.results[0] || !work.results[i])
			bench_die("cpu: threads disagree", 0);
	free(work.results);
	return took / (double)n;
}
