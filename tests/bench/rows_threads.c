/* SPDX-License-Identifier: MIT */
/*
 * rows_threads.c - rows about making threads, and about what they weigh
 */
#include "bench.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

static void *nothing(void *arg)
{
	return arg;
}

double row_create(long n, long size)
{
	double start = bench_now();

	(void)size;
	for (long i = 0; i < n; i++)
		bench_join(bench_create(nothing, NULL));
	return (bench_now() - start) / (double)n;
}

double row_storm(long n, long size)
{
	pthread_t *threads = bench_alloc(size, sizeof(*threads));
	long storms = bench_share(n, size);
	double start = bench_now();
	double took;

	for (long s = 0; s < storms; s++) {
		for (long i = 0; i < size; i++)
			threads[i] = bench_create(nothing, NULL);
		for (long i = 0; i < size; i++)
			bench_join(threads[i]);
	}
	took = bench_now() - start;
	free(threads);
	return took / (double)(storms * size);
}

static void *fib(void *arg)
{
	intptr_t n = (intptr_t)arg;
	pthread_t one, two;

	if (n < 2)
		return arg;
	one = bench_create(fib, (void *)(n - 1));
	two = bench_create(fib, (void *)(n - 2));
	n = (intptr_t)bench_join(one);
	return (void *)(n + (intptr_t)bench_join(two));
}

double row_fib(long n, long size)
{
	long value = 0, next = 1, calls = 1, calls_next = 1, trees;
	double start;

	/* fib(size), and the calls it takes: calls(k) = 1 + calls(k-1) + calls(k-2). */
	for (long i = 0; i < size; i++) {
		long sum = value + next, all = 1 + calls + calls_next;

		value = next;
		next = sum;
		calls = calls_next;
		calls_next = all;
	}
	trees = bench_share(n, calls);
	start = bench_now();
	for (long i = 0; i < trees; i++)
		if ((intptr_t)bench_join(bench_create(fib, (void *)size)) != value)
			bench_die("fib: wrong sum", 0);
	return (bench_now() - start) / (double)(trees * calls);
}

struct node {
	long first;  /* number of its first leaf */
	long leaves; /* a power of ten */
	long sum;    /* of its leaves' numbers, when joined */
};

static void *skynet(void *arg)
{
	struct node *node = arg;
	struct node children[10];
	pthread_t threads[10];

	if (node->leaves == 1) {
		node->sum = node->first;
		return NULL;
	}
	for (int i = 0; i < 10; i++) {
		children[i].leaves = node->leaves / 10;
		children[i].first = node->first + i * children[i].leaves;
		threads[i] = bench_create(skynet, &children[i]);
	}
	node->sum = 0;
	for (int i = 0; i < 10; i++) {
		bench_join(threads[i]);
		node->sum += children[i].sum;
	}
	return NULL;
}

double row_skynet(long n, long size)
{
	long threads = 0, trees;
	double start;

	for (long level = size; level; level /= 10) {
		if (level > 1 && level % 10)
			bench_die("skynet: SIZE is no power of ten", 0);
		threads += level;
	}
	trees = bench_share(n, threads);
	start = bench_now();
	for (long i = 0; i < trees; i++) {
		struct node root = { .leaves = size };

		bench_join(bench_create(skynet, &root));
		if (root.sum != size * (size - 1) / 2)
			bench_die("skynet: wrong sum", 0);
	}
	return (bench_now() - start) / (double)(trees * threads);
}

static void no_work(struct bench_worker *worker)
{
	(void)worker;
}

/* The growth of a number of /proc/PID/status by n threads waiting at a gate. */
static long parked_growth(long n, const char *key)
{
	struct bench_team team;
	long before, after;

	before = bench_status(key);
	bench_team_start(&team, n, no_work, NULL);
	after = bench_status(key);
	bench_team_open(&team);
	bench_team_join(&team);
	return after - before;
}

double row_memory(long n, long size)
{
	(void)size;
	return (double)parked_growth(n, "\nVmRSS:") * 1024 / (double)n;
}

double row_pagetables(long n, long size)
{
	(void)size;
	return (double)parked_growth(n, "\nVmPTE:") * 1024 / (double)n;
}

double row_tasks(long n, long size)
{
	(void)size;
	return (double)(1 + parked_growth(n, "\nThreads:"));
}

static double cpu_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* n seconds of watching size threads that wait at a gate. */
double row_idle(long n, long size)
{
	struct timespec left = { .tv_sec = n };
	struct bench_team team;
	double used;

	bench_team_start(&team, size, no_work, NULL);
	used = cpu_now();
	while (nanosleep(&left, &left))
		if (errno != EINTR)
			bench_die("nanosleep", errno);
	used = cpu_now() - used;
	bench_team_open(&team);
	bench_team_join(&team);
	return used / (double)n;
}
