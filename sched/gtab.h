/* SPDX-License-Identifier: MIT */
/*
 * The table of all Gs, and tids.
 *
 * A G's tid says where it lies: 2^22 + (generation << 20 | index), so that looking one up takes no
 * lock and finds nothing when that G is gone. 2^22 is above every tid of the kernel (PID_MAX_LIMIT),
 * and the largest tid is below 2^28: FUTEX_TID_MASK has 30 bits, but the ids of CPU clocks hold a tid
 * between a sign and three bits of their own. The first G, the process's main thread, has the pid
 * instead. Where generations begin depends on the pid, so that the Gs of processes that share mutexes
 * have different tids.
 *
 * Storage is never given back: a pointer to a G stays a pointer to a G, whichever it is by then.
 */
#ifndef GOTHREADS_GTAB_H
#define GOTHREADS_GTAB_H

#include "sched/types.h"

enum {
	GTAB_INDEX_BITS = 20,
	GTAB_MAX = 1 << GTAB_INDEX_BITS,
	GTAB_TID_FIRST = 1 << 22,
	GTAB_GENERATIONS = ((1 << 28) - GTAB_TID_FIRST) >> GTAB_INDEX_BITS,
};

/* A cleared G with a fresh tid, status G_RUNNABLE; NULL when there are GTAB_MAX or no memory.
 * P's own free list first, if P is not NULL. */
struct g *gtab_new(struct p *p);

/* G's number is free from here on. Pre: nothing runs it, no queue holds it. */
void gtab_free(struct p *p, struct g *g);

/* TID, one of the kernel's, is from now on a second name of G's, until it ends. */
void gtab_also(struct g *g, int32_t tid);

/* The living G with this tid, or NULL. */
struct g *gtab_find(int32_t tid);

/* Has G not ended yet? A G that is DEAD has no name any more, though its slot is still in use. */
bool gtab_living(const struct g *g);

/* How many are alive. */
uint32_t gtab_alive(void);

/* Every slot ever used, 0 … gtab_top() - 1, FREE ones too. */
uint32_t gtab_top(void);
struct g *gtab_slot(uint32_t index);

/* In a forked child: SELF is the only G, with tid TID. */
void gtab_forked(struct g *self, int32_t tid);

#endif
