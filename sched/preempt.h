/* SPDX-License-Identifier: MIT */
/*
 * Who gives way to whom, and when.
 *
 * Two sorts of Gs. One that sleeps often, for a lock, a descriptor or a time, wants to run soon when it
 * wakes, and not for long. One that computes wants its share. The kernel tells them apart by how far each
 * is behind the share that it could have had. We have no such number for a G that runs for 50 ns at a
 * time, and no time to keep it. So:
 *
 *  - A G that has slept has credit: it runs before those who compute. If it was woken on a P it is that
 *    P's next; if by nobody who has a P (a timer, a descriptor, a signal, the end of a call), it is in
 *    the queue of the woken, which every P looks at first.
 *  - If no P is idle, one that computes gives way to it, that which has computed longest; but no sooner than
 *    after a granule (200 us, GOTHREADS=granule=US), so that the woken take no more than about their
 *    part. It goes on where it was: to the front of the global queue, with what is left of its slice.
 *  - A G that has had a slice (3 ms of CPU time, GOTHREADS=slice=US) while others wait is a hog until it
 *    sleeps again, and goes to the end of the global queue, of which each P takes one at a time: those who
 *    compute go round, on whichever P. What it had too much or too little is put against its next slice (deficit round
 *    robin), so that the shares are equal over time, however late we look.
 *  - A P whose own queue never ends comes to a hog of the global queue at the latest when each of its own
 *    could have had a slice (p->global_due): two that wake each other in turns do not keep it away, nor it them.
 *
 * So a G waits for no more than a slice for each of those before it, twice that if its P also has some
 * that are not hogs, and the time until somebody looks: half a slice, see sysmon.c.
 *
 * Who looks: sysmon, which knows when each slice ends; and the keeper, or sysmon in its place, when a deadline has
 * passed or a descriptor is ready. Their notes are under one lock. A P notes nothing but its
 * decisions (p->tick). When we end a slice, the next one begins then: so it need not be seen first.
 *
 * The signal is sent to an M that computes for a P for which something waits, and to no other;
 * sched.n_preempts counts them.
 */
#ifndef GOTHREADS_PREEMPT_H
#define GOTHREADS_PREEMPT_H

#include <stdbool.h>
#include <stdint.h>

struct g;
struct m;
struct p;

enum {
	SLICE_US = 3000,  /* the default: as the kernel's on a small machine; Go's is 10 ms */
	GRANULE_US = 200, /* the default of what one may compute before a woken one takes its place */
};

/* Before the first thread. Not ASYNC: a G gives way at its calls only (GODEBUG=asyncpreemptoff=1).
 * SLICE_US, up to 100000, and GRANULE_US: 0 for the default. */
void preempt_init(bool async, uint32_t slice_us, uint32_t granule_us);
/* ns */
int64_t preempt_full_slice(void);
int64_t preempt_granule(void);
/* In a forked child. */
void preempt_forked(void);

/* For the queue of the woken: let some who compute give way. True: some wait still, and somebody is to look
 * again after a granule. Anywhere. */
bool preempt_for_woken(int64_t now);

/* By sysmon: what P, which is running and whose M is M, has computed in this tick. False: it is a new one,
 * noted now. */
bool preempt_note(struct p *p, struct m *m, int64_t now, int64_t *cpu, int64_t *since, int64_t *used);
/* By sysmon: P's G has computed for USED ns and gives way at NOW, when the clock of M says CPU; EARLY: to
 * one that was woken, with some of its slice left. */
void preempt_end_slice(struct p *p, struct m *m, int64_t now, int64_t cpu, int64_t used, bool early);
/* What G, the current one of a P, may compute. */
int64_t preempt_slice(const struct g *g);

/* Has P's current G computed for a granule? A guess that may say no. By P's M. */
bool preempt_ran_long(struct p *p);

/* By its own M: G has been told to give way, and its P was charged. False: it goes on where it was. */
bool preempt_settle(struct p *p, struct g *g);

#endif
