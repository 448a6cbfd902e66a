/* SPDX-License-Identifier: MIT */
/*
 * The watcher. As Go's: it looks every 20 us while it finds something to do, and after 50 looks in
 * vain doubles the pause up to 10 ms. When all Ps are idle, it sleeps until somebody works again.
 */
#include "sched/sysmon.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>

#include "sched/base/mem.h"
#include "sched/base/raw.h"
#include "sched/proc.h"
#include "sched/runq.h"
#include "sched/signal.h"
#include "sched/timer.h"

enum {
	PAUSE_MIN = 20 * 1000, /* ns */
	PAUSE_MAX = 10 * 1000 * 1000,
	VAIN_LOOKS = 50,
	SLICE = 10 * 1000 * 1000, /* ns */
};

static bool started;
static struct m *sysmon_m;

static bool work_waits(struct p *p)
{
	return !runq_empty(&p->runq) || atomic_load(&sched.n_global) != 0 ||
	       timer_next(p) <= raw_now();
}

/* Take the Ps of calls that have lasted a whole look, when something waits to run or the look was a long one
 * (then nobody works, and the P may as well be idle). */
static bool retake(bool long_pause)
{
	bool found = false;

	for (uint32_t i = 0; i < sched.n_procs; i++) {
		struct p *p = &sched.ps[i];
		uint32_t tick = atomic_load(&p->syscall_tick), expect = P_SYSCALL;

		if (atomic_load(&p->status) != P_SYSCALL)
			continue;
		if (tick != p->seen_syscall_tick) {
			p->seen_syscall_tick = tick;
			continue;
		}
		if (!long_pause && !work_waits(p))
			continue;
		if (atomic_compare_exchange_strong(&p->status, &expect, P_IDLE)) {
			atomic_fetch_add(&p->syscall_tick, 1);
			sched_handoff_p(p);
			found = true;
		}
	}
	return found;
}

/* Preempt who has run for a whole slice while others wait. */
static void preempt(void)
{
	int64_t now = raw_now();

	for (uint32_t i = 0; i < sched.n_procs; i++) {
		struct p *p = &sched.ps[i];
		uint32_t tick = atomic_load(&p->tick);
		struct m *m = p->m;

		if (atomic_load(&p->status) != P_RUNNING || tick != p->seen_tick) {
			p->seen_tick = tick;
			p->seen_when = now;
		} else if (m && now - p->seen_when >= SLICE && work_waits(p)) {
			p->seen_when = now;
			sig_kick(m, true);
		}
	}
}

static void loop(void *arg)
{
	uint32_t vain = 0;
	int64_t pause = PAUSE_MIN;

	uint64_t all = ~0ull;

	(void)arg;
	raw4(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
	for (;;) {
		struct timespec ts = {0, pause};

		raw4(SYS_nanosleep, &ts, NULL, 0, 0);
		if (atomic_load(&sched.n_idle_ps) == sched.n_procs) {
			atomic_store(&sched.watcher_asleep, 1);
			/* B4, with wake_watcher(): it made a P busy, then reads the word. */
			atomic_thread_fence(memory_order_seq_cst);
			if (atomic_load(&sched.n_idle_ps) == sched.n_procs)
				raw4(SYS_futex, &sched.watcher_asleep, FUTEX_WAIT_PRIVATE, 1, NULL);
					vain = 0;
			pause = PAUSE_MIN;
		}
		preempt();
		if (retake(pause >= PAUSE_MAX)) {
			vain = 0;
			pause = PAUSE_MIN;
		} else if (++vain > VAIN_LOOKS && pause < PAUSE_MAX) {
			pause *= 2;
		}
	}
}

int sysmon_start(void)
{
	char *at;
	size_t tls = mem_round(sched.tls_below, 64);
	long r;

	if (started)
		return 0;
	at = mem_pages(sizeof(struct m) + tls + 2 * MEM_PAGE + 16384);
	if (!at)
		return -ENOMEM;
	sysmon_m = (struct m *)at;
	at += mem_round(sizeof(struct m), 64) + tls;
	((void **)at)[0] = at;
	((void **)at)[2] = at;
	sysmon_m->g0.ctx.fs = (uintptr_t)at;
	sysmon_m->g0.m = sysmon_m;
	sysmon_m->stack = at + MEM_PAGE;
	sysmon_m->stack_size = 16384;
	r = sched_clone_m(sysmon_m, loop);
	started = !raw_failed(r);
	return started ? 0 : (int)r;
}

void sysmon_forked(void)
{
	started = false;
}
