/* SPDX-License-Identifier: MIT */
/*
 * rows_cpu.c - rows about threads that compute, and about those beside them
 */
#include "bench.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

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

/* A byte that one thread reads from a pipe, and answers by another, while SIZE threads spin. */
struct answer {
	int in, out;
};

static void *answer_work(void *arg)
{
	struct answer *a = arg;
	char byte;

	while (read(a->in, &byte, 1) == 1)
		if (write(a->out, &byte, 1) != 1)
			bench_die("write", errno);
	return NULL;
}

double row_wakeup(long n, long size)
{
	double *took = bench_alloc(n, sizeof(*took));
	struct bench_team team;
	int there[2], back[2], stop = 0;
	struct answer answer;
	pthread_t thread;
	double median;

	if (pipe(there) || pipe(back))
		bench_die("pipe", errno);
	answer = (struct answer){ there[0], back[1] };
	thread = bench_create(answer_work, &answer);
	bench_team_start(&team, size, spin_work, &stop);
	bench_team_open(&team);
	for (long i = 0; i < n; i++) {
		double start = bench_now();
		char byte = 0;

		if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
			bench_die("pipe: no answer", errno);
		took[i] = bench_now() - start;
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	bench_team_join(&team);
	close(there[1]);
	bench_join(thread);
	close(there[0]);
	close(back[0]);
	close(back[1]);
	qsort(took, (size_t)n, sizeof(*took), compare);
	median = took[n / 2];
	free(took);
	return median;
}

/* How far SIZE threads that only count, for N ms, come apart. */
#define COUNTER_LINE 8

struct counts {
	int stop;
	long *counts; /* a line each */
};

static void count_work(struct bench_worker *worker)
{
	struct counts *c = worker->arg;
	long *mine = &c->counts[worker->index * COUNTER_LINE];

	while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED))
		__atomic_store_n(mine, *mine + 1, __ATOMIC_RELAXED);
}

double row_spread(long n, long size)
{
	const struct timespec span = { n / 1000, n % 1000 * 1000000 };
	struct counts c = { .counts = bench_alloc(size * COUNTER_LINE, sizeof(long)) };
	struct bench_team team;
	double sum = 0, worst = 0;

	bench_team_start(&team, size, count_work, &c);
	bench_team_open(&team);
	if (nanosleep(&span, NULL))
		bench_die("nanosleep", errno);
	__atomic_store_n(&c.stop, 1, __ATOMIC_RELAXED);
	bench_team_join(&team);
	for (long i = 0; i < size; i++)
		sum += (double)c.counts[i * COUNTER_LINE];
	if (sum <= 0)
		bench_die("spread: nobody counted", 0);
	for (long i = 0; i < size; i++) {
		double off = (double)c.counts[i * COUNTER_LINE] * (double)size / sum - 1;

		if (off < 0)
			off = -off;
		if (off > worst)
			worst = off;
	}
	free(c.counts);
	return 100 * worst;
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
