/* SPDX-License-Identifier: MIT */
/*
 * One call on every M: credentials, for example, are a kernel thread's, and what a program sets for
 * its process must hold on whatever M its Gs run next.
 *
 * The caller hands each M a ticket (m->ticket), then kicks it; the handler takes the ticket, whatever
 * it interrupted, and reports. A lock is held meanwhile and around each clone of an M: an M is either
 * in the list with its tid and gets a ticket, or is cloned by one that has already been through.
 */
#include "sched/each_m.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>

#include "sched/base/raw.h"
#include "sched/proc.h"
#include "sched/signal.h"

struct ticket {
	void (*fn)(void *);
	void *arg;
	_Atomic uint32_t left; /* Ms that have not reported; futex word */
};

static struct lock each_lock;

void each_m_lock(void)
{
	lock_acquire(&each_lock);
}

void each_m_unlock(void)
{
	lock_release(&each_lock);
}

static void report(struct ticket *t)
{
	/* The caller may be gone with T as soon as it sees 0: the wake only compares the address. */
	if (atomic_fetch_sub(&t->left, 1) == 1)
		raw3(SYS_futex, &t->left, FUTEX_WAKE_PRIVATE, 1);
}

void each_m_attend(struct m *m)
{
	struct ticket *t = atomic_load(&m->ticket) ? atomic_exchange(&m->ticket, NULL) : NULL;

	if (t) {
		t->fn(t->arg);
		report(t);
	}
}

void each_m_call(struct m *self, void (*fn)(void *), void *arg)
{
	struct ticket t = {.fn = fn, .arg = arg, .left = 1};
	uint32_t left;

	each_m_lock();
	for (struct m *m = sched.all_ms; m; m = m->all_link) {
		/* No tid: its clone has failed, for none is under way, or it has ended, as those that
		 * are gone are about to. */
		if (m == self || !m->tid || m->gone)
			continue;
		atomic_fetch_add(&t.left, 1);
		atomic_store(&m->ticket, &t);
		/* Gone: it reports no more, unless it still did. */
		if (sig_kick(m, false) == -ESRCH && atomic_exchange(&m->ticket, NULL))
			atomic_fetch_sub(&t.left, 1);
	}
	atomic_fetch_sub(&t.left, 1);
	while ((left = atomic_load(&t.left)))
		raw4(SYS_futex, &t.left, FUTEX_WAIT_PRIVATE, left, NULL);
	each_m_unlock();
}

void each_m_forked(struct m *m)
{
	atomic_store_explicit(&each_lock.word, 0, memory_order_relaxed);
	/* Who handed it out is not here, nor is its stack. */
	atomic_store(&m->ticket, NULL);
}
