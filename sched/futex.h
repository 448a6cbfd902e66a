/* SPDX-License-Identifier: MIT */
/*
 * gfutex: futex(2) between the Gs of this process.
 *
 * All functions want the scheduler entered (sched.h) and return what futex(2) returns: a value, or
 * -errno. Times are CLOCK_MONOTONIC ns, FUTEX_NEVER for none.
 */
#ifndef GOTHREADS_FUTEX_H
#define GOTHREADS_FUTEX_H

#include <stdint.h>

struct g;

#define FUTEX_NEVER INT64_MAX

long futex_wait(struct g *g, uint32_t *addr, uint32_t val, uint32_t bitset, int64_t deadline);
/* Anywhere, kernel threads that are no G included. */
long futex_wake(uint32_t *addr, uint32_t n, uint32_t bitset);
/* Wake N of ADDR's waiters and move M of the rest to TO, if CMP is NULL or *ADDR == *CMP. Returns the
 * number of those woken and those moved, whatever the man page says of FUTEX_REQUEUE. */
long futex_requeue(uint32_t *addr, uint32_t *to, uint32_t n, uint32_t m, const uint32_t *cmp);
/* FUTEX_WAKE_OP with its encoded operation. */
long futex_wake_op(uint32_t *addr, uint32_t *addr2, uint32_t n, uint32_t n2, uint32_t op);

/* Take the word: it holds its owner's tid, FUTEX_WAITERS and FUTEX_OWNER_DIED. -EDEADLK when G owns it,
 * -ESRCH when its owner is no living G, -EINTR when a signal is to be delivered; then try again. With
 * TRY, -EAGAIN instead of waiting. */
long futex_lock_pi(struct g *g, uint32_t *addr, int64_t deadline, int try);
/* Hand the word to its first waiter, or free it. -EPERM when G does not own it. */
long futex_unlock_pi(struct g *g, uint32_t *addr);
/* Wait on ADDR until futex_requeue_pi() has moved G to LOCK, and then to own that. -EAGAIN when a signal
 * came after the move; -EINTR when before, then try again. */
long futex_wait_requeue_pi(struct g *g, uint32_t *addr, uint32_t val, uint32_t *lock, int64_t deadline);
/* If *ADDR == CMP, move those that wait there for it to LOCK, 1 + M of them at most, and give LOCK to the
 * first if it is free. Returns how many. */
long futex_requeue_pi(uint32_t *addr, uint32_t *lock, uint32_t m, uint32_t cmp);
/* The owner TID has ended: as unlock, but the word keeps or gets FUTEX_OWNER_DIED. */
void futex_died_pi(int32_t tid, uint32_t *addr);

/* G ends: mark the words of its robust list, wake or hand on. */
void futex_exit_robust(struct g *g);

struct futex_waitv;

/* Wait on N (1 to 128) words, the program's vector V: the index of the one that was woken. */
long futex_wait_many(struct g *g, const struct futex_waitv *v, uint32_t n, int64_t deadline);

/* A thread ended: clear the word and wake whoever joins it. */
void futex_thread_ended(int32_t *clear_tid);

/* A thread is about to end: the first of those that wait for it, claimed, or NULL. It may find the word as it
 * was, if another M runs it too early; then it waits again, as after any spurious wake. */
struct g *futex_thread_joiner(int32_t *clear_tid);

/* In a forked child: nobody waits. */
void futex_forked(void);

#endif
