/* SPDX-License-Identifier: MIT */
/*
 * On which processors a G runs.
 *
 * A G that has been bound carries the number of its mask, and an M the number of the one that it
 * gave the kernel last; where they differ, the M tells the kernel before it runs the G (proc.c,
 * run_g). So a bound G needs no kernel thread of its own, and who is not bound pays a comparison.
 *
 * Masks are kept for ever, each once. What is kept is what the kernel made of the program's: only
 * processors that the process may use.
 *
 * Rules of this file: raw system calls only.
 */
#ifndef GOTHREADS_AFFINITY_H
#define GOTHREADS_AFFINITY_H

#include "sched/types.h"

enum {
	AFFINITY_NONE = 0,             /* what the process had when the first G was bound */
	AFFINITY_UNKNOWN = UINT16_MAX, /* an M's that was cloned from one that had another's */
};

/* sched_setaffinity(2) of TO, asked by the current G, SELF: 0, -EFAULT, -EINVAL, -ENOMEM. TO on
 * another M gets there when it next enters the scheduler, which it is made to do at once. */
long affinity_set(struct g *self, struct g *to, const void *mask, size_t size);

/* sched_getaffinity(2) of G, asked by the current G, SELF: the bytes written, -EFAULT or -EINVAL. */
long affinity_get(struct g *self, const struct g *g, void *mask, size_t size);

/* Make M, the calling kernel thread, run on the processors of TO. */
void affinity_apply(struct m *m, const struct g *to);

/* M's kernel thread, the calling one, begins. */
void affinity_m_started(struct m *m);

/* In a forked child M's mask is the process's. */
void affinity_forked(struct g *g, struct m *m);

#endif
