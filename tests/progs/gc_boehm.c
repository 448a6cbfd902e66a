/* SPDX-License-Identifier: MIT */
/*
 * gc_boehm - threads build trees on the Boehm collector's heap and find every node as they made it, while
 * collections stop all threads, also those that wait
 *
 * uses: tgkill rt_sigsuspend rt_sigaction futex
 * limit: 60
 */
#define GC_THREADS
#include "prog.h"

#include <gc.h>
#include <semaphore.h>
#include <stdatomic.h>

enum { THREADS = 8, WAITERS = 8, ROUNDS = 12, DEPTH = 9, COLLECTIONS = 10 };

struct node {
	struct node *left, *right;
	uint64_t val;
};

static sem_t wake;
static atomic_bool done;

/* What is not reachable any more is thrown away between any two allocations. */
static struct node *build(uint64_t val, int depth)
{
	struct node *n = GC_MALLOC(sizeof(*n));

	CHECK(n && !n->left && !n->right && !n->val);
	n->val = val;
	CHECK(GC_MALLOC_ATOMIC(48));
	if (depth) {
		n->left = build(2 * val, depth - 1);
		n->right = build(2 * val + 1, depth - 1);
	}
	return n;
}

static uint64_t check(const struct node *n, uint64_t val, int depth)
{
	CHECK(n->val == val && !n->left == !depth && !n->right == !depth);
	if (!depth)
		return 1;
	return 1 + check(n->left, 2 * val, depth - 1) + check(n->right, 2 * val + 1, depth - 1);
}

static void *mutate(void *arg)
{
	struct node *kept = build(1, DEPTH);

	for (int i = 0; i < ROUNDS; i++) {
		struct node *n = build((uint64_t)(intptr_t)arg + 1, DEPTH);

		sched_yield();
		CHECK(check(n, (uint64_t)(intptr_t)arg + 1, DEPTH) == (2u << DEPTH) - 1);
		CHECK(check(kept, 1, DEPTH) == (2u << DEPTH) - 1);
	}
	return kept;
}

/* The only pointer to its tree is on its stack, while it waits. */
static void *wait_with_tree(void *arg)
{
	struct node *n = build(3, 4);

	(void)arg;
	while (sem_wait(&wake) != 0)
		CHECK(errno == EINTR);
	CHECK(check(n, 3, 4) == 31);
	return NULL;
}

static void *collect(void *arg)
{
	(void)arg;
	for (int i = 0; i < COLLECTIONS || !done; i++) {
		GC_gcollect();
		usleep(1000);
	}
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS], w[WAITERS], c;
	size_t before;
	void *ret;

	GC_INIT();
	GC_allow_register_threads();
	before = GC_get_gc_no();
	sem_init(&wake, 0, 0);
	for (int i = 0; i < WAITERS; i++)
		CHECK0(GC_pthread_create(&w[i], NULL, wait_with_tree, NULL));
	for (intptr_t i = 0; i < THREADS; i++)
		CHECK0(GC_pthread_create(&t[i], NULL, mutate, (void *)i));
	CHECK0(GC_pthread_create(&c, NULL, collect, NULL));
	for (int i = 0; i < THREADS; i++) {
		CHECK0(GC_pthread_join(t[i], &ret));
		CHECK(check(ret, 1, DEPTH) == (2u << DEPTH) - 1);
	}
	for (int i = 0; i < WAITERS; i++)
		sem_post(&wake);
	for (int i = 0; i < WAITERS; i++)
		CHECK0(GC_pthread_join(w[i], NULL));
	done = true;
	CHECK0(GC_pthread_join(c, NULL));
	CHECK(GC_get_gc_no() - before >= COLLECTIONS);
	puts("ok");
	return 0;
}
