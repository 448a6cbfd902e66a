/* SPDX-License-Identifier: MIT */
/*
 * The CPU clocks of threads: a G's is counted by the scheduler (cputime.h), whatever kernel threads
 * it has run on. Where the kernel itself must watch such a clock, for a timer or a sleep, the G gets
 * a kernel thread of its own, whose clock is then the G's.
 */
#include <errno.h>
#include <stddef.h>
#include <sys/resource.h>

#include "interpose/seam.h"
#include "interpose/table.h"
#include "sched/base/lock.h"
#include "sched/base/raw.h"
#include "sched/cputime.h"
#include "sched/gtab.h"
#include "sched/pin.h"
#include "sched/signal.h"

/* The low bits of a clock id below 0; the rest is ~tid (linux/posix-timers.h). */
enum { CLOCK_KIND = 3, CLOCK_FD = 3, CLOCK_OF_THREAD = 4 };

/* The G whose CPU clock ID is, NULL if it is another clock or thread's. */
static struct g *clock_g(struct g *g, clockid_t id)
{
	int32_t tid = ~(id >> 3);

	if (id == CLOCK_THREAD_CPUTIME_ID)
		return g;
	if (id >= 0 || !(id & CLOCK_OF_THREAD) || (id & CLOCK_KIND) == CLOCK_FD)
		return NULL;
	return tid ? gtab_find(tid) : g;
}

static int64_t clock_now(const struct g *of)
{
	if (!atomic_load_explicit(&cputime_counted, memory_order_relaxed))
		cputime_begin();
	return cputime_of(of);
}

long sys_clock_gettime(struct g *g, struct seam *s)
{
	struct g *of = clock_g(g, (clockid_t)s->arg[0]);
	struct timespec ts;
	int64_t ns;

	if (!of)
		return seam_raw(s);
	ns = clock_now(of);
	ts.tv_sec = ns / 1000000000;
	ts.tv_nsec = ns % 1000000000;
	return arch_copy_user((void *)s->arg[1], &ts, sizeof ts);
}

long sys_clock_getres(struct g *g, struct seam *s)
{
	struct seam t = *s;

	if (clock_g(g, (clockid_t)s->arg[0]))
		t.arg[0] = CLOCK_THREAD_CPUTIME_ID;
	return seam_raw(&t);
}

/* The time of a G, in the proportion that its kernel thread has of user's and system's. */
long sys_getrusage(struct g *g, struct seam *s)
{
	struct rusage r;
	int64_t us, user, system;
	long ret;

	if ((int)s->arg[0] != RUSAGE_THREAD)
		return seam_raw(s);
	ret = raw2(SYS_getrusage, RUSAGE_THREAD, &r);
	if (ret)
		return ret;
	us = clock_now(g) / 1000;
	user = r.ru_utime.tv_sec * 1000000 + r.ru_utime.tv_usec;
	system = r.ru_stime.tv_sec * 1000000 + r.ru_stime.tv_usec;
	for (; user + system > 1 << 20; user >>= 1)
		system >>= 1;
	user = user + system ? us * user / (user + system) : us;
	system = us - user;
	r.ru_utime = (struct timeval){ user / 1000000, user % 1000000 };
	r.ru_stime = (struct timeval){ system / 1000000, system % 1000000 };
	return arch_copy_user((void *)s->arg[1], &r, sizeof r);
}

/* The kernel thread of OF runs nothing else from now on. 0 or -errno. */
static long own_clock(struct g *g, struct g *of, clockid_t *id)
{
	struct m *m;
	int r = pin_for_clock(g, of);

	if (r)
		return r == -ESRCH ? -EINVAL : r;
	m = of->m;
	if (of != g && m && m != of->own_m && atomic_load(&m->curg) == of)
		sig_kick(m, true);
	m = of->own_m;
	/* Dead by now: see pin.c. */
	if (!m || m->tid < 0)
		return -EINVAL;
	*id = cputime_kernel_clock(m->tid);
	return 0;
}

/* A time of OF's clock on that of its kernel thread, never 0. */
static int64_t to_kernel(const struct g *of, int64_t ns)
{
	const struct m *m = atomic_load(&of->own_m);

	if (m)
		ns += raw_clock_ns(cputime_kernel_clock(m->tid)) - clock_now(of);
	return ns > 0 ? ns : 1;
}

/* Which timers are on which G's clock, in no order. [timers_lock] */
enum { TIMERS_MAX = 256 };
static struct {
	int32_t id, tid; /* TID 0: taken, for a timer that has no id yet */
} timers[TIMERS_MAX];
static _Atomic uint32_t n_timers;
static struct lock timers_lock;

/* A place for a timer that is to be made. */
static bool timer_reserve(void)
{
	bool room;

	lock_acquire(&timers_lock);
	room = n_timers < TIMERS_MAX;
	if (room) {
		timers[n_timers].id = -1;
		timers[n_timers++].tid = 0;
	}
	lock_release(&timers_lock);
	return room;
}

/* The place of the timer ID is free again, or is that of TID's if that is not 0. */
static void timer_change(int32_t id, int32_t new_id, int32_t tid)
{
	uint32_t i = 0;

	lock_acquire(&timers_lock);
	while (i < n_timers && timers[i].id != id)
		i++;
	if (i < n_timers && tid) {
		timers[i].id = new_id;
		timers[i].tid = tid;
	} else if (i < n_timers) {
		timers[i] = timers[--n_timers];
	}
	lock_release(&timers_lock);
}

void seam_timer_deleted(int32_t id)
{
	if (n_timers)
		timer_change(id, 0, 0);
}

/* NULL if the timer is on another clock, or its thread gone. */
static struct g *timer_g(int32_t id)
{
	int32_t tid = 0;

	lock_acquire(&timers_lock);
	for (uint32_t i = 0; i < n_timers; i++)
		if (timers[i].id == id)
			tid = timers[i].tid;
	lock_release(&timers_lock);
	return tid ? gtab_find(tid) : NULL;
}

long sys_timer_create(struct g *g, struct seam *s)
{
	struct g *of = clock_g(g, (clockid_t)s->arg[0]);
	struct seam t = *s;
	clockid_t clock;
	int32_t id;
	long r;

	if (!of)
		return seam_timer_event(&t);
	r = own_clock(g, of, &clock);
	if (r)
		return r;
	if (!timer_reserve())
		return -EAGAIN;
	t.arg[0] = clock;
	r = seam_timer_event(&t);
	if (r == 0 && !arch_copy_user(&id, (void *)s->arg[2], sizeof id))
		timer_change(-1, id, of->tid);
	else
		timer_change(-1, 0, 0);
	return r;
}

long sys_timer_settime(struct g *g, struct seam *s)
{
	struct seam t = *s;
	struct itimerspec its;
	struct g *of;
	int64_t ns;

	(void)g;
	if (!(s->arg[1] & TIMER_ABSTIME) || !n_timers || !(of = timer_g((int32_t)s->arg[0])) ||
	    arch_copy_user(&its, (void *)s->arg[2], sizeof its) ||
	    seam_timespec(&its.it_value, &ns) || ns == 0)
		return seam_raw(s);
	ns = to_kernel(of, ns);
	its.it_value.tv_sec = ns / 1000000000;
	its.it_value.tv_nsec = ns % 1000000000;
	t.arg[2] = (long)&its;
	return seam_raw(&t);
}

void sys_timer_forked(void)
{
	atomic_store(&timers_lock.word, 0);
	n_timers = 0; /* the kernel's are gone, too */
}

long seam_cpu_sleep(struct g *g, struct seam *s)
{
	struct g *of = clock_g(g, (clockid_t)s->arg[0]);
	struct seam t = *s;
	struct timespec ts;
	clockid_t id;
	int64_t ns;
	long r;

	/* It would never wake up: the kernel refuses it. */
	if (!of || of == g)
		return seam_call(g, s, INTR);
	r = seam_timespec((void *)s->arg[2], &ns);
	if (!r)
		r = own_clock(g, of, &id);
	if (r)
		return r;
	t.arg[0] = id;
	if (s->arg[1] & TIMER_ABSTIME) {
		ns = to_kernel(of, ns);
		ts.tv_sec = ns / 1000000000;
		ts.tv_nsec = ns % 1000000000;
		t.arg[2] = (long)&ts;
	}
	return seam_call(g, &t, INTR);
}
