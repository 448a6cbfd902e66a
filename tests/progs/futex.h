/* SPDX-License-Identifier: MIT */
/*
 * futex.h - the futex system call for test programs, as the kernel's manual has it
 *
 * futex_settle() is how a program knows that a thread *is* waiting: a requeue that moves one waiter
 * from the word it came to on to another proves it, without waking it and without guessing a time.
 * The kernel may wake a task for no reason and then lets it wait again where it first came to, so
 * that threads come to the first word only when all have started and nothing else can wake them:
 * futex_enter() waits for that, and for the thread's turn, by yielding alone.
 */
#ifndef TESTS_FUTEX_H
#define TESTS_FUTEX_H

#include "prog.h"

#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>

/* `timeout` or, for the operations that take a second count, a number in its place. */
static inline long futex(_Atomic uint32_t *word, int op, uint32_t val, const void *timeout,
			 _Atomic uint32_t *word2, uint32_t val3)
{
	return syscall(SYS_futex, word, op, val, timeout, word2, val3);
}

static inline long futex_wait(_Atomic uint32_t *word, uint32_t val, const struct timespec *rel)
{
	return futex(word, FUTEX_WAIT_PRIVATE, val, rel, NULL, 0);
}

static inline long futex_wake(_Atomic uint32_t *word, uint32_t count)
{
	return futex(word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

static inline long futex_requeue(_Atomic uint32_t *from, uint32_t wake, uintptr_t move,
				 _Atomic uint32_t *to, uint32_t expect)
{
	return futex(from, FUTEX_CMP_REQUEUE_PRIVATE, wake, (const void *)move, to, expect);
}

static atomic_int futex_started, futex_turn;

/* Before its wait: until `threads` have come here and the turn is at least `turn`. */
static inline void futex_enter(int threads, int turn)
{
	futex_started++;
	while (futex_started < threads || futex_turn < turn)
		sched_yield();
}

/* Move `count` threads that wait, or are about to wait, on `from` (which holds `expect`) to `to`. */
static inline void futex_settle(_Atomic uint32_t *from, _Atomic uint32_t *to, uint32_t expect,
				int count)
{
	while (count > 0) {
		long moved = futex_requeue(from, 0, 1, to, expect);

		CHECK(moved >= 0);
		count -= moved;
		if (moved == 0)
			sched_yield();
	}
}

#endif
