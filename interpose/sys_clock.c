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
	int r = of == g ? pin_self(g) : pin_other(of);

	if (r)
		return r;
	m = of->m;
	if (of != g && m && m != of->own_m && atomic_load(&m->curg) == of)
		sig_kick(m, true);
	m = of->own_m;
	*id = cputime_kernel_clock(m ? m->tid : 0);
	return 0;
}

long sys_timer_create(struct g *g, struct seam *s)
{
	struct g *of = clock_g(g, (clockid_t)s->arg[0]);
	struct seam t = *s;
	clockid_t id;
	long r;

	if (of) {
		r = own_clock(g, of, &id);
		if (r)
			return r;
		t.arg[0] = id;
	}
	return seam_raw(&t);
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
		ns += raw_clock_ns(id) - clock_now(of);
		ts.tv_sec = ns > 0 ? ns / 1000000000 : 0;
		ts.tv_nsec = ns > 0 ? ns % 1000000000 : 0;
		t.arg[2] = (long)&ts;
	}
	return seam_call(g, &t, INTR);
}
