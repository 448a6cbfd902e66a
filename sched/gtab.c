/* SPDX-License-Identifier: MIT */
/* The table of all Gs, and tids. See gtab.h. */
#include "sched/gtab.h"

#include "sched/base/mem.h"

enum { CHUNK = 64, FREE_MAX = 64 };

static struct lock gtab_lock;
static uint32_t first_generation; /* of new slots: others share memory, and with it mutexes that name
				   * their owners, with Gs of the same index in another process */
static struct g *_Atomic chunks[GTAB_MAX / CHUNK];
static _Atomic uint32_t top; /* [gtab_lock] */
static struct g *free_list;  /* [gtab_lock] */
static _Atomic uint32_t alive;
static _Atomic(struct g *) main_g;
static _Atomic bool second_names; /* has there been a G with one? */

struct g *gtab_slot(uint32_t index)
{
	struct g *chunk = atomic_load_explicit(&chunks[index / CHUNK], memory_order_acquire);

	return chunk ? &chunk[index % CHUNK] : NULL;
}

uint32_t gtab_top(void)
{
	return atomic_load_explicit(&top, memory_order_acquire);
}

uint32_t gtab_alive(void)
{
	return atomic_load_explicit(&alive, memory_order_relaxed);
}

static struct g *take_new(void)
{
	uint32_t i = atomic_load_explicit(&top, memory_order_relaxed);
	struct g *g;

	if (i == GTAB_MAX)
		return NULL;
	if (i % CHUNK == 0) {
		struct g *chunk = mem_pages(sizeof(struct g) * CHUNK);

		if (!chunk)
			return NULL;
		atomic_store_explicit(&chunks[i / CHUNK], chunk, memory_order_release);
	}
	g = gtab_slot(i);
	g->index = i;
	g->tid = GTAB_TID_FIRST + ((int32_t)first_generation - 1) * (1 << GTAB_INDEX_BITS) + (int32_t)i;
	atomic_store_explicit(&top, i + 1, memory_order_release);
	return g;
}

/* All of a G but its place, its tid, the numbers that stale holders compare, and how promptly it used to get
 * its turn: who makes threads one after the other makes them of the same G. */
static void reset(struct g *g)
{
	struct g old = {.tid = g->tid, .index = g->index, .park_seq = g->park_seq,
			.prompt = g->prompt};

	mem_zero(g, sizeof *g);
	g->tid = old.tid;
	g->index = old.index;
	g->park_seq = old.park_seq + 1;
	g->prompt = old.prompt;
	g->timer.g = g;
	g->timer.index = TIMER_IDLE;
	g->alt.flags = SS_DISABLE;
	/* Until its maker says what it blocks, no signal may be left to it. */
	atomic_store_explicit(&g->sigmask, ~0ull, memory_order_relaxed);
}

static int32_t next_tid(const struct g *g)
{
	uint32_t generation = (uint32_t)(g->tid - GTAB_TID_FIRST) >> GTAB_INDEX_BITS;

	/* A G that was main, or is new, starts anew. */
	generation = g->tid < GTAB_TID_FIRST ? first_generation : (generation + 1) % GTAB_GENERATIONS;
	return GTAB_TID_FIRST + (int32_t)(generation << GTAB_INDEX_BITS | g->index);
}

struct g *gtab_new(struct p *p)
{
	struct g *g = p ? p->free_gs : NULL;

	if (g) {
		p->free_gs = g->link;
		p->n_free--;
	} else {
		lock_acquire(&gtab_lock);
		g = free_list;
		if (g)
			free_list = g->link;
		else
			g = take_new();
		lock_release(&gtab_lock);
		if (!g)
			return NULL;
	}
	reset(g);
	g->tid = next_tid(g);
	atomic_store_explicit(&g->status, G_RUNNABLE, memory_order_release);
	atomic_fetch_add_explicit(&alive, 1, memory_order_relaxed);
	return g;
}

void gtab_free(struct p *p, struct g *g)
{
	atomic_store_explicit(&g->status, G_FREE, memory_order_release);
	atomic_fetch_sub_explicit(&alive, 1, memory_order_relaxed);
	if (p && p->n_free < FREE_MAX) {
		g->link = p->free_gs;
		p->free_gs = g;
		p->n_free++;
		return;
	}
	lock_acquire(&gtab_lock);
	g->link = free_list;
	free_list = g;
	lock_release(&gtab_lock);
}

void gtab_also(struct g *g, int32_t tid)
{
	atomic_store(&g->shared_tid, tid);
	atomic_store(&second_names, true);
}

static struct g *find_second(int32_t tid)
{
	if (!tid || !atomic_load_explicit(&second_names, memory_order_acquire))
		return NULL;
	for (uint32_t i = 0; i < gtab_top(); i++) {
		struct g *g = gtab_slot(i);

		if (atomic_load(&g->shared_tid) == tid && gtab_living(g))
			return g;
	}
	return NULL;
}

struct g *gtab_find(int32_t tid)
{
	struct g *g = atomic_load_explicit(&main_g, memory_order_acquire);
	uint32_t index;

	if (tid < GTAB_TID_FIRST) {
		if (!g || g->tid != tid)
			return find_second(tid);
	} else {
		index = (uint32_t)(tid - GTAB_TID_FIRST) & (GTAB_MAX - 1);
		g = index < gtab_top() ? gtab_slot(index) : NULL;
		if (!g || g->tid != tid)
			return NULL;
	}
	return gtab_living(g) ? g : NULL;
}

bool gtab_living(const struct g *g)
{
	uint32_t status = atomic_load_explicit(&g->status, memory_order_acquire);

	return status != G_FREE && status != G_DEAD;
}

void gtab_forked(struct g *self, int32_t tid)
{
	atomic_store_explicit(&gtab_lock.word, 0, memory_order_relaxed);
	free_list = NULL;
	for (uint32_t i = 0; i < gtab_top(); i++) {
		struct g *g = gtab_slot(i);

		if (g == self)
			continue;
		atomic_store_explicit(&g->status, G_FREE, memory_order_relaxed);
		g->link = free_list;
		free_list = g;
	}
	/* Far from those of the processes with the next pids. */
	first_generation = (uint32_t)tid * 97u % GTAB_GENERATIONS;
	self->tid = tid;
	atomic_store_explicit(&self->shared_tid, 0, memory_order_relaxed);
	atomic_store_explicit(&second_names, false, memory_order_relaxed);
	atomic_store_explicit(&main_g, self, memory_order_release);
	atomic_store_explicit(&alive, 1, memory_order_relaxed);
}
