/* SPDX-License-Identifier: MIT */
/* The CPU time of a G. See cputime.h. */
#include "sched/cputime.h"

#include <stddef.h>

#include "sched/base/raw.h"
#include "sched/gtab.h"
#include "sched/proc.h"

/* Of a clock id below 0: ~pid << 3, and in the low bits (linux/posix-timers.h) */
enum { OF_THREAD = 4, SCHED_CLOCK = 2 };

_Atomic bool cputime_counted;

clockid_t cputime_kernel_clock(int32_t tid)
{
	return (clockid_t)((uint32_t)~tid << 3 | OF_THREAD | SCHED_CLOCK);
}

static int64_t kernel_ns(clockid_t clock)
{
	struct timespec ts = { 0, 0 };

	raw2(SYS_clock_gettime, clock, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

int64_t cputime_of_thread(int32_t tid)
{
	return kernel_ns(cputime_kernel_clock(tid));
}

static struct lock begin_lock;

void cputime_begin(void)
{
	struct g *main = gtab_find((int32_t)raw0(SYS_getpid));

	lock_acquire(&begin_lock);
	if (!atomic_load(&cputime_counted)) {
		if (main)
			atomic_store(&main->cpu, cputime_of_thread(main->tid));
		atomic_store(&cputime_counted, true);
		for (struct m *m = sched.all_ms; m; m = m->all_link) {
			int32_t tid = atomic_load(&m->tid);
			int64_t unknown = CPUTIME_UNKNOWN, now;

			now = tid ? cputime_of_thread(tid) : 0;
			atomic_compare_exchange_strong(&m->cpu_mark, &unknown, now);
		}
	}
	lock_release(&begin_lock);
}

/* Is M's clock G's at the moment? */
static bool counts(const struct m *m, const struct g *g)
{
	const struct g *on = atomic_load(&m->curg);

	return on == g || (!on && m->locked_g == g);
}

int64_t cputime_of(const struct g *g)
{
	for (uint32_t tries = 1;; tries++) {
		int64_t sum = atomic_load(&g->cpu), mark, now;
		struct m *m = g->m;

		if (!m || !counts(m, g)) {
			/* It may have left, or moved, meanwhile. */
			if (sum == atomic_load(&g->cpu) && m == g->m)
				return sum;
			continue;
		}
		mark = atomic_load(&m->cpu_mark);
		now = cputime_of_thread(m->tid);
		if (mark != CPUTIME_BUSY && mark == atomic_load(&m->cpu_mark) &&
		    counts(m, g) && sum == atomic_load(&g->cpu))
			return mark == CPUTIME_UNKNOWN ? sum : sum + now - mark;
		if (tries % 64 == 0)
			raw0(SYS_sched_yield);
	}
}

void cputime_leave(struct m *m, struct g *from)
{
	/* Before the clock is read: who has read a later time than we shall must see that it is void. */
	int64_t mark = atomic_exchange(&m->cpu_mark, CPUTIME_BUSY);
	int64_t now = kernel_ns(CLOCK_THREAD_CPUTIME_ID);

	m->cpu_now = now;
	if (from != &m->g0) {
		if (mark != CPUTIME_UNKNOWN)
			atomic_fetch_add(&from->cpu, now - mark);
	} else if (m->locked_g) {
		/* A new kernel thread's clock begins at 0, as its mark. */
		atomic_fetch_add(&m->locked_g->cpu, now - mark);
	}
}

void cputime_enter(struct m *m)
{
	atomic_store(&m->cpu_mark, m->cpu_now);
}

void cputime_forked(struct g *g, struct m *m)
{
	atomic_store(&begin_lock.word, 0);
	atomic_store(&cputime_counted, false);
	atomic_store(&m->cpu_mark, CPUTIME_UNKNOWN);
	atomic_store(&g->cpu, 0);
}
