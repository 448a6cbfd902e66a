/* SPDX-License-Identifier: MIT */
/* The run queue of a P: order, overflow, stealing, against a model, and with thieves at work. */
#include "sched/runq.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "sched/gqueue.h"

enum { RING = RUNQ_SIZE };

/* cr_assert() reports each success, too, which is too slow for long loops. */
#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x))                                                                          \
			cr_assert_fail("%s", #x);                                                  \
	} while (0)

static struct g *make_gs(uint32_t n)
{
	struct g *gs = calloc(n, sizeof(*gs));
	uint32_t i;

	cr_assert(gs);
	for (i = 0; i < n; i++)
		gs[i].index = i;
	return gs;
}

/* xorshift: the same numbers in every run. */
static uint32_t draw(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static void fill(struct runq *q, struct g *gs, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		cr_assert(runq_put(q, &gs[i], false));
}

/* ---- One thread ---- */

Test(runq, first_in_first_out)
{
	struct g *gs = make_gs(RING);
	struct runq q = { 0 };
	uint32_t i;

	cr_assert(runq_empty(&q));
	cr_assert_null(runq_get(&q));
	fill(&q, gs, RING);
	cr_assert_eq(runq_len(&q), RING);
	for (i = 0; i < RING; i++)
		cr_assert_eq(runq_get(&q), &gs[i]);
	cr_assert_null(runq_get(&q));
	cr_assert(runq_empty(&q));
}

Test(runq, next_runs_before_the_ring_and_is_kicked_to_its_tail)
{
	struct g *gs = make_gs(3);
	struct runq q = { 0 };

	runq_put(&q, &gs[0], false);
	runq_put(&q, &gs[1], true);
	cr_assert_eq(runq_len(&q), 2);
	runq_put(&q, &gs[2], true);
	cr_assert_eq(runq_len(&q), 3);
	cr_assert_eq(runq_get(&q), &gs[2]);
	cr_assert_eq(runq_get(&q), &gs[0]);
	cr_assert_eq(runq_get(&q), &gs[1]);
	cr_assert(runq_empty(&q));
}

Test(runq, next_alone_is_not_empty)
{
	struct g *gs = make_gs(1);
	struct runq q = { 0 };

	runq_put(&q, gs, true);
	cr_assert_not(runq_empty(&q));
	cr_assert_eq(runq_len(&q), 1);
}

Test(runq, indices_wrap)
{
	struct g *gs = make_gs(RING);
	struct runq q = { .head = UINT32_MAX - 5, .tail = UINT32_MAX - 5 };
	uint32_t i;

	fill(&q, gs, RING);
	cr_assert_eq(runq_len(&q), RING);
	cr_assert_not(runq_put(&q, gs, false));
	for (i = 0; i < RING; i++)
		cr_assert_eq(runq_get(&q), &gs[i]);
	cr_assert(runq_empty(&q));
}

Test(runq, full_ring_gives_its_older_half_away)
{
	struct g *gs = make_gs(RING + 1), *list;
	struct runq q = { 0 };
	uint32_t n, i;

	fill(&q, gs, RING);
	cr_assert_not(runq_put(&q, &gs[RING], false));
	list = runq_put_slow(&q, &gs[RING], &n);
	cr_assert_eq(n, RING / 2 + 1);
	for (i = 0; i < RING / 2; i++, list = list->link)
		cr_assert_eq(list, &gs[i]);
	cr_assert_eq(list, &gs[RING]);
	cr_assert_null(list->link);
	for (; i < RING; i++)
		cr_assert_eq(runq_get(&q), &gs[i]);
	cr_assert(runq_empty(&q));
}

Test(runq, next_changes_nothing_when_its_g_has_no_place)
{
	struct g *gs = make_gs(RING + 2), *list;
	struct runq q = { 0 };
	uint32_t n;

	fill(&q, gs, RING);
	cr_assert(runq_put(&q, &gs[RING], true), "next was free");
	cr_assert_not(runq_put(&q, &gs[RING + 1], true));
	cr_assert_eq(runq_len(&q), RING + 1);

	list = runq_put_slow(&q, NULL, &n);
	cr_assert_eq(list, gs);
	cr_assert_eq(n, RING / 2);
	cr_assert(runq_put(&q, &gs[RING + 1], true));
	cr_assert_eq(runq_len(&q), RING / 2 + 2);
	cr_assert_eq(runq_get(&q), &gs[RING + 1]);
	cr_assert_eq(runq_get(&q), &gs[RING / 2]);
}

Test(runq, put_slow_puts_where_thieves_made_room)
{
	struct g *gs = make_gs(RING + 1);
	struct runq q = { 0 };
	uint32_t n = 1;

	fill(&q, gs, RING);
	cr_assert_eq(runq_get(&q), gs);
	cr_assert_null(runq_put_slow(&q, &gs[RING], &n));
	cr_assert_eq(n, 0);
	cr_assert_eq(runq_len(&q), RING);
}

Test(runq, thief_takes_half_rounded_up_from_the_front)
{
	struct g *gs = make_gs(RING);
	uint32_t n, i;

	for (n = 1; n <= RING; n++) {
		struct runq self = { 0 }, victim = { 0 };
		uint32_t half = n - n / 2;

		fill(&victim, gs, n);
		cr_assert_eq(runq_steal(&self, &victim, false), &gs[half - 1]);
		cr_assert_eq(runq_len(&self), half - 1);
		cr_assert_eq(runq_len(&victim), n / 2);
		for (i = 0; i < half - 1; i++)
			cr_assert_eq(runq_get(&self), &gs[i]);
		for (i = half; i < n; i++)
			cr_assert_eq(runq_get(&victim), &gs[i]);
	}
}

Test(runq, thief_takes_next_only_if_asked_and_last)
{
	struct g *gs = make_gs(2);
	struct runq self = { 0 }, victim = { 0 };

	runq_put(&victim, &gs[0], false);
	runq_put(&victim, &gs[1], true);
	cr_assert_eq(runq_steal(&self, &victim, true), &gs[0]);
	cr_assert_null(runq_steal(&self, &victim, false));
	cr_assert_eq(runq_steal(&self, &victim, true), &gs[1]);
	cr_assert_null(runq_steal(&self, &victim, true));
	cr_assert(runq_empty(&self));
	cr_assert(runq_empty(&victim));
}

Test(gqueue, keeps_order)
{
	struct g *gs = make_gs(6), *list = &gs[1];
	struct gqueue q = { 0 };
	uint32_t i;

	cr_assert_null(gqueue_pop(&q));
	gqueue_push_list(&q, NULL, 0);
	cr_assert_eq(q.n, 0);
	gs[1].link = &gs[2];
	gs[2].link = &gs[3];
	gqueue_push(&q, &gs[0]);
	gqueue_push_list(&q, list, 3);
	gqueue_push(&q, &gs[4]);
	cr_assert_eq(q.n, 5);
	for (i = 0; i < 5; i++) {
		cr_assert_eq(gqueue_pop(&q), &gs[i]);
		cr_assert_null(gs[i].link);
	}
	cr_assert_null(gqueue_pop(&q));
	gqueue_push_list(&q, &gs[5], 1);
	cr_assert_eq(gqueue_pop(&q), &gs[5]);
	cr_assert_eq(q.n, 0);
}

/* ---- Against a model ---- */

/* The same queue as one would write it without other threads: g[0 .. n) and next. */
struct model {
	struct g *g[RING], *next;
	uint32_t n;
};

static void model_drop(struct model *m, uint32_t n)
{
	uint32_t i;

	for (i = n; i < m->n; i++)
		m->g[i - n] = m->g[i];
	m->n -= n;
}

static bool model_put(struct model *m, struct g *g, bool next)
{
	struct g *kicked = next ? m->next : g;

	if (kicked && m->n == RING)
		return false;
	if (next)
		m->next = g;
	if (kicked)
		m->g[m->n++] = kicked;
	return true;
}

static struct g *model_get(struct model *m)
{
	struct g *g = m->next;

	if (g) {
		m->next = NULL;
	} else if (m->n) {
		g = m->g[0];
		model_drop(m, 1);
	}
	return g;
}

static struct g *model_steal(struct model *self, struct model *victim, bool steal_next)
{
	uint32_t n = victim->n - victim->n / 2, i;
	struct g *g;

	if (n == 0) {
		g = steal_next ? victim->next : NULL;
		if (g)
			victim->next = NULL;
		return g;
	}
	for (i = 0; i < n - 1; i++)
		self->g[self->n++] = victim->g[i];
	g = victim->g[n - 1];
	model_drop(victim, n);
	return g;
}

Test(runq, does_what_the_model_does)
{
	enum { STEPS = 200000, GS = 1024 };
	struct g *gs = make_gs(GS), *list;
	struct gqueue idle = { 0 };
	struct runq q[2] = { 0 };
	struct model m[2] = { 0 };
	uint32_t seed = 0x2545f491, step, n, i;

	for (i = 0; i < GS; i++)
		gqueue_push(&idle, &gs[i]);
	for (step = 0; step < STEPS; step++) {
		uint32_t r = draw(&seed), who = r >> 8 & 1, op = r >> 16 & 15;
		/* Now mostly puts, now mostly gets, so that both full and empty rings occur. */
		bool growing = step / 2000 % 2 == 0;
		bool flag = r >> 9 & 1;
		struct g *g;

		if (op == 0 && m[who].n <= RING / 2) {
			g = model_steal(&m[who], &m[!who], flag);
			CHECK(runq_steal(&q[who], &q[!who], flag) == g);
			if (g)
				gqueue_push(&idle, g);
		} else if (growing ? op < 12 : op < 5) {
			g = gqueue_pop(&idle);
			CHECK(g);
			if (model_put(&m[who], g, flag)) {
				CHECK(runq_put(&q[who], g, flag));
			} else {
				CHECK(!runq_put(&q[who], g, flag));
				list = runq_put_slow(&q[who], g, &n);
				CHECK(n == RING / 2 + 1);
				gqueue_push_list(&idle, list, n);
				for (i = 0; i < RING / 2; i++, list = list->link)
					CHECK(list == m[who].g[i]);
				model_drop(&m[who], RING / 2);
			}
		} else {
			g = model_get(&m[who]);
			CHECK(runq_get(&q[who]) == g);
			if (g)
				gqueue_push(&idle, g);
		}
		for (i = 0; i < 2; i++)
			CHECK(runq_len(&q[i]) == m[i].n + (m[i].next != NULL));
	}
}

/* ---- With thieves ---- */

enum { THIEVES = 3, MANY = 150000 };

static struct runq queues[1 + THIEVES]; /* the first is the producer's */
static struct g *many;
static _Atomic uint32_t times[MANY]; /* that each was taken */
static _Atomic uint32_t taken;

/* What the other threads found wrong: only a test's own thread may assert. */
static _Atomic uint32_t wrong;

static void note(bool bad)
{
	if (bad)
		atomic_fetch_add_explicit(&wrong, 1, memory_order_relaxed);
}

/* What the putter wrote into the G must be there for whoever takes it: tid, a plain field. */
static void take(struct g *g)
{
	note(g->tid != (int32_t)g->index + 1);
	atomic_fetch_add_explicit(&times[g->index], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&taken, 1, memory_order_relaxed);
}

static bool all_taken(void)
{
	return atomic_load_explicit(&taken, memory_order_relaxed) >= MANY;
}

static void *thief(void *arg)
{
	uint32_t self = (uintptr_t)arg, seed = self * 7919;

	while (!all_taken()) {
		uint32_t victim = draw(&seed) % (1 + THIEVES);
		struct g *g = runq_get(&queues[self]);

		if (!g && victim != self)
			g = runq_steal(&queues[self], &queues[victim], seed >> 9 & 1);
		note(runq_len(&queues[victim]) > RING + 1);
		if (g)
			take(g);
		else
			sched_yield();
	}
	return NULL;
}

Test(runq, each_is_taken_once_under_thieves, .timeout = 20)
{
	pthread_t threads[THIEVES];
	struct gqueue global = { 0 };
	uint32_t seed = 88172645, n, i;
	struct g *g, *list;

	many = make_gs(MANY);
	for (i = 0; i < THIEVES; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, thief, (void *)(uintptr_t)(i + 1)),
			     0);
	for (i = 0; i < MANY; i++) {
		uint32_t r = draw(&seed);
		bool next = r >> 8 & 1;

		g = &many[i];
		g->tid = (int32_t)i + 1;
		while (!runq_put(&queues[0], g, next)) {
			list = runq_put_slow(&queues[0], next ? NULL : g, &n);
			gqueue_push_list(&global, list, n);
			if (!next)
				break;
		}
		if ((r >> 16) % 4 == 0 && (g = runq_get(&queues[0])))
			take(g);
		if ((r >> 18) % 512 == 0)
			sched_yield();
	}
	while (!all_taken()) {
		g = runq_get(&queues[0]);
		if (!g)
			g = gqueue_pop(&global);
		if (g)
			take(g);
		else
			sched_yield();
	}
	for (i = 0; i < THIEVES; i++)
		pthread_join(threads[i], NULL);
	cr_assert_eq(wrong, 0);
	for (i = 0; i < MANY; i++)
		CHECK(times[i] == 1);
	for (i = 0; i <= THIEVES; i++)
		cr_assert(runq_empty(&queues[i]));
}

static _Atomic bool stop;

static void *onlooker(void *arg)
{
	while (!atomic_load_explicit(&stop, memory_order_relaxed))
		note(runq_empty(arg));
	return NULL;
}

/* There is always a G in the queue, at times in next only and at times in the ring only. */
Test(runq, a_kicked_g_is_not_overlooked, .timeout = 20)
{
	struct runq *q = &queues[0], other = { 0 };
	struct g *gs = make_gs(2), *in = &gs[0], *out = &gs[1], *g;
	pthread_t thread;
	uint32_t i;

	runq_put(q, in, true);
	cr_assert_eq(pthread_create(&thread, NULL, onlooker, q), 0);
	for (i = 0; i < 300000; i++) {
		/* Kick it to the ring, and empty next at once. */
		runq_put(q, out, true);
		CHECK(runq_get(q) == out);
		/* And round again: the other in next, this one off the ring. */
		runq_put(q, out, true);
		CHECK(runq_steal(&other, q, false) == in);
		g = in;
		in = out;
		out = g;
	}
	atomic_store_explicit(&stop, true, memory_order_relaxed);
	pthread_join(thread, NULL);
	cr_assert_eq(wrong, 0, "the queue seemed empty %u times", wrong);
}
