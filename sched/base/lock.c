/* SPDX-License-Identifier: MIT */
/* The contended half of the lock between Ms. */
#include "sched/base/lock.h"

#include <linux/futex.h>
#include <stddef.h>

#include "sched/base/raw.h"

/* Critical sections under these locks are tens of nanoseconds, so a short spin nearly always
 * suffices; it must be short, for the holder may have lost its CPU. */
enum { SPINS = 100 };

void lock_slow(struct lock *l)
{
	for (int i = 0; i < SPINS; i++) {
		raw_pause();
		if (atomic_load_explicit(&l->word, memory_order_relaxed) == 0 && lock_try(l))
			return;
	}
	while (atomic_exchange_explicit(&l->word, 2, memory_order_acquire) != 0)
		raw4(SYS_futex, &l->word, FUTEX_WAIT_PRIVATE, 2, NULL);
}

void lock_wake(struct lock *l)
{
	raw3(SYS_futex, &l->word, FUTEX_WAKE_PRIVATE, 1);
}
