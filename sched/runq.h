/* SPDX-License-Identifier: MIT */
/*
 * The run queue of a P: one producer, many consumers, no lock.
 *
 * Source: runqput, runqget, runqgrab and runqsteal of Go's runtime/proc.go, which are Dmitry
 * Vyukov's design ("Scalable Go Scheduler Design Doc", 2012).
 *
 * The parts. A ring of RUNQ_SIZE slots with two counters that only ever grow, and wrap at 2^32:
 * the Gs queued are those in slots [head, tail), each index modulo RUNQ_SIZE. And `next`, a place
 * for one G that runs before the ring: a G that wakes another is often about to sleep itself, and
 * a pair that talks in turns would otherwise wait a whole round of the ring for each message.
 *
 * Who may do what. The owner, which is the M that holds the P, is the only producer: it alone
 * moves tail, fills slots, and sets next to a G. Owner and thieves alike are consumers: they move
 * head by compare-and-swap, and swap next to NULL. It follows that
 *   - room seen by the owner does not go away: others only make more of it;
 *   - once next is NULL, it stays NULL until the owner fills it;
 *   - a failed swap of next, in the owner, means a thief took the G, and nothing else.
 *
 * A thief takes half, rounded up, from the front: enough that it does not come back at once, and
 * the victim keeps work of its own. It copies the slots into the free part of its own ring first,
 * then tries to move the victim's head over them. The swap is what takes: if it fails, somebody
 * else took some of them, the copies mean nothing, and the thief looks again. It never publishes
 * a copy before the swap has succeeded. (That head comes back to an old value by wrapping, with
 * 2^32 takes between a thief's load and its swap, is accepted, as in Go.)
 *
 * What pairs with what:
 *
 * release                         acquire                        so that
 * ------------------------------  -----------------------------  --------------------------------
 * tail: store by the owner,       tail: load by a thief,         it finds the G in the slot, and
 * after it filled the slot        before it reads slots          what was written in the G before
 * head: swap by a consumer,       head: load by the owner,       it does not overwrite a slot that
 * after it read the slots         before it fills a slot         is still being read
 * head: the same                  head: load by a thief,         it sees a tail not below that head
 *                                 before it loads tail
 * next: swap to a G by the owner  next: swap to NULL by a thief  it sees what was written in the G
 * next: swap to NULL              next: load in runq_len(),      it sees the tail that a kicked G
 *                                 before it loads tail again     moved
 *
 * Every change of head is a read-modify-write, so all of them form one release sequence: whoever
 * loads a head is ordered after all the takes that led to it. A thief may still load an old head
 * and a new tail; it recognises that if more than half a ring seems to be half of the Gs, and
 * otherwise by its swap's failure. Slots are atomic only because a thief may read one that is
 * being overwritten, before its swap fails; their order comes from head and tail.
 *
 * Ownership passes between Ms with the P; that hand-over must be a release and an acquire itself.
 */
#ifndef GOTHREADS_RUNQ_H
#define GOTHREADS_RUNQ_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/types.h"

/* A zeroed struct runq is an empty queue. */

/* Owner only. Queues G: at the tail, or if NEXT in the place of the next to run, whose G moves to
 * the tail. False: there was no room in the ring, and nothing has changed; the caller makes room
 * by runq_put_slow(). */
bool runq_put(struct runq *q, struct g *g, bool next);

/*
 * Owner only, after runq_put() said false. Takes the older half of the ring off, adds G if not
 * NULL, and returns them for the global queue: a list through g->link in the order of the queue,
 * G last, ended by NULL, their number in *N.
 *
 * NULL, and *N 0: thieves have made room in the meantime, and G if not NULL is at the tail.
 *
 * Either way there is room now. So a caller that wants its G next, not at the end of the global
 * queue, passes NULL here and calls runq_put() again, which cannot fail then.
 */
struct g *runq_put_slow(struct runq *q, struct g *g, uint32_t *n);

/* Owner only. The G to run next, which is now the caller's; NULL when there is none. */
struct g *runq_get(struct runq *q);

/* The same, of the ring alone: next waits. */
struct g *runq_get_ring(struct runq *q);

/*
 * By the owner of SELF, whose ring must be at most half full. Moves half of VICTIM's ring to SELF's
 * and returns the last of them to be run at once; NULL when there was nothing to take.
 *
 * With STEAL_NEXT, takes VICTIM's next if its ring is empty. That G is about to run there, most
 * likely within a microsecond; a thief that grabs it moves it between caches for nothing. So ask
 * for it in the last of several rounds only.
 */
struct g *runq_steal(struct runq *self, struct runq *victim, bool steal_next);

/* By anybody. How many Gs are queued, next included, in [0, RUNQ_SIZE + 1]. */
uint32_t runq_len(const struct runq *q);

/*
 * By anybody. Was there an instant, during the call, when neither ring nor next held a G? A G that
 * moves from next to the ring behind the reader's back is not overlooked. What the owner or a
 * thief holds in its hands in the middle of a call here is not counted: it is about to run or
 * queue it.
 */
bool runq_empty(const struct runq *q);

/* By anybody. Did the ring, without next, hold no G at some instant? */
static inline bool runq_ring_empty(const struct runq *q)
{
	uint32_t head = atomic_load_explicit(&q->head, memory_order_acquire);

	return head == atomic_load_explicit(&q->tail, memory_order_acquire);
}

/* By anybody. Is the place of the next empty? */
static inline bool runq_next_empty(const struct runq *q)
{
	return !atomic_load_explicit(&q->next, memory_order_acquire);
}

#endif
