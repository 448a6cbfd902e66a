/* SPDX-License-Identifier: MIT */
/*
 * bench.c - the benchmark's table of rows, and its command line
 *
 *	bench --list			a line a row, tab-separated, for the runner
 *	bench ROW [N [SIZE]]		run a row once, print its figure
 *
 * Exit status: 0 and one number on stdout; 1 when a call failed or a result
 * was wrong; 2 when the command line is.
 */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct bench_row rows[] = {
	{ "create", row_create, 1000, 1, 0, "ns", "create and join, one thread after the other" },
	{ "storm", row_storm, 10000, 10000, 0, "ns",
	  "10,000 threads created, then all joined: a thread" },
	{ "fib", row_fib, 1, 15, 0, "ns", "fib(15), a thread a call: a call" },
	{ "skynet", row_skynet, 1, 10000, 0, "ns",
	  "tree of threads, ten a node, 10^4 leaves: a thread" },
	{ "skynet100k", row_skynet, 1, 100000, BENCH_HUGE, "ns", "the same with 10^5 leaves" },
	{ "yield2", row_yield, 10000, 2, 0, "ns", "sched_yield among 2 threads: a yield" },
	{ "yield100", row_yield, 10000, 100, 0, "ns", "sched_yield among 100 threads: a yield" },
	{ "cond", row_cond, 1000, 2, 0, "ns", "ping-pong by mutex and condition: a hand-over" },
	{ "sem", row_sem, 1000, 2, 0, "ns", "ping-pong by two semaphores: a hand-over" },
	{ "mutex", row_mutex, 100000, 1, 0, "ns", "uncontended lock and unlock" },
	{ "mutex2", row_contend, 10000, 2, 0, "ns", "lock and unlock contended by 2 threads" },
	{ "mutex16", row_contend, 10000, 16, 0, "ns", "lock and unlock contended by 16 threads" },
	{ "mutex256", row_contend, 10000, 256, 0, "ns",
	  "lock and unlock contended by 256 threads" },
	{ "barrier", row_barrier, 6400, 64, 0, "ns", "barrier of 64 threads: a thread's pass" },
	{ "queue", row_queue, 10000, 4, 0, "ns",
	  "bounded queue of 64, 4 producers, 4 consumers: an item" },
	{ "ring", row_ring, 1006, 503, 0, "ns", "token round a ring of 503 threads: a pass" },
	{ "pipe", row_pipe, 1000, 2, 0, "ns", "a byte there and back by two pipes: a round trip" },
	{ "socketpair", row_socketpair, 1000, 2, 0, "ns",
	  "a byte there and back by a socketpair: a round trip" },
	{ "fileread", row_fileread, 10000, 4096, 0, "ns", "pread of 4 KiB of a file in memory: a call" },
	{ "cpu", row_cpu, 10, 4, 0, "ns",
	  "integer work on 4 threads: a million steps on each, wall" },
	{ "late", row_late, 10, 8, BENCH_INFO, "ns",
	  "1 ms sleep among 8 spinners: late by (median)" },
	{ "wakeup", row_wakeup, 10, 8, BENCH_INFO, "ns",
	  "a byte there and back by pipes among 8 spinners (median)" },
	{ "spread", row_spread, 5000, 64, BENCH_INFO | BENCH_FIXED, "%",
	  "64 counters for 5 s: the furthest from the mean" },
	{ "memory", row_memory, 2000, 0, BENCH_INFO | BENCH_FIXED, "B",
	  "resident memory a parked thread" },
	{ "pagetables", row_pagetables, 2000, 0, BENCH_INFO | BENCH_FIXED, "B",
	  "page tables a parked thread" },
	{ "tasks", row_tasks, 100, 0, BENCH_INFO | BENCH_FIXED, "",
	  "kernel threads while 100 threads are parked" },
	{ "idle", row_idle, 3, 1000, BENCH_INFO | BENCH_FIXED | BENCH_EXPLICIT, "ns",
	  "CPU time of 1,000 parked threads: a second" },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

double bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

void bench_die(const char *what, int err)
{
	if (err)
		fprintf(stderr, "bench: %s: %s\n", what, strerror(err));
	else
		fprintf(stderr, "bench: %s\n", what);
	/* Other threads may still run: end them with us, no handlers. */
	_exit(1);
}

pthread_t bench_create(void *(*fn)(void *), void *arg)
{
	pthread_t thread;
	int err = pthread_create(&thread, NULL, fn, arg);

	if (err)
		bench_die("pthread_create", err);
	return thread;
}

void *bench_join(pthread_t thread)
{
	void *value;
	int err = pthread_join(thread, &value);

	if (err)
		bench_die("pthread_join", err);
	return value;
}

void *bench_alloc(long count, size_t size)
{
	void *memory = calloc((size_t)count, size);

	if (!memory)
		bench_die("calloc", errno);
	return memory;
}

long bench_status(const char *key)
{
	char command[64], text[4096];
	const char *line;
	size_t len;
	FILE *cat;

	snprintf(command, sizeof(command), "exec cat /proc/%d/status", (int)getpid());
	cat = popen(command, "re");
	if (!cat)
		bench_die("popen", errno);
	len = fread(text, 1, sizeof(text) - 1, cat);
	text[len] = '\0';
	if (pclose(cat))
		bench_die("cat /proc/PID/status", 0);
	line = strstr(text, key);
	if (!line)
		bench_die("a line is missing in /proc/PID/status", 0);
	return strtol(line + strlen(key), NULL, 10);
}

static void *team_main(void *arg)
{
	struct bench_worker *worker = arg;
	struct bench_team *team = worker->team;

	pthread_mutex_lock(&team->lock);
	if (++team->ready == team->count)
		pthread_cond_signal(&team->all_ready);
	while (!team->open)
		pthread_cond_wait(&team->opened, &team->lock);
	pthread_mutex_unlock(&team->lock);
	team->fn(worker);
	return NULL;
}

void bench_team_start(struct bench_team *team, long count, void (*fn)(struct bench_worker *),
		      void *arg)
{
	*team = (struct bench_team){
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.all_ready = PTHREAD_COND_INITIALIZER,
		.opened = PTHREAD_COND_INITIALIZER,
		.count = count,
		.fn = fn,
		.threads = bench_alloc(count, sizeof(pthread_t)),
		.workers = bench_alloc(count, sizeof(struct bench_worker)),
	};
	for (long i = 0; i < count; i++) {
		team->workers[i] = (struct bench_worker){ team, i, arg };
		team->threads[i] = bench_create(team_main, &team->workers[i]);
	}
	pthread_mutex_lock(&team->lock);
	while (team->ready < count)
		pthread_cond_wait(&team->all_ready, &team->lock);
	pthread_mutex_unlock(&team->lock);
}

void bench_team_open(struct bench_team *team)
{
	pthread_mutex_lock(&team->lock);
	team->open = 1;
	pthread_cond_broadcast(&team->opened);
	pthread_mutex_unlock(&team->lock);
}

void bench_team_join(struct bench_team *team)
{
	for (long i = 0; i < team->count; i++)
		bench_join(team->threads[i]);
	free(team->threads);
	free(team->workers);
}

double bench_team_run(long count, void (*fn)(struct bench_worker *), void *arg)
{
	struct bench_team team;
	double start;

	bench_team_start(&team, count, fn, arg);
	start = bench_now();
	bench_team_open(&team);
	bench_team_join(&team);
	return bench_now() - start;
}

static void list(void)
{
	for (size_t i = 0; i < ROWS; i++) {
		const struct bench_row *row = &rows[i];

		printf("%s\t%ld\t%s\t%s%s%s%s\t%s\n", row->name, row->n, row->unit,
		       row->flags & BENCH_FIXED ? "fixed," : "",
		       row->flags & BENCH_INFO ? "info," : "",
		       row->flags & BENCH_HUGE ? "huge," : "",
		       row->flags & BENCH_EXPLICIT ? "explicit," : "", row->what);
	}
}

static noreturn void usage(void)
{
	fputs("usage: bench --list | bench ROW [N [SIZE]]\n", stderr);
	exit(2);
}

/* A positive decimal number, or the usage. */
static long number(const char *text)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < 1)
		usage();
	return value;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--list")) {
		list();
		return 0;
	}
	if (argc < 2 || argc > 4)
		usage();
	for (size_t i = 0; i < ROWS; i++) {
		const struct bench_row *row = &rows[i];
		long n = argc > 2 ? number(argv[2]) : row->n;
		long size = argc > 3 ? number(argv[3]) : row->size;

		if (strcmp(argv[1], row->name))
			continue;
		printf("%.2f\n", row->run(n, size));
		return fflush(stdout) ? 1 : 0;
	}
	fprintf(stderr, "bench: no row '%s'\n", argv[1]);
	return 2;
}
