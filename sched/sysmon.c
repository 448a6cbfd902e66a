/* SPDX-License-Identifier: MIT */
/*
 * The watcher. As Go's: it looks every 20 us while it finds something to do, and after 50 looks in vain doubles
 * the pause up to 10 ms; at once, where a P is idle and nothing waits to run, for what comes then finds that P
 * without the watcher, and a look may cost more than the pause before it. When all Ps have been idle for some
 * looks, it sleeps until somebody works again: not at once, for to be woken costs those who work more than a
 * look, and a program whose Gs wait in the kernel in turns is idle between any two calls.
 *
 * While all Ps work and nobody else does, it sleeps in the poller until a descriptor is ready, a sleeper due or a
 * slice over, whichever is first; who adds a deadline before that, and then computes, wakes it (B8).
 */
#include "sched/sysmon.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "sched/base/mem.h"
#include "sched/base/raw.h"
#include "sched/cputime.h"
#include "sched/dump.h"
#include "sched/netpoll.h"
#include "sched/pin.h"
#include "sched/preempt.h"
#include "sched/proc.h"
#include "sched/follow.h"
#include "sched/runq.h"
#include "sched/signal.h"
#include "sched/stack.h"
#include "sched/timer.h"
#include "sched/trace.h"

enum {
	PAUSE_MIN = 20 * 1000, /* ns */
	PAUSE_MAX = 10 * 1000 * 1000,
	VAIN_LOOKS = 50,
	VAIN_AWOKEN = 40, /* of those, after a sleep */
	IDLE_FOR = 5 * 1000 * 1000, /* ns: looks that all find all Ps idle before it sleeps */
	ASK_AGAIN = 20 * 1000 * 1000, /* what an M does that waited for a CPU: to ask costs some 20 us */
	TRIM_PAUSE = 1000 * 1000 * 1000,
	PROCS_PAUSE = 1000 * 1000 * 1000, /* between looks at how many CPUs we are granted */
	DOUBT_PAUSE = 500 * 1000 * 1000,
	MS_MANY = 4, /* beyond the Ps: as many as need not be accounted for */
	STALL = 1000 * 1000, /* without a decision of its scheduler: look what the M does */
};

static _Atomic bool started, stopping;
static struct m *sysmon_m;

/* The longest pause while something waits to run. */
static int64_t pause_busy(void)
{
	return preempt_full_slice() / 2;
}

/* Is there something to run that nobody is about to look for? */
static bool work_waits(struct p *p)
{
	return !runq_empty(&p->runq) || atomic_load(&sched.n_global) != 0 ||
	       timer_next(p) <= raw_now();
}

/* Some Ps work and some do not while Gs wait for descriptors: who sleeps for those may come to have a P at any
 * time. */
static bool mixed(void)
{
	uint32_t idle = atomic_load(&sched.n_idle_ps);

	return netpoll_waiters() && idle != 0 && idle != sched.n_procs;
}

/* How long a G that P has just come to may compute before it is looked at. A next G is most likely one that P comes
 * to at once. */
static int64_t next_after(const struct p *p)
{
	return runq_next_empty(&p->runq) ? preempt_full_slice() : pause_busy();
}

static bool nobody_looks(void)
{
	return atomic_load(&sched.n_idle_ps) == 0 && atomic_load(&sched.n_spinning) == 0;
}

static char *put_str(char *at, const char *s)
{
	while (*s)
		*at++ = *s++;
	return at;
}

/* What the kernel says of its thread TID: 'R', 'S', 'D' ...; 0 if it does not say. */
static char thread_state(int32_t tid)
{
	char buf[512], *at = buf, digits[12];
	int n = 0;
	long fd, len;

	for (uint32_t v = (uint32_t)tid; v || !n; v /= 10)
		digits[n++] = (char)('0' + v % 10);
	at = put_str(at, "/proc/self/task/");
	while (n)
		*at++ = digits[--n];
	at = put_str(at, "/stat");
	*at = 0;
	fd = raw3(SYS_openat, AT_FDCWD, buf, O_RDONLY | O_CLOEXEC);
	if (raw_failed(fd))
		return 0;
	len = raw3(SYS_read, fd, buf, sizeof buf);
	raw1(SYS_close, fd);
	/* "tid (name) S ...": the name may hold anything, the rest no parenthesis. */
	for (at = buf + len; at > buf + 2; at--)
		if (at[-2] == ')' && at + 1 < buf + len)
			return at[0];
	return 0;
}

/* Would another M be of no use, for that of P has not gone to sleep in its call? It works there, or waits for a CPU,
 * as the other would; for a slice, as if it computed. To ask costs some microseconds: it is done when there are
 * many Ms, and none to spare. */
static bool works_in_call(const struct p *p)
{
	const struct m *m = p->m;

	return m && sched.n_idle_ms == 0 && raw_now() - p->seen_syscall_when < preempt_full_slice() &&
	       sched.n_ms - sched.n_dead_ms >= sched.n_procs + MS_MANY && thread_state(m->tid) == 'R';
}

/* Take the Ps of calls that have lasted a whole look: when something waits to run, when no other P is
 * free for what may come, or when the look was a long one (then the P may as well be idle). */
static bool retake(bool long_pause)
{
	bool found = false;

	for (uint32_t i = 0; i < atomic_load(&sched.n_ps); i++) {
		struct p *p = &sched.ps[i];
		uint32_t tick = atomic_load(&p->syscall_tick), expect = P_SYSCALL;

		if (atomic_load(&p->status) != P_SYSCALL)
			continue;
		if (tick != p->seen_syscall_tick) {
			p->seen_syscall_tick = tick;
			p->seen_syscall_when = raw_now();
			continue;
		}
		if (!long_pause && !work_waits(p) && !nobody_looks())
			continue;
		if (works_in_call(p))
			continue;
		if (atomic_compare_exchange_strong(&p->status, &expect, P_IDLE)) {
			struct m *m = p->m;

			atomic_fetch_add(&p->syscall_tick, 1);
			sched_handoff_p(p);
			found = true;
			/* A kick in vain is harmless: M may be past its call by now. */
			if (m && atomic_load(&m->connects))
				sig_kick(m, false);
		}
	}
	return found;
}

/* Each of P's own could have had a slice since it last came to a hog of the global queue: its next decision is for
 * that. */
static void share_global(struct p *p, int64_t now)
{
	uint32_t since = atomic_load(&p->tick) - atomic_load(&p->global_tick), n = runq_len(&p->runq);

	/* Time alone says little on a machine where others work, too. */
	if (since > n && atomic_load(&sched.n_global) &&
	    now - atomic_load(&p->global_left) >= preempt_full_slice() * (1 + n))
		atomic_store(&p->global_due, true);
}

/* P's M has made no decision since the last look, at SINCE or before, nor had a CPU: is it asleep? */
static bool take_if_stalled(struct p *p, struct m *m, int64_t now, int64_t since)
{
	char state;

	if (now - since < STALL || now < p->ask_when || atomic_load(&m->in_sched))
		return false;
	/* To ask for the state costs twenty times as much as the clock. */
	state = thread_state(m->tid);
	if (state == 'R')
		p->ask_when = now + ASK_AGAIN;
	return (state == 'S' || state == 'D') && sched_retake_stalled(p, m);
}

/* P runs a G on M: when it is to be looked at again, INT64_MAX if nothing hangs on it. */
static int64_t look_at_running(struct p *p, struct m *m, int64_t now)
{
	bool waits = work_waits(p), ran, over, was_waited_for = p->waited_for;
	int64_t cpu, since, used, slice, left;

	p->waited_for = waits;
	share_global(p, now);
	if (!preempt_note(p, m, now, &cpu, &since, &used)) {
		p->last_cpu = cpu;
		return waits ? now + next_after(p) : INT64_MAX;
	}
	/* As long as Gs compute and nothing waits for them, they are left in peace. */
	if (!waits && !nobody_looks())
		return INT64_MAX;
	ran = cpu != p->last_cpu;
	p->last_cpu = cpu;
	/* Its next G, for which nobody was woken, while P computes. */
	if (atomic_load(&sched.n_idle_ps) && !runq_empty(&p->runq))
		sched_wake_p();
	if (!ran && take_if_stalled(p, m, now, since))
		return now;
	if (!waits)
		return ran ? INT64_MAX : now + pause_busy();
	slice = preempt_slice(atomic_load(&m->curg));
	/* What it had before anybody waited, it has taken from nobody. */
	if (!was_waited_for && used > slice)
		used = slice;
	/* What counts is the time it had a CPU: one that waits for it may be on its way into a call that the
	 * signal would end. */
	over = used >= slice - slice / 16;
	if (over || (!runq_next_empty(&p->runq) && now - since >= preempt_granule() &&
		     used >= preempt_granule() / 2)) {
		preempt_end_slice(p, m, now, cpu, used, !over);
		return now + next_after(p);
	}
	left = slice - used;
	if (!runq_next_empty(&p->runq) && left > preempt_granule())
		left = preempt_granule();
	/* Late by the other slices that end soon after, looked at together. */
	return now + (left < preempt_granule() / 2 ? preempt_granule() / 2 : left);
}

/* A P whose M sleeps outside of the library (a call that we do not see, a page that comes from a disk)
 * goes to others; one whose G has run for a whole slice while others wait is preempted. When to look
 * again. */
static int64_t stall_or_preempt(void)
{
	int64_t now = raw_now(), again = INT64_MAX;

	for (uint32_t i = 0; i < atomic_load(&sched.n_ps); i++) {
		struct p *p = &sched.ps[i];
		uint32_t status = atomic_load(&p->status);
		struct m *m = p->m;
		int64_t when = INT64_MAX;

		if (status == P_RUNNING && m) {
			when = look_at_running(p, m, now);
		} else if (status == P_SYSCALL && m && work_waits(p)) {
			/* One short call after the other is a slice too: the way out of the seam looks. */
			when = now + pause_busy();
			share_global(p, now);
			if (atomic_load(&p->tick) != p->seen_call_tick) {
				p->seen_call_tick = atomic_load(&p->tick);
				p->call_when = now;
			} else if (now - p->call_when >= preempt_full_slice()) {
				p->call_when = now;
				atomic_store(&p->charge, (int32_t)preempt_full_slice());
				atomic_fetch_or(&m->attn, ATTN_PREEMPT);
			}
		}
		if (when < again)
			again = when;
	}
	return again;
}

/* Ms whose P went away while they slept: once they compute again, bring them to the scheduler. */
static void recall(void)
{
	for (struct m *m = sched.all_ms; m; m = m->all_link) {
		if (atomic_load(&m->retaken) != RETAKE_DONE || atomic_load(&m->in_sched)) {
			m->recall_cpu = 0;
			continue;
		}
		if (!m->recall_cpu)
			m->recall_cpu = cputime_of_thread(m->tid);
		else if (cputime_of_thread(m->tid) - m->recall_cpu >= STALL)
			sig_kick(m, true);
	}
}

/* The kernel makes no more threads for us, and a P waits for one though there is work, perhaps for the very
 * G that the others wait for. One M in a call that can be interrupted is brought out of it: its G takes
 * the P, goes behind the others (ATTN_PREEMPT) and makes its call again when it is its turn, so that few
 * Ms serve many calls, one after the other. */
static struct m *relieved; /* last */

static bool relieve(void)
{
	struct m *m = relieved;
	bool waits = false;

	for (uint32_t i = 0; i < atomic_load(&sched.n_ps) && !waits; i++)
		waits = work_waits(&sched.ps[i]);
	if (!waits || atomic_load(&sched.n_idle_ps) == 0)
		return false;
	do {
		struct g *g;

		m = m && m->all_link ? m->all_link : sched.all_ms;
		g = atomic_load(&m->curg);
		if (m != sysmon_m && g && atomic_load(&g->status) == G_SYSCALL) {
			relieved = m;
			sig_kick(m, true);
			return true;
		}
	} while (m != relieved && (relieved || m->all_link));
	return false;
}

/* Stacks that were not needed for a while go back to the kernel. */
static int64_t trim_next;

static void trim(void)
{
	int64_t now = raw_now();

	if (now < trim_next)
		return;
	trim_next = now + TRIM_PAUSE;
	if (stack_trim_pending())
		stack_trim();
}

/* What is believed of descriptors for whose Gs nothing has come for long. */
static int64_t doubt_next;

static void doubt(void)
{
	int64_t now = raw_now();

	if (now < doubt_next || !netpoll_doubtful())
		return;
	doubt_next = now + DOUBT_PAUSE;
	netpoll_doubt();
}

/* What a P has not told the poller, for its G was to talk to the next, and then did something else. */
static bool arm_lazies(void)
{
	bool some = false;

	for (uint32_t i = 0; i < atomic_load(&sched.n_ps); i++) {
		struct p *p = &sched.ps[i];
		uint32_t n = atomic_load(&p->n_lazy);

		if (!atomic_load(&p->lazy))
			continue;
		some = true;
		if (n == p->seen_lazy)
			netpoll_arm_lazy(p);
		p->seen_lazy = n;
	}
	return some;
}

/* When there is something to do beside the Ps: CLOCK_MONOTONIC ns, INT64_MAX for never. */
static int64_t due_next(void)
{
	int64_t due = trace_due();

	if (due > doubt_next && netpoll_doubtful())
		due = doubt_next;
	return due > trim_next && stack_trim_pending() ? trim_next : due;
}

/* Sleep until a P is busy, something is asked for, or a report is due. */
static void sleep_idle(void)
{
	int64_t due = due_next(), left = due == INT64_MAX ? due : due - raw_now();
	struct timespec ts = { left / 1000000000, left % 1000000000 };

	if (left <= 0)
		return;
	atomic_store(&sched.watcher_asleep, 1);
	/* B4, with wake_watcher(): it made a P busy, then reads the word; sysmon_wake() likewise. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load(&sched.n_idle_ps) == sched.n_procs && !dump_wanted())
		raw4(SYS_futex, &sched.watcher_asleep, FUTEX_WAIT_PRIVATE, 1,
		     due == INT64_MAX ? NULL : &ts);
	atomic_store(&sched.watcher_asleep, 0);
}

/* Sleep for PAUSE, or until something is due. With all Ps busy and no keeper we are who sees sleepers' deadlines
 * and descriptors that become ready. */
static void sleep_busy(int64_t pause)
{
	bool alone = atomic_load(&sched.n_idle_ps) == 0 && !atomic_load(&sched.timer_m);
	bool polls = alone && netpoll_started();
	int64_t due = trace_due(), now = raw_now(), until = now + pause, left;
	struct gqueue ready = {0};
	struct timespec ts;

	if (due <= now)
		return;
	if (due < until)
		until = due;
	atomic_store(&sched.look_now, 0);
	atomic_store(&sched.look_polls, polls);
	atomic_store(&sched.look_at, until);
	atomic_thread_fence(memory_order_seq_cst); /* B8, with sched_watch_by() */
	due = atomic_load(&sched.n_idle_ps) == 0 ? sched_timers_next() : INT64_MAX;
	left = (due < until ? due : until) - now;
	if (left < PAUSE_MIN)
		left = PAUSE_MIN;
	ts = (struct timespec){0, left};
	if (!polls) {
		raw4(SYS_futex, &sched.look_now, FUTEX_WAIT_PRIVATE, 0, &ts);
	} else if (!atomic_load(&sched.look_now)) {
		netpoll_poll(left, &ready);
		/* The break that we may have taken was another's: there is a keeper by now. */
		if (atomic_load(&sched.timer_m))
			netpoll_break();
	}
	atomic_store(&sched.look_at, 0);
	sched_ready_woken_all(&ready);
}

/* Nobody said how many Ps there are to be: as many as the kernel lets us run at once. Our own mask is that of all
 * Ms whose Gs have none of their own (affinity.h). */
static int64_t procs_next;

static void follow_procs(int64_t now)
{
	if (sched.procs_follow && now >= procs_next) {
		uint32_t n = follow_now();

		if (procs_next && n != atomic_load(&sched.wanted))
			sched_set_procs(n);
		procs_next = now + PROCS_PAUSE;
	}
	if (atomic_load(&sched.too_many))
		sched_stop_hasten(now);
}

/* What people want to see. */
static void report(void)
{
	int64_t now = raw_now();

	atomic_store_explicit(&sched.coarse_now, now, memory_order_relaxed);
	trace_tick(now);
	if (dump_wanted())
		dump_answer();
}

static void loop(void *arg)
{
	uint32_t vain = 0;
	int64_t pause = PAUSE_MIN, sleep = pause, idle = 0;

	int64_t again;
	bool busy, soon, lacking, armed;

	sig_kicks_only(arg);
	raw6(SYS_prctl, PR_SET_TIMERSLACK, 1000, 0, 0, 0, 0); /* ns; the default is 50 us */
	for (;;) {
		if (atomic_load(&stopping))
			pin_end_m(arg);
		sleep_busy(sleep);
		lacking = atomic_load(&sched.short_of_ms);
		idle = atomic_load(&sched.n_idle_ps) == sched.n_procs && !lacking ? idle + pause : 0;
		if (idle >= IDLE_FOR) {
			sleep_idle();
			idle = 0;
			vain = VAIN_AWOKEN;
			pause = PAUSE_MIN;
		}
		report();
		trim();
		follow_procs(raw_now());
		doubt();
		armed = arm_lazies();
		/* Nobody else may look whose descriptors are ready. */
		if (netpoll_waiters() && !atomic_load(&sched.timer_m) &&
		    (lacking || atomic_load(&sched.n_idle_ps) != sched.n_procs)) {
			struct gqueue ready = {0};

			netpoll_poll(0, &ready);
			sched_ready_woken_all(&ready);
		}
		/* A timer of a P that nobody runs, or whose G computes. */
		soon = false;
		if (atomic_load(&sched.n_idle_ps) == 0) {
			sched_fire_all(raw_now());
			soon = preempt_for_woken(raw_now());
		} else if (sched_timers_next() <= raw_now()) {
			sched_wake_p();
		}
		again = stall_or_preempt();
		busy = atomic_exchange(&sched.sparing, false) || mixed() || armed;
		if (atomic_load(&sched.n_stalled))
			recall();
		if (lacking)
			soon |= relieve();
		if (retake(pause >= PAUSE_MAX)) {
			vain = 0;
			pause = PAUSE_MIN;
		} else if ((++vain > VAIN_LOOKS || (!busy && atomic_load(&sched.n_idle_ps) != 0)) &&
			   pause < PAUSE_MAX) {
			pause *= 2;
		}
		if ((busy || idle) && pause > pause_busy())
			pause = pause_busy();
		if (soon && pause > preempt_granule() / 2)
			pause = preempt_granule() / 2;
		sleep = pause;
		if (again != INT64_MAX)
			again -= raw_now();
		if (again < sleep)
			sleep = again > PAUSE_MIN ? again : PAUSE_MIN;
	}
}

int sysmon_start(void)
{
	long r;

	if (atomic_load(&started))
		return 0;
	sysmon_m = sched_m_new();
	if (!sysmon_m)
		return -ENOMEM;
	atomic_store(&stopping, false);
	atomic_store(&started, true);
	r = sched_clone_m(sysmon_m, loop);
	if (raw_failed(r))
		atomic_store(&started, false);
	return raw_failed(r) ? (int)r : 0;
}

void sysmon_stop(void)
{
	if (!atomic_load(&started))
		return;
	atomic_store(&stopping, true);
	sysmon_wake();
	sched_watch_by(0);
	atomic_store(&started, false);
	relieved = NULL;
}

void sysmon_forked(void)
{
	atomic_store(&started, false);
	relieved = NULL;
	trace_forked();
	dump_forked();
}

const struct m *sysmon_machine(void)
{
	return atomic_load(&started) ? sysmon_m : NULL;
}

bool sysmon_wake(void)
{
	if (!atomic_load(&started))
		return false;
	if (atomic_exchange(&sched.watcher_asleep, 0))
		raw3(SYS_futex, &sched.watcher_asleep, FUTEX_WAKE_PRIVATE, 1);
	return true;
}
