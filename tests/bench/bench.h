/* SPDX-License-Identifier: MIT */
/*
 * bench.h - what the rows of the benchmark share
 *
 * A row is a function that does about N operations with plain pthreads and
 * returns one figure: wall nanoseconds an operation, unless the table says
 * another unit.  It may round N up (to whole trees, whole rounds), never down
 * to nothing, and must divide by what it really did.  A row checks its own
 * result and ends the process by bench_die() when it is wrong: a fast wrong
 * answer is no figure.
 *
 * Nothing here knows about gothreads: the same binary runs natively and
 * preloaded, and tests/bench/gobench.go has a row of the same name that does
 * the same work with goroutines.
 */
#ifndef GOTHREADS_TESTS_BENCH_H
#define GOTHREADS_TESTS_BENCH_H

#include <pthread.h>
#include <stddef.h>
#include <stdnoreturn.h>

enum {
	BENCH_FIXED = 1 << 0,    /* N is given, never scaled by the runner */
	BENCH_INFO = 1 << 1,     /* informational: not a race to be won */
	BENCH_HUGE = 1 << 2,     /* more threads than a kernel grants: not natively */
	BENCH_EXPLICIT = 1 << 3, /* only when asked for by name */
};

struct bench_row {
	const char *name;
	double (*run)(long n, long size);
	long n;    /* operations of a first run, before scaling */
	long size; /* threads, leaves or depth, whatever the row is made of */
	unsigned flags;
	const char *unit;
	const char *what; /* the operation, in words */
};

/* The monotonic clock, in ns. */
double bench_now(void);

/* One line on stderr, exit status 1. err is an errno value, or 0 for none. */
noreturn void bench_die(const char *what, int err);

/* pthread_create() with default attributes, and pthread_join(): or die. */
pthread_t bench_create(void *(*fn)(void *), void *arg);
void *bench_join(pthread_t thread);

/* calloc() or die; the caller frees. */
void *bench_alloc(long count, size_t size);

/* The kB of a "Key: 123 kB" line of /proc/PID/status, or its plain number, as another process reads it:
 * what this one reads of its threads is about goroutines. */
long bench_status(const char *key);

/*
 * A team: threads that are made first, wait at a gate, and run fn() together.
 * What it costs to make them is thus no part of the figure.
 */
struct bench_worker {
	struct bench_team *team;
	long index; /* 0 .. count - 1 */
	void *arg;
};

struct bench_team {
	pthread_mutex_t lock;
	pthread_cond_t all_ready;
	pthread_cond_t opened;
	long ready; /* lock */
	int open;   /* lock */
	long count;
	void (*fn)(struct bench_worker *worker);
	pthread_t *threads;
	struct bench_worker *workers;
};

/* Make the threads, and return when each of them waits at the gate. */
void bench_team_start(struct bench_team *team, long count, void (*fn)(struct bench_worker *),
		      void *arg);
void bench_team_open(struct bench_team *team);
void bench_team_join(struct bench_team *team);

/* All three; returns the ns between opening the gate and the last join. */
double bench_team_run(long count, void (*fn)(struct bench_worker *), void *arg);

/* The operations each of count workers does for about n in all: at least 1. */
static inline long bench_share(long n, long count)
{
	return (n + count - 1) / count;
}

/* rows_threads.c */
double row_create(long n, long size);
double row_storm(long n, long size);
double row_fib(long n, long size);
double row_skynet(long n, long size);
double row_memory(long n, long size);
double row_pagetables(long n, long size);
double row_tasks(long n, long size);
double row_idle(long n, long size);

/* rows_sync.c */
double row_yield(long n, long size);
double row_cond(long n, long size);
double row_sem(long n, long size);
double row_mutex(long n, long size);
double row_contend(long n, long size);
double row_barrier(long n, long size);
double row_queue(long n, long size);
double row_ring(long n, long size);

/* rows_io.c */
double row_pipe(long n, long size);
double row_socketpair(long n, long size);
double row_fileread(long n, long size);

/* rows_cpu.c */
double row_late(long n, long size);
double row_wakeup(long n, long size);
double row_spread(long n, long size);
double row_cpu(long n, long size);

#endif
