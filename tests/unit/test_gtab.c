/* SPDX-License-Identifier: MIT */
/* The table of Gs: tids, their reuse, lookups of those that are gone, fork. No scheduler runs. */
#include "sched/gtab.h"

#include <linux/futex.h>

#include "harness.h"

static struct p p0, p1;

Test(gtab, fresh_g_is_cleared_and_found)
{
	struct g *a = gtab_new(NULL), *b = gtab_new(NULL);

	cr_assert(a && b && a != b);
	cr_assert_neq(a->tid, b->tid);
	cr_assert_geq(a->tid, GTAB_TID_FIRST);
	cr_assert_eq(a->tid & ~FUTEX_TID_MASK, 0);
	cr_assert_eq(gtab_find(a->tid), a);
	cr_assert_eq(gtab_find(b->tid), b);
	cr_assert_eq(gtab_slot(a->index), a);
	cr_assert_eq(gtab_alive(), 2);
	cr_assert_eq(gtab_top(), 2);
	cr_assert_eq(atomic_load(&a->status), G_RUNNABLE);
	cr_assert_eq(a->timer.g, a);
	cr_assert_eq(a->timer.index, TIMER_IDLE);
	cr_assert_eq(a->alt.flags, SS_DISABLE);
}

Test(gtab, nobody_has_the_tids_of_nobody)
{
	struct g *g = gtab_new(NULL);

	cr_assert_null(gtab_find(0));
	cr_assert_null(gtab_find(-1));
	cr_assert_null(gtab_find(1));
	cr_assert_null(gtab_find(INT32_MAX));
	cr_assert_null(gtab_find(INT32_MIN));
	cr_assert_null(gtab_find(GTAB_TID_FIRST - 1));
	cr_assert_null(gtab_find(g->tid + 1));
	cr_assert_null(gtab_find(g->tid + (1 << GTAB_INDEX_BITS)));
}

Test(gtab, second_name_lasts_as_long_as_its_g)
{
	struct g *a = gtab_new(NULL), *b = gtab_new(NULL);

	gtab_also(b, 4242);
	cr_assert_eq(gtab_find(4242), b);
	cr_assert_eq(gtab_find(b->tid), b);
	cr_assert_eq(gtab_find(a->tid), a);
	cr_assert_null(gtab_find(0));
	cr_assert_null(gtab_find(4241));
	gtab_free(NULL, b);
	cr_assert_null(gtab_find(4242));
	cr_assert_eq(gtab_new(NULL), b);
	cr_assert_null(gtab_find(4242), "another G has the place");
}

Test(gtab, tid_is_stale_once_its_g_is_free)
{
	struct g *g = gtab_new(NULL);
	int32_t first = g->tid;
	uint64_t parks;

	g->park_seq = 41;
	atomic_store(&g->sigmask, 1);
	gtab_free(NULL, g);
	cr_assert_null(gtab_find(first));
	cr_assert_eq(gtab_alive(), 0);
	cr_assert_eq(gtab_new(NULL), g, "the slot is used again");
	cr_assert_eq(g->tid, first + (1 << GTAB_INDEX_BITS));
	cr_assert_null(gtab_find(first));
	cr_assert_eq(gtab_find(g->tid), g);
	/* it takes no signal before its maker has said so */
	cr_assert_eq(atomic_load(&g->sigmask), ~0ull);
	/* Who still holds the number of a park of the last owner ends none of this one. */
	parks = g->park_seq;
	cr_assert_gt(parks, 41);
	cr_assert_eq(atomic_load(&g->claim), 0);
}

/* All generations, and the first again: none repeats before, each can be told apart. */
Test(gtab, generations_go_round)
{
	struct g *g = gtab_new(NULL);
	int32_t first = g->tid, last = 0;

	for (int i = 1; i < GTAB_GENERATIONS; i++) {
		last = g->tid;
		gtab_free(NULL, g);
		CHECK(gtab_new(NULL) == g);
		CHECK(g->tid == first + (i << GTAB_INDEX_BITS));
		CHECK((g->tid & ~FUTEX_TID_MASK) == 0);
		CHECK(!gtab_find(last));
		CHECK(gtab_find(g->tid) == g);
	}
	gtab_free(NULL, g);
	gtab_new(NULL);
	cr_assert_eq(g->tid, first);
}

/* A P keeps some of its dead for itself, and gives what is beyond to all. */
Test(gtab, each_p_reuses_its_own)
{
	enum { N = 1000 };
	static struct g *gs[N];

	for (int i = 0; i < N; i++)
		gs[i] = gtab_new(&p0);
	cr_assert_eq(gtab_alive(), N);
	cr_assert_eq(gtab_top(), N);
	for (int i = 0; i < N; i++)
		gtab_free(&p0, gs[i]);
	cr_assert_eq(gtab_alive(), 0);
	cr_assert_gt(p0.n_free, 0);
	cr_assert_lt(p0.n_free, N);
	for (int i = 0; i < N; i++) {
		struct g *g = gtab_new(i % 2 ? &p0 : &p1);

		CHECK(g);
		CHECK(gtab_find(g->tid) == g);
		gs[i] = g;
	}
	for (int i = 0; i < N; i++)
		for (int k = i + 1; k < N; k++)
			CHECK(gs[i] != gs[k] && gs[i]->tid != gs[k]->tid);
	/* What P0 still had for itself when P1 found nothing is all that was made anew. */
	cr_assert_leq(gtab_top(), N + 64);
}

Test(gtab, all_slots_are_seen)
{
	enum { N = 200 };
	struct g *g[N];

	for (int i = 0; i < N; i++)
		g[i] = gtab_new(NULL);
	for (int i = 0; i < N; i += 3)
		gtab_free(NULL, g[i]);
	cr_assert_eq(gtab_top(), N);
	for (uint32_t i = 0; i < N; i++) {
		CHECK(gtab_slot(i)->index == i);
		CHECK((atomic_load(&gtab_slot(i)->status) == G_FREE) == (i % 3 == 0));
	}
}

/* A random mix against a plain list of who lives. */
Test(gtab, does_what_the_model_does)
{
	enum { N = 300, STEPS = 100000 };
	static struct g *live[N];
	static int32_t tid[N], gone[N];
	uint64_t seed = 1;
	uint32_t n = 0, ngone = 0;

	for (int step = 0; step < STEPS; step++) {
		uint32_t r = harness_random(&seed);
		struct p *p = r & 8 ? &p0 : r & 16 ? &p1 : NULL;

		if (n < N && (n == 0 || r & 1)) {
			live[n] = gtab_new(p);
			tid[n] = live[n]->tid;
			n++;
		} else {
			uint32_t i = (r >> 8) % n;

			gtab_free(p, live[i]);
			gone[ngone++ % N] = tid[i];
			live[i] = live[--n];
			tid[i] = tid[n];
		}
		CHECK(gtab_alive() == n);
		if (n) {
			uint32_t i = (r >> 8) % n;

			CHECK(live[i]->tid == tid[i]);
			CHECK(gtab_find(tid[i]) == live[i]);
		}
		/* Far fewer deaths than generations lie behind the last N. */
		if (ngone)
			CHECK(!gtab_find(gone[(r >> 8) % (ngone < N ? ngone : N)]));
	}
}

/* The main thread has the process's tid; once it has ended, nobody has. */
Test(gtab, main_has_the_pid)
{
	struct g *g = gtab_new(NULL);

	gtab_forked(g, 4242);
	cr_assert_eq(g->tid, 4242);
	cr_assert_eq(gtab_find(4242), g);
	cr_assert_null(gtab_find(4243));
	cr_assert_null(gtab_find(GTAB_TID_FIRST));
	gtab_free(NULL, g);
	cr_assert_null(gtab_find(4242));
	cr_assert_eq(gtab_new(NULL), g);
	cr_assert_geq(g->tid, GTAB_TID_FIRST);
	cr_assert_null(gtab_find(4242));
	cr_assert_eq(gtab_find(g->tid), g);
}

Test(gtab, in_the_child_of_a_fork_one_g_is_left)
{
	enum { N = 100 };
	struct g *g[N], *self;
	int32_t tid[N];
	bool seen[N] = { false };

	g[0] = gtab_new(NULL);
	gtab_forked(g[0], 100);
	for (int i = 1; i < N; i++)
		g[i] = gtab_new(NULL);
	for (int i = 2; i < N; i += 2)
		gtab_free(NULL, g[i]);
	for (int i = 0; i < N; i++)
		tid[i] = g[i]->tid;
	self = g[51];
	gtab_forked(self, 200);
	cr_assert_eq(gtab_alive(), 1);
	cr_assert_eq(self->tid, 200);
	cr_assert_eq(gtab_find(200), self);
	cr_assert_null(gtab_find(100));
	for (int i = 0; i < N; i++)
		CHECK(!gtab_find(tid[i]));
	/* All other slots are there again, each once. */
	for (int i = 1; i < N; i++) {
		struct g *n = gtab_new(NULL);

		CHECK(n != self && n->index < N && !seen[n->index]);
		seen[n->index] = true;
		CHECK(gtab_find(n->tid) == n);
		for (int k = 0; k < N; k++)
			CHECK(n->tid != tid[k]);
	}
	cr_assert_eq(gtab_top(), N);
}
