/* SPDX-License-Identifier: MIT */
/*
 * A lock between Ms: spins a little, then sleeps in the kernel.
 *
 * It is the three-state futex mutex of Drepper, "Futexes Are Tricky" (2011), mutex3: 0 free,
 * 1 held, 2 held and perhaps waited for. It blocks the M, never parks the G, so whoever holds one
 * must not park, switch, or run anything of the program's.
 *
 * Signals: a handler of ours that finds the pc inside this library takes no lock at all (it only
 * pushes to its M's ring), so a lock may be held with signals open.
 */
#ifndef GOTHREADS_LOCK_H
#define GOTHREADS_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct lock {
	_Atomic uint32_t word;
};

void lock_slow(struct lock *l);
void lock_wake(struct lock *l);

static inline bool lock_try(struct lock *l)
{
	uint32_t free = 0;

	return atomic_compare_exchange_strong_explicit(&l->word, &free, 1, memory_order_acquire,
						       memory_order_relaxed);
}

static inline void lock_acquire(struct lock *l)
{
	if (!lock_try(l))
		lock_slow(l);
}

static inline void lock_release(struct lock *l)
{
	if (atomic_exchange_explicit(&l->word, 0, memory_order_release) == 2)
		lock_wake(l);
}

static inline bool lock_held(struct lock *l)
{
	return atomic_load_explicit(&l->word, memory_order_relaxed) != 0;
}

#endif
