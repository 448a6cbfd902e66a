/* SPDX-License-Identifier: MIT */
/* futex(2), nanosleep(2), clock_nanosleep(2). */
#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>

#include "interpose/seam.h"
#include "interpose/table.h"
#include "sched/base/raw.h"
#include "sched/futex.h"
#include "sched/gtab.h"
#include "sched/pin.h"
#include "sched/signal.h"

enum { SPINS = 40 };

long seam_timespec(const void *user, int64_t *ns)
{
	struct timespec ts;

	if (arch_copy_user(&ts, user, sizeof ts))
		return -EFAULT;
	if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= 1000000000)
		return -EINVAL;
	*ns = ts.tv_sec > INT64_MAX / 2000000000 ? INT64_MAX / 2
						 : ts.tv_sec * 1000000000 + ts.tv_nsec;
	return 0;
}

/* An absolute time on CLOCK as one on CLOCK_MONOTONIC. */
static int64_t to_monotonic(clockid_t clock, int64_t t)
{
	return clock == CLOCK_MONOTONIC ? t : t - raw_clock_ns(clock) + raw_now();
}

static long in_kernel(struct g *g, struct seam *s)
{
	int cmd = (int)s->arg[1] & FUTEX_CMD_MASK;
	/* A handler ends a wait with a time limit, whatever SA_RESTART says. */
	bool limited = s->nr == SYS_futex && s->arg[3] && (cmd == FUTEX_WAIT || cmd == FUTEX_WAIT_BITSET);

	return seam_call(g, s, limited ? INTR : INTR | RESTART);
}

/* A signal's handler runs, then the wait goes on if SA_RESTART says so and it is AGAIN that may. */
static long wait_restarting(struct g *g, uint32_t *addr, uint32_t val, uint32_t bitset,
			    int64_t deadline, bool again)
{
	for (;;) {
		bool restart = again;
		long r = futex_wait(g, addr, val, bitset, deadline);

		if (r != -EINTR)
			return r;
		if (sig_deliver(g, &restart) && !restart)
			return r;
	}
}

/* Handlers run between tries; a PI wait always goes on. */
static long lock_pi(struct g *g, uint32_t *addr, int64_t deadline, int try)
{
	for (;;) {
		long r = futex_lock_pi(g, addr, deadline, try);

		if (r != -EINTR)
			return r;
		sig_deliver(g, NULL);
	}
}

static long sys_futex_pi(struct g *g, struct seam *s, int op)
{
	uint32_t *addr = (uint32_t *)s->arg[0];
	int64_t deadline = FUTEX_NEVER;
	int cmd = op & FUTEX_CMD_MASK;
	long r;

	if ((op & FUTEX_CLOCK_REALTIME) && cmd != FUTEX_LOCK_PI2)
		return -ENOSYS;
	if (s->arg[3] && (cmd == FUTEX_LOCK_PI || cmd == FUTEX_LOCK_PI2)) {
		r = seam_timespec((void *)s->arg[3], &deadline);
		if (r)
			return r;
		if (cmd == FUTEX_LOCK_PI || (op & FUTEX_CLOCK_REALTIME))
			deadline = to_monotonic(CLOCK_REALTIME, deadline);
	}
	if (((uintptr_t)addr & 3) && cmd != FUTEX_UNLOCK_PI)
		return -EINVAL;
	if (!(op & FUTEX_PRIVATE_FLAG) && memory_is_shared((uintptr_t)addr)) {
		/* The owner is the kernel thread, to the kernel. */
		pin_shared_tid(g, false);
		while ((r = in_kernel(g, s)) == -EINTR)
			; /* the handler has run; a PI wait always goes on */
		return r;
	}
	if (cmd == FUTEX_UNLOCK_PI)
		return futex_unlock_pi(g, addr);
	return lock_pi(g, addr, deadline, cmd == FUTEX_TRYLOCK_PI);
}

/* G woke R others, or failed to: a thread that frees a lock for others and takes it again at once
 * would otherwise keep it for its whole slice. */
static long woken(struct g *g, long r)
{
	if (r > 0)
		sched_yield_woken(g);
	return r;
}

/* Of the N that the call in S may wake, GOT were Gs: the rest may wait in the kernel. */
static long wake_in_kernel(const struct seam *s, int cmd, long got)
{
	uint32_t n = (uint32_t)s->arg[2], rest = (uint32_t)got < n ? n - (uint32_t)got : 0;
	struct seam t = *s;
	long r;

	t.arg[2] = rest;
	switch (cmd) {
	case FUTEX_WAKE_OP:
		/* The word has been changed; what it was then is not known any more. One more that
		 * is woken will look and wait again. */
		t.arg[1] = FUTEX_WAKE | (s->arg[1] & FUTEX_PRIVATE_FLAG);
		r = rest ? seam_raw(&t) : 0;
		t.arg[0] = s->arg[4];
		t.arg[2] = s->arg[3];
		return (r < 0 ? 0 : r) + seam_raw(&t);
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE:
		/* Compared already. */
		t.arg[1] = FUTEX_REQUEUE | (s->arg[1] & FUTEX_PRIVATE_FLAG);
		return seam_raw(&t);
	}
	/* A count of 0 is 1 to the kernel, see futex.c. */
	return rest || !got ? seam_raw(&t) : 0;
}

static long wake(const struct seam *s, int cmd)
{
	uint32_t *addr = (uint32_t *)s->arg[0], *addr2 = (uint32_t *)s->arg[4];
	uint32_t n = (uint32_t)s->arg[2], n2 = (uint32_t)s->arg[3], val3 = (uint32_t)s->arg[5];
	long got = -ENOSYS, more;

	switch (cmd) {
	case FUTEX_WAKE:
		got = futex_wake(addr, n, FUTEX_BITSET_MATCH_ANY);
		break;
	case FUTEX_WAKE_BITSET:
		got = futex_wake(addr, n, val3);
		break;
	case FUTEX_REQUEUE:
		got = futex_requeue(addr, addr2, n, n2, NULL);
		break;
	case FUTEX_CMP_REQUEUE:
		got = futex_requeue(addr, addr2, n, n2, &val3);
		break;
	case FUTEX_WAKE_OP:
		got = futex_wake_op(addr, addr2, n, n2, val3);
		break;
	}
	if (got < 0 || !atomic_load(&sched_foreign))
		return got;
	more = wake_in_kernel(s, cmd, got);
	return got + (more > 0 ? more : 0);
}

long seam_futex_foreign(const struct seam *s)
{
	int cmd = (int)s->arg[1] & FUTEX_CMD_MASK;
	bool misaligned = (s->arg[0] & 3) || (cmd != FUTEX_WAKE && cmd != FUTEX_WAKE_BITSET &&
					      (s->arg[4] & 3));
	uint64_t mask;
	long r;

	switch (cmd) {
	case FUTEX_WAKE:
	case FUTEX_WAKE_BITSET:
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE:
	case FUTEX_WAKE_OP:
		if (misaligned)
			break;
		mask = sig_foreign_close();
		r = wake(s, cmd);
		sig_foreign_reopen(mask);
		return r;
	}
	return seam_raw(s);
}

/* The child is another process and must not touch the scheduler, which might make an M there. Its G
 * wakes in its place, as soon as it can. */
long seam_futex_child(struct g *g, const struct seam *s)
{
	int cmd = (int)s->arg[1] & FUTEX_CMD_MASK;
	struct m *m = g->m;
	uint32_t i = 0;

	if (cmd == FUTEX_WAKE || cmd == FUTEX_WAKE_BITSET) {
		while (i < m->n_child_woke && m->child_woke[i] != (uint32_t *)s->arg[0])
			i++;
		if (i == m->n_child_woke && i < sizeof m->child_woke / sizeof *m->child_woke)
			m->child_woke[m->n_child_woke++] = (uint32_t *)s->arg[0];
	}
	return seam_raw(s);
}

void seam_child_gone(struct g *g)
{
	struct m *m = g->m;

	for (uint32_t i = 0; i < m->n_child_woke; i++)
		futex_wake(m->child_woke[i], INT32_MAX, FUTEX_BITSET_MATCH_ANY);
	m->n_child_woke = 0;
}

void seam_thread_ended(int32_t *clear_tid)
{
	futex_thread_ended(clear_tid);
	if (atomic_load(&sched_foreign))
		raw3(SYS_futex, clear_tid, FUTEX_WAKE, INT32_MAX);
}

/* Who joins a pthread that is no G waits for the kernel to clear the word that holds its tid. */
static bool awaits_foreign(const struct seam *s)
{
	uint32_t tid = (uint32_t)s->arg[2];

	return atomic_load(&sched_foreign) && !(s->arg[1] & FUTEX_PRIVATE_FLAG) && tid &&
	       tid < GTAB_TID_FIRST && raw3(SYS_tgkill, raw0(SYS_getpid), tid, 0) == 0;
}

/* A plain wait without a limit is that of glibc's low-level locks (mutexes, stdio, malloc) for one that is
 * taken, and most are held for less than it takes to park. If the holder may be running on another P,
 * leave it alone for the better part of a microsecond, with a clear cache line, then look again: two Ps
 * that fight for one line at each turn get less done than one alone. Waits for events, which come when
 * others have run, mostly use bitsets. */
static bool changes_soon(const uint32_t *addr, uint32_t val)
{
	uint32_t now;

	if (!sched_others_run())
		return false;
	for (int i = 0; i < SPINS; i++)
		raw_pause();
	return !arch_copy_user(&now, addr, sizeof now) && now != val;
}

long sys_futex(struct g *g, struct seam *s)
{
	uint32_t *addr = (uint32_t *)s->arg[0], *addr2 = (uint32_t *)s->arg[4];
	uint32_t val = (uint32_t)s->arg[2], val3 = (uint32_t)s->arg[5];
	int op = (int)s->arg[1], cmd = op & FUTEX_CMD_MASK;
	int64_t deadline = FUTEX_NEVER;
	long r;

	if (cmd == FUTEX_LOCK_PI || cmd == FUTEX_LOCK_PI2 || cmd == FUTEX_TRYLOCK_PI ||
	    cmd == FUTEX_UNLOCK_PI)
		return sys_futex_pi(g, s, op);
	if (!(op & FUTEX_PRIVATE_FLAG) && memory_is_shared((uintptr_t)addr))
		return in_kernel(g, s);
	if ((op & FUTEX_CLOCK_REALTIME) && cmd != FUTEX_WAIT_BITSET &&
	    cmd != FUTEX_WAIT_REQUEUE_PI)
		return -ENOSYS;
	if ((uintptr_t)addr & 3)
		return -EINVAL;
	if ((cmd == FUTEX_REQUEUE || cmd == FUTEX_CMP_REQUEUE || cmd == FUTEX_WAKE_OP ||
	     cmd == FUTEX_WAIT_REQUEUE_PI || cmd == FUTEX_CMP_REQUEUE_PI) &&
	    (uintptr_t)addr2 & 3)
		return -EINVAL;
	switch (cmd) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
		if (awaits_foreign(s))
			return in_kernel(g, s);
		if (cmd == FUTEX_WAIT && !s->arg[3] && changes_soon(addr, val))
			return -EAGAIN;
		if (s->arg[3]) {
			r = seam_timespec((void *)s->arg[3], &deadline);
			if (r)
				return r;
			if (cmd == FUTEX_WAIT)
				deadline += raw_now();
			else if (op & FUTEX_CLOCK_REALTIME)
				deadline = to_monotonic(CLOCK_REALTIME, deadline);
		}
		return wait_restarting(g, addr, val,
				       cmd == FUTEX_WAIT ? FUTEX_BITSET_MATCH_ANY : val3, deadline,
				       deadline == FUTEX_NEVER);
	case FUTEX_WAIT_REQUEUE_PI:
		if (s->arg[3]) {
			r = seam_timespec((void *)s->arg[3], &deadline);
			if (r)
				return r;
			if (op & FUTEX_CLOCK_REALTIME)
				deadline = to_monotonic(CLOCK_REALTIME, deadline);
		}
		while ((r = futex_wait_requeue_pi(g, addr, val, addr2, deadline)) == -EINTR)
			sig_deliver(g, NULL);
		return r;
	case FUTEX_CMP_REQUEUE_PI:
		if (val != 1)
			return -EINVAL;
		return woken(g, futex_requeue_pi(addr, addr2, (uint32_t)s->arg[3], val3));
	case FUTEX_WAKE:
	case FUTEX_WAKE_BITSET:
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE:
	case FUTEX_WAKE_OP:
		return woken(g, wake(s, cmd));
	}
	/* Unknown to us: the kernel's queues are not ours, so that to ask it would be to wait for a wake
	 * that comes here. */
	return -ENOSYS;
}

/* Can another process wake one of these words? Then all are the kernel's to watch. */
static bool any_shared(const struct futex_waitv *v, uint32_t n)
{
	struct futex_waitv one;

	for (uint32_t i = 0; i < n; i++)
		if (arch_copy_user(&one, &v[i], sizeof one) == 0 &&
		    !(one.flags & FUTEX_PRIVATE_FLAG) && memory_is_shared((uintptr_t)one.uaddr))
			return true;
	return false;
}

long sys_futex_waitv(struct g *g, struct seam *s)
{
	const struct futex_waitv *v = (const struct futex_waitv *)s->arg[0];
	uint32_t n = (uint32_t)s->arg[1];
	clockid_t clock = (clockid_t)s->arg[4];
	int64_t deadline = FUTEX_NEVER;
	long r;

	if ((uint32_t)s->arg[2] || !n || n > FUTEX_WAITV_MAX || !v)
		return -EINVAL;
	if (s->arg[3]) {
		if (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME)
			return -EINVAL;
		r = seam_timespec((void *)s->arg[3], &deadline);
		if (r)
			return r;
		deadline = to_monotonic(clock, deadline);
	}
	if (any_shared(v, n))
		return in_kernel(g, s);
	for (;;) {
		bool restart = true;

		r = futex_wait_many(g, v, n, deadline);
		if (r != -EINTR || (sig_deliver(g, &restart) && !restart))
			return r;
	}
}

/* ---- futex_wait, futex_wake and futex_requeue of Linux 6.7 ---- */

enum { FUTEX2_FLAGS = FUTEX_32 | FUTEX_PRIVATE_FLAG };

/* Does this kernel have them? It finds fault with their flags then. */
static bool has_futex2(void)
{
	static _Atomic int has; /* 1 yes, -1 no */

	if (!atomic_load_explicit(&has, memory_order_relaxed))
		atomic_store_explicit(&has, raw4(__NR_futex_wake, 0, 0, 0, -1) == -ENOSYS ? -1 : 1,
				      memory_order_relaxed);
	return atomic_load_explicit(&has, memory_order_relaxed) > 0;
}

/* A word that is ours, by its address and FLAGS: of 32 bits, and no other process may see it. The kernel has
 * the others, and says what is wrong with them. */
static bool is_ours(uintptr_t addr, unsigned flags)
{
	return (flags | FUTEX_PRIVATE_FLAG) == FUTEX2_FLAGS && !(addr & 3) &&
	       ((flags & FUTEX_PRIVATE_FLAG) || !memory_is_shared(addr));
}

long sys_futex_wait(struct g *g, struct seam *s)
{
	clockid_t clock = (clockid_t)s->arg[5];
	int64_t deadline = FUTEX_NEVER;
	long r;

	if (!has_futex2() || !is_ours((uintptr_t)s->arg[0], (unsigned)s->arg[3]))
		return in_kernel(g, s);
	if ((unsigned long)s->arg[1] > UINT32_MAX || (unsigned long)s->arg[2] > UINT32_MAX)
		return -EINVAL;
	if (s->arg[4]) {
		if (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME)
			return -EINVAL;
		r = seam_timespec((void *)s->arg[4], &deadline);
		if (r)
			return r;
		deadline = to_monotonic(clock, deadline);
	}
	return wait_restarting(g, (uint32_t *)s->arg[0], (uint32_t)s->arg[1], (uint32_t)s->arg[2],
			       deadline, true);
}

/* The wake or requeue in S as the call of futex(2) in T that does the same; false: it is the kernel's. */
static bool as_futex(const struct seam *s, struct seam *t)
{
	struct futex_waitv v[2];

	*t = (struct seam){.nr = SYS_futex};
	if (!has_futex2())
		return false;
	if (s->nr == __NR_futex_wake) {
		if (!is_ours((uintptr_t)s->arg[0], (unsigned)s->arg[3]) ||
		    (unsigned long)s->arg[1] > UINT32_MAX || (int)s->arg[2] <= 0)
			return false;
		t->arg[0] = s->arg[0];
		t->arg[1] = FUTEX_WAKE_BITSET | (s->arg[3] & FUTEX_PRIVATE_FLAG);
		t->arg[2] = s->arg[2];
		t->arg[5] = s->arg[1];
		return true;
	}
	if (!s->arg[0] || (int)s->arg[1] || (int)s->arg[2] < 0 || (int)s->arg[3] < 0 ||
	    arch_copy_user(v, (void *)s->arg[0], sizeof v) || v[0].__reserved || v[1].__reserved ||
	    v[0].val > UINT32_MAX || v[1].val > UINT32_MAX || !is_ours(v[0].uaddr, v[0].flags) ||
	    !is_ours(v[1].uaddr, v[1].flags))
		return false;
	t->arg[0] = (long)v[0].uaddr;
	t->arg[1] = FUTEX_CMP_REQUEUE | (v[0].flags & FUTEX_PRIVATE_FLAG);
	t->arg[2] = s->arg[2];
	t->arg[3] = s->arg[3];
	t->arg[4] = (long)v[1].uaddr;
	t->arg[5] = (long)v[0].val;
	return true;
}

/* futex_requeue, too. */
long sys_futex_wake(struct g *g, struct seam *s)
{
	struct seam t;

	return as_futex(s, &t) ? woken(g, wake(&t, (int)t.arg[1] & FUTEX_CMD_MASK)) : seam_raw(s);
}

long seam_futex2_foreign(const struct seam *s)
{
	struct seam t;

	return as_futex(s, &t) ? seam_futex_foreign(&t) : seam_raw(s);
}

/* Sleeps until DEADLINE; when a handler ended it, REST (if any) gets what was left. */
static long sleep_until(struct g *g, int64_t deadline, void *rest)
{
	for (;;) {
		uint64_t seq;
		int64_t left;

		if (deadline <= raw_now())
			return 0;
		seq = park_prepare(g, WAIT_SLEEP, 0);
		if (sig_deliverable(g) && park_cancel(g, seq)) {
			if (sig_deliver(g, NULL) == 0)
				continue;
		} else if (park_until(g, seq, deadline) != -EINTR || sig_deliver(g, NULL) == 0) {
			continue;
		}
		left = deadline - raw_now();
		if (rest) {
			struct timespec ts = { 0, 0 };

			if (left > 0)
				ts = (struct timespec){ left / 1000000000, left % 1000000000 };
			if (arch_copy_user(rest, &ts, sizeof ts))
				return -EFAULT;
		}
		return -EINTR;
	}
}

long sys_nanosleep(struct g *g, struct seam *s)
{
	int64_t ns;
	long r = seam_timespec((void *)s->arg[0], &ns);

	return r ? r : sleep_until(g, raw_now() + ns, (void *)s->arg[1]);
}

long sys_clock_nanosleep(struct g *g, struct seam *s)
{
	clockid_t clock = (clockid_t)s->arg[0];
	int64_t ns;
	long r;

	if (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME && clock != CLOCK_BOOTTIME)
		return seam_cpu_sleep(g, s);
	r = seam_timespec((void *)s->arg[2], &ns);
	if (r)
		return r;
	if (s->arg[1] & TIMER_ABSTIME)
		return sleep_until(g, to_monotonic(clock, ns), NULL);
	return sleep_until(g, raw_now() + ns, (void *)s->arg[3]);
}
