/* SPDX-License-Identifier: MIT */
/*
 * demo.c - the rows of the demonstration: plain pthreads, doing what threads are too dear for
 *
 *	demo --list	the rows, a line each: NAME, a tab, what it does
 *	demo NAME	does it once, checks the result, prints the nanoseconds it took
 *
 * Exit status: 0; 1 when a call failed or a result was wrong, said in one line; 2 for a bad
 * command line.  `gothreads` without a command runs each row natively and preloaded.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	SPAWNS = 20000,
	ROUNDS = 50000, /* there and back */
	STAGES = 1000,
	ITEMS = 100,
	RING = 100,
	LAPS = 200,
};

static _Noreturn void die(const char *what, int err)
{
	fprintf(stderr, "demo: %s%s%s\n", what, err ? ": " : "", err ? strerror(err) : "");
	exit(1);
}

static pthread_t start(void *(*fn)(void *), void *arg)
{
	pthread_t thread;
	int err = pthread_create(&thread, NULL, fn, arg);

	if (err)
		die("pthread_create", err);
	return thread;
}

static long finish(pthread_t thread)
{
	void *ret;
	int err = pthread_join(thread, &ret);

	if (err)
		die("pthread_join", err);
	return (long)ret;
}

static void expect(const char *what, long got, long want)
{
	if (got != want)
		die(what, 0);
}

/* ---- spawn: a thread is made, adds to a sum, and is joined ---- */

static void *spawn_body(void *arg)
{
	return (void *)((long)arg * 2);
}

static void spawn(void)
{
	long sum = 0;

	for (long i = 0; i < SPAWNS; i++)
		sum += finish(start(spawn_body, (void *)i));
	expect("spawn: a thread returned something else", sum, (long)SPAWNS * (SPAWNS - 1));
}

/* ---- cells: one value, handed over by mutex and condition ---- */

struct cell {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int full;   /* lock */
	long value; /* lock; while full */
};

static void cell_init(struct cell *c)
{
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	c->full = 0;
}

static void cell_put(struct cell *c, long value)
{
	pthread_mutex_lock(&c->lock);
	while (c->full)
		pthread_cond_wait(&c->changed, &c->lock);
	c->full = 1;
	c->value = value;
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

static long cell_take(struct cell *c)
{
	long value;

	pthread_mutex_lock(&c->lock);
	while (!c->full)
		pthread_cond_wait(&c->changed, &c->lock);
	c->full = 0;
	value = c->value;
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->lock);
	return value;
}

/* ---- pingpong: two threads and two cells ---- */

static struct cell ping, pong;

static void *pingpong_body(void *arg)
{
	for (long i = 0; i < ROUNDS; i++)
		cell_put(&pong, cell_take(&ping) + 1);
	return arg;
}

static void pingpong(void)
{
	pthread_t thread;
	long value = 0;

	cell_init(&ping);
	cell_init(&pong);
	thread = start(pingpong_body, NULL);
	for (long i = 0; i < ROUNDS; i++) {
		cell_put(&ping, value);
		value = cell_take(&pong);
	}
	finish(thread);
	expect("pingpong: rounds got lost", value, ROUNDS);
}

/* ---- pipeline: each stage adds one to what comes through ---- */

static struct cell cells[STAGES + 1];

static void *stage_body(void *arg)
{
	struct cell *in = arg;

	for (long i = 0; i < ITEMS; i++)
		cell_put(in + 1, cell_take(in) + 1);
	return NULL;
}

static void *feed_body(void *arg)
{
	for (long i = 0; i < ITEMS; i++)
		cell_put(&cells[0], i);
	return arg;
}

static void pipeline(void)
{
	static pthread_t stages[STAGES];
	pthread_t feeder;

	for (int i = 0; i <= STAGES; i++)
		cell_init(&cells[i]);
	for (int i = 0; i < STAGES; i++)
		stages[i] = start(stage_body, &cells[i]);
	feeder = start(feed_body, NULL);
	for (long i = 0; i < ITEMS; i++)
		expect("pipeline: an item came out wrong", cell_take(&cells[STAGES]), i + STAGES);
	finish(feeder);
	for (int i = 0; i < STAGES; i++)
		finish(stages[i]);
}

/* ---- ring: a byte goes round through blocking reads and writes of pipes ---- */

static int pipes[RING][2];

static void *ring_body(void *arg)
{
	long i = (long)arg;
	char byte;

	for (int lap = 0; lap < LAPS; lap++) {
		if (read(pipes[i][0], &byte, 1) != 1)
			die("read", errno);
		byte++;
		if (write(pipes[(i + 1) % RING][1], &byte, 1) != 1)
			die("write", errno);
	}
	return NULL;
}

static void ring(void)
{
	pthread_t threads[RING];
	char byte = 0;

	for (int i = 0; i < RING; i++)
		if (pipe(pipes[i]))
			die("pipe", errno);
	for (long i = 0; i < RING; i++)
		threads[i] = start(ring_body, (void *)i);
	if (write(pipes[0][1], &byte, 1) != 1)
		die("write", errno);
	for (int i = 0; i < RING; i++)
		finish(threads[i]);
	if (read(pipes[0][0], &byte, 1) != 1)
		die("read", errno);
	expect("ring: the byte came back wrong", byte, (char)(RING * LAPS));
}

static const struct row {
	const char *name, *what;
	void (*run)(void);
} rows[] = {
	{ "spawn", "20,000 threads, one after the other", spawn },
	{ "pingpong", "2 threads, 100,000 hand-overs by condition", pingpong },
	{ "pipeline", "1,000 threads in a pipeline, 100 items", pipeline },
	{ "ring", "100 threads, 20,000 blocking pipe reads", ring },
};

static long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

int main(int argc, char **argv)
{
	const char *name = argc == 2 ? argv[1] : "";
	long long begin;

	if (strcmp(name, "--list") == 0) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			printf("%s\t%s\n", rows[i].name, rows[i].what);
		return 0;
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(name, rows[i].name) != 0)
			continue;
		begin = now();
		rows[i].run();
		printf("%lld\n", now() - begin);
		return 0;
	}
	fputs("usage: demo --list | ROW\n", stderr);
	return 2;
}
