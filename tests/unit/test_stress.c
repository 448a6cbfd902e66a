/* SPDX-License-Identifier: MIT */
/*
 * A random mix of everything that Gs do, for several seeds and numbers of Ps.
 *
 * The environment's STRESS_SEED (a number) is the seed instead of each Ps' own, and STRESS_STEPS the
 * steps of each G; the seed of a failure is in its message. The work is bounded, not the time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness.h"
#include "sched/futex_internal.h"
#include "sched/gtab.h"
#include "sched/proc.h"
#include "sched/runq.h"
#include "sched/timer.h"

enum { LIMIT = 200, WORKERS = 24, CELLS = 4, TOKENS = 7 };

TestSuite(stress, .timeout = LIMIT);

static uint64_t base_seed;
static uint32_t steps;

/* Tokens in three places: a futex semaphore, a pipe, and the hands of workers. */
static _Atomic uint32_t sem;
static int fd[2];

/* A mutex of the three-state kind, and what it guards. */
static _Atomic uint32_t mutex;
static uint64_t guarded[2];

/* Words that workers wait on with a timeout, wake, and requeue; who is out of its wait counts. */
static _Atomic uint32_t cell[CELLS];

static _Atomic uint64_t waits, children, finished, expected_children;

static void mutex_lock(void)
{
	uint32_t free = 0;

	if (atomic_compare_exchange_strong(&mutex, &free, 1))
		return;
	while (atomic_exchange(&mutex, 2) != 0)
		g_wait(&mutex, 2, NULL);
}

static void mutex_unlock(void)
{
	if (atomic_exchange(&mutex, 0) == 2)
		g_wake(&mutex, 1);
}

static void sem_down(void)
{
	for (;;) {
		uint32_t n = atomic_load(&sem);

		if (n == 0)
			g_wait(&sem, 0, NULL);
		else if (atomic_compare_exchange_strong(&sem, &n, n - 1))
			return;
	}
}

static void sem_up(void)
{
	atomic_fetch_add(&sem, 1);
	g_wake(&sem, 1);
}

/* A worker's own pipe: it blocks in the read until its child has written. */
static int own[WORKERS][2];

static void child(void *arg)
{
	int *to = arg;

	g_yield();
	atomic_fetch_add(&children, 1);
	if (to)
		G_CHECK(CALL3(SYS_write, *to, "c", 1) == 1);
}

static struct harness_g worker_g[WORKERS], child_g[WORKERS];

static void one_step(uint32_t self, uint64_t *seed)
{
	uint32_t r = harness_random(seed), k = r >> 8 & (CELLS - 1), k2 = (k + 1) % CELLS;
	struct timespec ts = { 0, r >> 16 & 0x3fff };
	char c = 't';
	long n;

	switch (r % 12) {
	case 0:
		g_yield();
		break;
	case 1: /* a token goes from the semaphore into the pipe, and one comes back */
		sem_down();
		G_CHECK(CALL3(SYS_write, fd[1], &c, 1) == 1);
		G_CHECK(CALL3(SYS_read, fd[0], &c, 1) == 1 && c == 't');
		sem_up();
		break;
	case 2:
		mutex_lock();
		G_CHECK(guarded[0] == guarded[1]);
		guarded[0]++;
		if (r & 0x80)
			g_yield();
		guarded[1]++;
		mutex_unlock();
		break;
	case 3:
		g_sleep(ts.tv_nsec);
		break;
	case 4: /* a call that sleeps unseen by our futexes, its P free to go */
		G_CHECK(CALL6(SYS_ppoll, NULL, 0, &ts, NULL, 0, 0) == 0);
		break;
	case 5:
	case 6: /* nobody has to come: the timeout ends it */
		n = g_wait(&cell[k], atomic_load(&cell[k]), &ts);
		G_CHECK(n == 0 || n == -ETIMEDOUT || n == -EAGAIN);
		atomic_fetch_add(&waits, 1);
		break;
	case 7:
		if (r & 0x80)
			atomic_fetch_add(&cell[k], 1);
		G_CHECK(g_wake(&cell[k], 1 + (r >> 30)) <= 4);
		break;
	case 8:
		n = CALL6(SYS_futex, &cell[k], FUTEX_CMP_REQUEUE_PRIVATE, 1, 2, &cell[k2],
			  atomic_load(&cell[k]));
		G_CHECK((n >= 0 && n <= 3) || n == -EAGAIN);
		break;
	case 9:
		child_g[self].fn = child;
		child_g[self].arg = r & 0x80 ? &own[self][1] : NULL;
		atomic_fetch_add(&expected_children, 1);
		harness_spawn(&child_g[self]);
		if (r & 0x80)
			G_CHECK(CALL3(SYS_read, own[self][0], &c, 1) == 1 && c == 'c');
		harness_join(&child_g[self]);
		G_CHECK(atomic_load(&child_g[self].live) == 0);
		break;
	case 10: /* enough work for others to steal */
		for (uint32_t i = 0; i < r >> 22; i++)
			raw_pause();
		break;
	case 11: { /* the first of two words that is woken, or the timeout */
		struct futex_waitv v[2] = {
			{ .val = atomic_load(&cell[k]),
			  .uaddr = (uintptr_t)&cell[k],
			  .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG },
			{ .val = atomic_load(&cell[k2]),
			  .uaddr = (uintptr_t)&cell[k2],
			  .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG },
		};
		int64_t t = raw_now() + ts.tv_nsec;

		ts = (struct timespec){ t / 1000000000, t % 1000000000 };
		n = CALL6(SYS_futex_waitv, v, 2, 0, &ts, CLOCK_MONOTONIC, 0);
		G_CHECK(n == 0 || n == 1 || n == -ETIMEDOUT || n == -EAGAIN);
		break;
	}
	}
}

static void worker(void *arg)
{
	uint32_t self = (uint32_t)(uintptr_t)arg;
	uint64_t seed = base_seed * 0x9e3779b97f4a7c15ull + self + 1;
	int32_t tid = worker_g[self].tid;

	for (uint32_t i = 0; i < steps; i++) {
		one_step(self, &seed);
		G_CHECK(CALL0(SYS_gettid) == tid);
		G_CHECK(self_g->tid == tid);
	}
	atomic_fetch_add(&finished, 1);
}

static void check_rest(void)
{
	uint32_t parked = 0;

	CHECK(atomic_load(&finished) == WORKERS);
	CHECK(atomic_load(&children) == atomic_load(&expected_children));
	CHECK(atomic_load(&sem) == TOKENS);
	CHECK(guarded[0] == guarded[1]);
	CHECK(atomic_load(&mutex) == 0);
	while (gtab_alive() != 1)
		g_yield();
	/* Nobody waits, no deadline is left, nothing is queued. */
	for (int i = 0; i < FUTEX_BUCKETS; i++)
		parked += futex_buckets[i].head != NULL;
	CHECK(parked == 0);
	CHECK(atomic_load(&sched.n_global) == 0);
	for (uint32_t i = 0; i < sched.n_procs; i++) {
		CHECK(runq_empty(&sched.ps[i].runq));
		CHECK(timer_next(&sched.ps[i]) == INT64_MAX);
	}
}

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);

	return s ? strtoull(s, NULL, 10) : otherwise;
}

static uint32_t procs_params[] = { 1, 2, 3, 8 };

ParameterizedTestParameters(stress, mix)
{
	return cr_make_param_array(uint32_t, procs_params,
				   sizeof(procs_params) / sizeof(procs_params[0]));
}

ParameterizedTest(uint32_t *procs, stress, mix)
{
	char c;

	base_seed = number("STRESS_SEED", 1000 + *procs);
	steps = (uint32_t)number("STRESS_STEPS", 300);
	fprintf(stderr, "stress: GOMAXPROCS=%u STRESS_SEED=%lu STRESS_STEPS=%u\n", *procs,
		base_seed, steps);
	cr_assert_eq(pipe(fd), 0);
	for (uint32_t i = 0; i < WORKERS; i++)
		cr_assert_eq(pipe(own[i]), 0);
	atomic_store(&sem, TOKENS);
	harness_start(*procs);
	for (uint32_t i = 0; i < WORKERS; i++) {
		worker_g[i].fn = worker;
		worker_g[i].arg = (void *)(uintptr_t)i;
		harness_spawn(&worker_g[i]);
	}
	for (uint32_t i = 0; i < WORKERS; i++)
		harness_join(&worker_g[i]);
	check_rest();
	/* The pipe is empty. */
	CHECK(raw3(SYS_close, fd[1], 0, 0) == 0);
	CHECK(raw3(SYS_read, fd[0], &c, 1) == 0);
}
