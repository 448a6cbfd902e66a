/* SPDX-License-Identifier: MIT */
/* Signals per G. See signal.h. */
#include "sched/signal.h"

#include <errno.h>
#include <stddef.h>

#include "sched/base/fatal.h"
#include "sched/base/mem.h"
#include "sched/base/raw.h"
#include "sched/dump.h"
#include "sched/each_m.h"
#include "sched/gtab.h"
#include "sched/proc.h"
#include "sched/sigpend.h"
#include "sched/sigremote.h"
#include "sched/sigtimer.h"
#include "sched/stack.h"

#define BIT(sig) (1ull << ((sig) - 1))
#define SA_RESTORER_FLAG 0x04000000ul

static const uint64_t UNBLOCKABLE = BIT(SIGKILL) | BIT(SIGSTOP);
static const uint64_t FAULTS = BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGFPE) | BIT(SIGILL) | BIT(SIGTRAP);
static const uint64_t IGNORED_BY_DEFAULT = BIT(SIGCHLD) | BIT(SIGURG) | BIT(SIGWINCH) | BIT(SIGCONT);
/* Always ours: arch_copy_user() meets addresses that are not there. */
static const uint64_t COPY_FAULTS = BIT(SIGSEGV) | BIT(SIGBUS);
static const uint64_t GLIBC_OWN = BIT(32) | BIT(33);
static const uint64_t ALWAYS_OURS = BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIG_KICK) | BIT(SIG_CARRIER);
static const uint64_t EVERYTHING = ~0ull;

/* linux/signal.h */
enum { ALTSTACK_MIN = 2048 };
static const unsigned AUTODISARM = 1u << 31;

static struct lock sig_lock;
static struct sig_action actions[65]; /* the program's [sig_lock] */
static uint64_t shadowed; /* kernel disposition is ours although the program's is DFL or IGN */
static struct sigpend process_pending; /* [sig_lock] */
static int32_t pid;

/* Signals that some signalfd asks the kernel for; those of them that the kernel keeps, because every
 * G blocks them; and those that it keeps or may be about to [all: sig_lock, read by all]. */
static _Atomic uint64_t mirrored, kept, keeping;

static void handler(int sig, siginfo_t *info, void *uc);

static void kernel_action(int sig, const struct sig_action *a)
{
	raw4(SYS_rt_sigaction, sig, a, NULL, 8);
}

static bool has_handler(const struct sig_action *a)
{
	return (uintptr_t)a->handler > 1; /* neither SIG_DFL nor SIG_IGN */
}

/* What the kernel shall do with SIG. */
static void install_locked(int sig)
{
	const struct sig_action *a = &actions[sig];
	struct sig_action ours = {
		.handler = (void (*)(void))handler,
		.flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_RESTORER_FLAG |
			 (a->flags & (SA_NOCLDSTOP | SA_NOCLDWAIT)),
		.restorer = (void *)arch_restorer,
		.mask = ~0ull,
	};

	if (sig == SIG_KICK || sig == SIG_CARRIER) {
		kernel_action(sig, &ours);
		return;
	}
	if (BIT(sig) & GLIBC_OWN)
		return;
	if (has_handler(a) || (shadowed & BIT(sig)) || (BIT(sig) & COPY_FAULTS)) {
		if (a->handler == (void (*)(void))SIG_IGN && sig == SIGCHLD)
			ours.flags |= SA_NOCLDWAIT;
		kernel_action(sig, &ours);
	} else {
		kernel_action(sig, a);
	}
}

/* Some G blocks these: from now on it is we who keep them. */
static void shadow(uint64_t set)
{
	set &= ~(UNBLOCKABLE | FAULTS | GLIBC_OWN);
	if (!(set & ~shadowed))
		return;
	lock_acquire(&sig_lock);
	for (int sig = 1; sig <= 64; sig++) {
		if (!(set & ~shadowed & BIT(sig)))
			continue;
		shadowed |= BIT(sig);
		install_locked(sig);
	}
	lock_release(&sig_lock);
}

static bool ignored(int sig)
{
	const struct sig_action *a = &actions[sig];

	return a->handler == (void (*)(void))SIG_IGN ||
	       (a->handler == (void (*)(void))SIG_DFL && (BIT(sig) & IGNORED_BY_DEFAULT));
}

/* To ignore a signal is to forget it where it is pending, too. */
static void flush_locked(int sig)
{
	sigpend_flush(&process_pending, BIT(sig));
	for (uint32_t i = 0; i < gtab_top(); i++)
		sigpend_flush(&gtab_slot(i)->pending, BIT(sig));
}

long sig_set_action(int sig, const struct sig_action *act, struct sig_action *old)
{
	if (sig < 1 || sig > 64 || (act && (BIT(sig) & UNBLOCKABLE)))
		return -EINVAL;
	lock_acquire(&sig_lock);
	if (old)
		*old = actions[sig];
	if (act) {
		actions[sig] = *act;
		actions[sig].mask &= ~UNBLOCKABLE;
		install_locked(sig);
		if (ignored(sig))
			flush_locked(sig);
	}
	lock_release(&sig_lock);
	return 0;
}

void sig_dispositions(uint64_t *ign, uint64_t *caught)
{
	*ign = *caught = 0;
	for (int sig = 1; sig <= 64; sig++) {
		if (has_handler(&actions[sig]))
			*caught |= BIT(sig);
		else if (actions[sig].handler == (void (*)(void))SIG_IGN)
			*ign |= BIT(sig);
	}
}

/* ---- pending sets -------------------------------------------------------------------------- */

static uint64_t pending(const struct g *g)
{
	return atomic_load(&g->pending.set) | atomic_load(&process_pending.set);
}

uint64_t sig_pending(const struct g *g)
{
	uint64_t kernel = 0;

	if (atomic_load(&kept))
		raw2(SYS_rt_sigpending, &kernel, sizeof kernel);
	return pending(g) | kernel;
}

bool sig_deliverable(const struct g *g)
{
	return pending(g) & ~atomic_load(&g->sigmask);
}

static bool take(struct g *g, uint64_t set, siginfo_t *info)
{
	bool got;

	lock_acquire(&sig_lock);
	got = sigpend_take(&g->pending, set, info) || sigpend_take(&process_pending, set, info);
	lock_release(&sig_lock);
	return got;
}

/* ---- sending ------------------------------------------------------------------------------- */

long sig_kick(struct m *m, bool preempt)
{
	long r = 0;

	atomic_fetch_or(&m->attn, preempt ? ATTN_PREEMPT : ATTN_SIGNAL);
	atomic_fetch_add(&m->kickers, 1);
	if (!atomic_load(&m->deaf)) /* both seq_cst: see be_deaf() */
		r = raw3(SYS_tgkill, pid, m->tid, SIG_KICK);
	if (r == -EAGAIN) {
		atomic_store(&m->kick_substitute, true);
		r = raw3(SYS_tgkill, pid, m->tid, SIG_SUBSTITUTE);
	}
	atomic_fetch_sub(&m->kickers, 1);
	return r;
}

/* G has something to look at: get it there from whatever it is doing; IO_ONLY: unless it waits for other things
 * than descriptors. */
static void rouse(struct g *g, bool io_only)
{
	uint64_t seq;
	struct m *m;

	atomic_fetch_or(&g->attn, ATTN_SIGNAL);
	atomic_thread_fence(memory_order_seq_cst); /* B5: park, then look at attn (sig_wait, bodies) */
	seq = atomic_load(&g->claim);
	if (seq) {
		if ((!io_only || atomic_load(&g->wait_reason) == WAIT_IO) && park_claim(g, seq, -EINTR))
			sched_ready(g);
		return;
	}
	m = g->m;
	if (g != self_g && m && atomic_load(&m->curg) == g)
		sig_kick(m, false);
}

static void notify(struct g *g)
{
	rouse(g, false);
}

/* Does G take SIG now: by a handler, or because it sigwaits for it? */
static bool takes(const struct g *g, uint64_t bit)
{
	return gtab_living(g) &&
	       (!(atomic_load(&g->sigmask) & bit) || (atomic_load(&g->sigwait) & bit));
}

/* Who shall take a signal of the process: as in the kernel the main thread first, then the current
 * one, then any. NULL when all block it. */
static struct g *find_taker(uint64_t bit)
{
	struct g *g = gtab_find(pid);

	if (g && takes(g, bit))
		return g;
	g = self_g;
	if (g && takes(g, bit))
		return g;
	for (uint32_t i = 0; i < gtab_top(); i++)
		if (takes(gtab_slot(i), bit))
			return gtab_slot(i);
	return NULL;
}

/* A G that runs, and takes BIT. BUSY: whether one that runs would, but for the handler of it that it is in. */
static struct g *find_runner(uint64_t bit, bool *busy)
{
	*busy = false;
	for (const struct m *m = sched.all_ms; m; m = m->all_link) {
		struct g *g = atomic_load(&m->curg);

		if (!g || atomic_load(&g->status) != G_RUNNING)
			continue;
		if (takes(g, bit))
			return g;
		*busy |= (atomic_load(&g->handling) & bit) != 0;
	}
	return NULL;
}

/* A G that is about to run, and takes BIT. */
static struct g *find_runnable(uint64_t bit)
{
	for (uint32_t i = 0; i < gtab_top(); i++) {
		struct g *g = gtab_slot(i);

		if (takes(g, bit) && atomic_load(&g->status) == G_RUNNABLE)
			return g;
	}
	return NULL;
}

static bool of_file(const siginfo_t *info)
{
	return (info->si_signo == SIGIO || info->si_signo > SIG_SETXID) && info->si_code > 0;
}

/* Who shall take INFO, a signal of the process that was noted on M. A timer's goes, as in the kernel, to the
 * thread that it found running; those that tell how CPU time passes (profilers use them) to one that runs, or
 * is about to. If that is in its handler the next waits: the time may have passed in a kernel thread that is
 * no G's, while G had no CPU. A file's may be meant for the G that M was made for (F_SETOWN_EX). */
static struct g *find_taker_of(const struct m *m, const siginfo_t *info)
{
	const int sig = info->si_signo;
	const bool spent = info->si_code == SI_KERNEL && (sig == SIGPROF || sig == SIGVTALRM);
	struct g *g = NULL;
	bool busy = false;

	if (of_file(info))
		g = m->locked_g;
	else if (spent || info->si_code == SI_TIMER)
		g = atomic_load(&m->curg);
	if (g && !takes(g, BIT(sig)))
		g = NULL;
	if (!g && spent)
		g = find_runner(BIT(sig), &busy);
	if (!g && spent && !busy)
		g = find_runnable(BIT(sig));
	return g || busy ? g : find_taker(BIT(sig));
}

/* ---- signals that the kernel keeps ---------------------------------------------------------- */
/*
 * A signalfd reads the kernel's queue. So a signal that some signalfd asks for (mirrored), and that
 * every G blocks, is left to the kernel: all Ms are told to block it. One that comes to an M all the
 * same is blocked there and sent again, until it lies in the process's queue. Who opens its mask to a
 * signal that is kept takes it back: its M unblocks it, and one unblocked M is enough.
 *
 * KEEPING is set under sig_lock, then the masks are looked at; a G changes its mask, then looks at
 * KEEPING (both seq_cst): one of the two sees the other. KEPT is what was found to be blocked by all:
 * Ms block no more than that.
 */

static void block_here(struct m *m, uint64_t set)
{
	atomic_fetch_or(&m->kernel_mask, set);
	raw4(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 8);
}

/* Do all Gs block SIG? Then it is kept. */
static bool keep_locked(int sig)
{
	atomic_fetch_or(&keeping, BIT(sig));
	if (find_taker(BIT(sig))) {
		atomic_fetch_and(&keeping, ~BIT(sig));
		return false;
	}
	atomic_fetch_or(&kept, BIT(sig));
	return true;
}

/* Send INFO to our process. The kernel lets only the group's leader say that it, or another, sent it;
 * from elsewhere it becomes a queued signal of the same sender. */
static bool send_again(const siginfo_t *info)
{
	siginfo_t as = *info;
	long r = raw3(SYS_rt_sigqueueinfo, pid, info->si_signo, info);

	if (r != -EPERM)
		return r == 0;
	if ((info->si_code == SI_USER || info->si_code == SI_TKILL) && info->si_pid == pid)
		return raw2(SYS_kill, pid, info->si_signo) == 0;
	as.si_code = SI_QUEUE;
	return raw3(SYS_rt_sigqueueinfo, pid, info->si_signo, &as) == 0;
}

/* Leave INFO to the kernel, if a signalfd may ask for it and no G takes it. False: it is ours. */
static bool leave_to_kernel_locked(struct m *m, const siginfo_t *info)
{
	int sig = info->si_signo;

	if (!(atomic_load(&mirrored) & BIT(sig)) || !keep_locked(sig))
		return false;
	block_here(m, BIT(sig));
	return send_again(info);
}

/* G has opened its mask, or a sigwait, to OPENED. */
static void take_back(struct g *g, uint64_t opened)
{
	struct m *m = g->m;

	lock_acquire(&sig_lock);
	opened &= atomic_load(&keeping);
	atomic_fetch_and(&keeping, ~opened);
	atomic_fetch_and(&kept, ~opened);
	lock_release(&sig_lock);
	if (!opened)
		return;
	if (m->ring_full)
		sig_drain(m);
	atomic_fetch_and(&m->kernel_mask, ~opened);
	/* What is pending comes right here, into the ring. */
	raw4(SYS_rt_sigprocmask, SIG_UNBLOCK, &opened, NULL, 8);
}

static void nothing(void *arg)
{
	(void)arg;
}

/* Make the other Ms block what is kept, which each does on every kick: a signal sent from now on is
 * in the kernel's queue at once. */
static void tell_ms(struct m *self)
{
	each_m_call(self, nothing, NULL);
}

/* The kernel is to keep what of SET all Gs block. */
static void keep(struct g *g, uint64_t set)
{
	uint64_t here = 0, left;
	siginfo_t info;

	lock_acquire(&sig_lock);
	for (int sig = 1; sig <= 64; sig++)
		if ((set & BIT(sig)) && keep_locked(sig))
			here |= BIT(sig);
	left = here;
	if (here)
		block_here(g->m, here);
	while (sigpend_take(&process_pending, left, &info)) {
		if (send_again(&info))
			continue;
		sigpend_put(&process_pending, &info);
		left &= ~BIT(info.si_signo);
	}
	lock_release(&sig_lock);
	if (here)
		tell_ms(g->m);
}

/* ---- signals of one G that a signalfd shows -------------------------------------------------- */
/*
 * To the kernel a signalfd shows a thread what is pending for that thread, and for the process. What is
 * pending for a G, no M has. So a G that reads a signalfd is given its own by us (sys_signalfd.c), and one that asks
 * poll(2) or epoll lends its M what it has, for as long as the question takes: each such signal is sent to
 * the M, which blocks it, and taken off again afterwards (sig_lend, sig_unlend). The kernel then says of every
 * descriptor, and of every epoll set with one in it, what it would say to a thread.
 *
 * Of a signal that comes while G waits it is told: SIGSHOWN is set, then the park looked for; the
 * park is published, then SIGSHOWN looked at (B5, netpoll.c).
 */

enum { LENT_CODE = -0x6c74 }; /* as CODE in sigremote.c: nobody else's */

uint64_t sig_shown(const struct g *g)
{
	uint64_t set = atomic_load(&g->pending.set);

	return set ? set & atomic_load(&g->sigmask) & atomic_load(&mirrored) : 0;
}

bool sig_take_shown(struct g *g, uint64_t set, siginfo_t *info)
{
	bool got;

	lock_acquire(&sig_lock);
	got = sigpend_take(&g->pending, set & sig_shown(g), info);
	lock_release(&sig_lock);
	return got;
}

/* One of G's own came, or became one that a signalfd shows. */
static void show(struct g *g)
{
	atomic_store(&g->sigshown, true);
	rouse(g, true);
}

uint64_t sig_lend(struct g *g)
{
	uint64_t set = sig_shown(g), lent = 0;
	siginfo_t info = {.si_code = LENT_CODE};
	struct m *m = g->m;

	if (!set)
		return 0;
	atomic_store(&m->lent, set);
	raw4(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 8);
	for (int sig = 1; sig <= 64; sig++) {
		info.si_signo = sig;
		if ((set & BIT(sig)) && raw4(SYS_rt_tgsigqueueinfo, pid, m->tid, sig, &info) == 0)
			lent |= BIT(sig);
	}
	return lent;
}

static void ring_put(struct m *m, const siginfo_t *info);
static uint64_t resume_mask(const struct m *m);

void sig_unlend(struct m *m, uint64_t lent)
{
	const struct timespec none = {0, 0};
	siginfo_t info;
	uint64_t mask;

	if (!atomic_load(&m->lent))
		return;
	raw4(SYS_rt_sigprocmask, SIG_SETMASK, &EVERYTHING, NULL, 8);
	for (int sig = 1; sig <= 64; sig++) {
		uint64_t bit = BIT(sig);

		/* What a thread has itself comes first: another before ours is one that the kernel sent to it. */
		while ((lent & bit) && raw4(SYS_rt_sigtimedwait, &bit, &info, &none, 8) == sig) {
			if (info.si_code == LENT_CODE)
				break;
			ring_put(m, &info);
		}
	}
	atomic_store(&m->lent, 0);
	mask = resume_mask(m);
	raw4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
}

void sig_mirror(struct g *g, uint64_t set)
{
	set &= ~(UNBLOCKABLE | FAULTS | GLIBC_OWN);
	atomic_fetch_or(&mirrored, set);
	keep(g, set);
	for (uint32_t i = 0; i < gtab_top(); i++)
		if (gtab_living(gtab_slot(i)) && sig_shown(gtab_slot(i)))
			show(gtab_slot(i));
}

/* ---- sending, continued --------------------------------------------------------------------- */

long sig_send(struct g *g, const siginfo_t *info)
{
	uint64_t bit = BIT(info->si_signo);
	bool ok;

	if (info->si_signo == dump_signal()) {
		dump_request();
		return 0;
	}
	lock_acquire(&sig_lock);
	/* The G may have ended since it was found; sig_exit() has the lock when it does. */
	if (g->sigend || !gtab_living(g) || (ignored(info->si_signo) && !(atomic_load(&g->sigmask) & bit))) {
		lock_release(&sig_lock);
		return 0;
	}
	ok = sigpend_room(info) && sigpend_put(&g->pending, info);
	lock_release(&sig_lock);
	if (!ok)
		return -EAGAIN;
	if (takes(g, bit))
		notify(g);
	else if (atomic_load(&mirrored) & bit)
		show(g);
	return 0;
}

/* A signal for the process, noted on M: pending, and some G that may take it is told. */
static void post(struct m *m, const siginfo_t *info)
{
	uint64_t bit = BIT(info->si_signo);
	struct g *to;

	if (info->si_signo == SIG_CARRIER) {
		siginfo_t meant;
		int32_t tid = info->si_code == SI_TIMER ? sigtimer_route(info, &meant)
							: sigremote_route(info, &meant);

		to = tid ? gtab_find(tid) : NULL;
		if (to)
			sig_send(to, &meant);
		return;
	}
	lock_acquire(&sig_lock);
	to = find_taker_of(m, info);
	if ((to && ignored(info->si_signo) && !(atomic_load(&to->sigmask) & bit)) ||
	    (!to && leave_to_kernel_locked(m, info))) {
		lock_release(&sig_lock);
		return;
	}
	/* What is a file's, and is meant for a thread, no other may take. */
	sigpend_put(to && to == m->locked_g && of_file(info) ? &to->pending : &process_pending, info);
	lock_release(&sig_lock);
	/* Looked for again: a G that changes its mask does so first, and then looks at what is pending. */
	atomic_thread_fence(memory_order_seq_cst);
	to = find_taker_of(m, info);
	if (to)
		notify(to);
}

long sig_send_process(struct m *m, const siginfo_t *info)
{
	int sig = info->si_signo;
	uint64_t bit = BIT(sig);
	bool room;

	/* What has no handler of ours behind it, and what the kernel keeps, is the kernel's. */
	if ((bit & (UNBLOCKABLE | GLIBC_OWN)) || sig == dump_signal() ||
	    ((atomic_load(&mirrored) | atomic_load(&keeping)) & bit) ||
	    !(has_handler(&actions[sig]) || (shadowed & bit)))
		return 1;
	lock_acquire(&sig_lock);
	room = sigpend_room(info);
	lock_release(&sig_lock);
	if (!room)
		return -EAGAIN;
	post(m, info);
	return 0;
}

/* G, which had been told of signals of the process, takes CLOSED no more: somebody else must. */
static void retarget(struct g *g, uint64_t closed)
{
	uint64_t set = closed & atomic_load(&process_pending.set);

	for (int sig = 1; set && sig <= 64; sig++) {
		struct g *to;

		if (!(set & BIT(sig)))
			continue;
		set &= ~BIT(sig);
		to = find_taker(BIT(sig));
		if (to && to != g)
			notify(to);
	}
}

/* Everything that follows from another mask, but for the delivery. */
static void change_mask(struct g *g, uint64_t mask)
{
	uint64_t old = atomic_load_explicit(&g->sigmask, memory_order_relaxed);

	atomic_store(&g->sigmask, mask);
	atomic_store_explicit(&g->handling, atomic_load(&g->handling) & mask, memory_order_relaxed);
	if (old & ~mask & atomic_load(&keeping))
		take_back(g, old & ~mask);
	if (pending(g) & ~mask)
		atomic_fetch_or(&g->attn, ATTN_SIGNAL);
	if (mask & ~old & atomic_load(&process_pending.set))
		retarget(g, mask & ~old);
}

void sig_set_mask(struct g *g, uint64_t mask)
{
	uint64_t closed;

	mask &= ~UNBLOCKABLE;
	/* Everything blocked is glibc about to make or end a thread: not for long, not worth a system
	 * call per signal. */
	if ((mask & GLIBC_OWN) != GLIBC_OWN)
		shadow(mask);
	closed = mask & ~atomic_load(&g->sigmask) & atomic_load(&mirrored) & ~atomic_load(&kept);
	change_mask(g, mask);
	if (closed)
		keep(g, closed);
}

void sig_exit(struct g *g)
{
	sig_set_mask(g, EVERYTHING);
	lock_acquire(&sig_lock);
	g->sigend = true;
	sigpend_flush(&g->pending, EVERYTHING);
	atomic_store(&g->sigshown, false);
	lock_release(&sig_lock);
}

/* ---- delivering ---------------------------------------------------------------------------- */

/* What the kernel does with SIG where there is no handler: it ends or stops the process. */
static void default_action(int sig)
{
	static const struct sig_action dfl;
	uint64_t bit = BIT(sig);

	if (bit & IGNORED_BY_DEFAULT)
		return;
	kernel_action(sig, &dfl);
	raw3(SYS_tgkill, pid, raw0(SYS_gettid), sig);
	/* In a handler it is blocked. */
	raw4(SYS_rt_sigprocmask, SIG_UNBLOCK, &bit, NULL, 8);
	/* Only stopped, and continued. */
	lock_acquire(&sig_lock);
	install_locked(sig);
	lock_release(&sig_lock);
}

/* Does SP lie on G's alternate stack, as long as that is to be told from others? */
static bool on_altstack(const struct g *g, uintptr_t sp)
{
	return !(g->alt.flags & (SS_DISABLE | AUTODISARM)) && sp - g->alt.sp <= g->alt.size;
}

long sig_altstack(struct g *g, const stack_t *set, stack_t *old, uintptr_t sp)
{
	const int mode = set ? set->ss_flags & ~(int)AUTODISARM : 0;

	if (old) {
		old->ss_sp = (void *)g->alt.sp;
		old->ss_size = g->alt.size;
		old->ss_flags = g->alt.flags | (on_altstack(g, sp) ? SS_ONSTACK : 0);
	}
	if (!set)
		return 0;
	if (on_altstack(g, sp))
		return -EPERM;
	if (mode != 0 && mode != SS_DISABLE && mode != SS_ONSTACK)
		return -EINVAL;
	if (mode != SS_DISABLE && set->ss_size < ALTSTACK_MIN)
		return -ENOMEM;
	g->alt = (struct g_altstack){.flags = set->ss_flags & ~SS_ONSTACK};
	if (mode == SS_DISABLE)
		return 0;
	g->alt.sp = (uintptr_t)set->ss_sp;
	g->alt.size = set->ss_size;
	return 0;
}

/* Put INFO's handler on G, which was interrupted at UC. */
static void inject(struct g *g, ucontext_t *uc, const siginfo_t *info)
{
	int sig = info->si_signo;
	struct sig_action a;
	uint64_t mask = atomic_load(&g->sigmask), saved = mask;
	uintptr_t sp = arch_sp(uc), top = 0;

	lock_acquire(&sig_lock);
	a = actions[sig];
	if (has_handler(&a) && (a.flags & SA_RESETHAND)) {
		actions[sig].handler = (void (*)(void))SIG_DFL;
		install_locked(sig);
	}
	lock_release(&sig_lock);
	if (!has_handler(&a)) {
		if (a.handler == (void (*)(void))SIG_DFL)
			default_action(sig);
		return;
	}
	if (sig == SIG_SETXID)
		g->setxid_asked = true;
	if (g->sigsaved_valid) {
		saved = g->sigsaved;
		g->sigsaved_valid = false;
	}
	if ((a.flags & SA_ONSTACK) && !(g->alt.flags & SS_DISABLE) && !on_altstack(g, sp))
		top = g->alt.sp + g->alt.size;
	/* One handler too many on it: below may be anything. */
	if ((top || on_altstack(g, sp)) &&
	    (top ? top : sp) - g->alt.sp < arch_inject_size(uc))
		default_action(SIGSEGV);
	arch_inject(uc, sig, info, a.handler, top, saved, &g->alt);
	if (g->alt.flags & AUTODISARM)
		g->alt = (struct g_altstack){.flags = SS_DISABLE};
	mask |= a.mask;
	if (!(a.flags & SA_NODEFER))
		mask |= BIT(sig);
	change_mask(g, mask);
	if (!(a.flags & SA_NODEFER))
		atomic_fetch_or(&g->handling, BIT(sig));
	/* One more: it comes when the handler has just begun, as the kernel would stack them. */
	if (sig_deliverable(g))
		sig_kick(g->m, false);
}

static struct m *m_of(int32_t tid)
{
	for (struct m *m = sched.all_ms; m; m = m->all_link)
		if (m->tid == tid)
			return m;
	return NULL;
}

static struct m *this_m(void)
{
	return m_of((int32_t)raw0(SYS_gettid));
}

bool sig_is_m(int32_t tid)
{
	return m_of(tid) != NULL;
}

/* A full ring: the kernel keeps the rest until it is drained (resume_mask). */
static void ring_put(struct m *m, const siginfo_t *info)
{
	uint32_t tail = atomic_load_explicit(&m->ring_tail, memory_order_relaxed);

	m->ring[tail % SIGRING] = *info;
	atomic_store_explicit(&m->ring_tail, ++tail, memory_order_release);
	atomic_fetch_or(&m->attn, ATTN_RING);
	if (tail - atomic_load(&m->ring_head) == SIGRING)
		m->ring_full = true;
}

/* The mask that M's kernel thread shall have when it is not in a handler of ours. A full ring stays
 * open to the kick, without which nobody would look at it. */
static uint64_t resume_mask(const struct m *m)
{
	if (m->kicks_only)
		return ~(BIT(SIG_KICK) | BIT(SIG_SUBSTITUTE));
	return m->ring_full ? ~(BIT(SIG_KICK) | FAULTS | UNBLOCKABLE)
			    : atomic_load(&m->kernel_mask) | atomic_load(&m->lent);
}

/* M's notes are posted. True if the kernel's mask is to be opened again. */
static bool drain(struct m *m)
{
	bool was_full;

	atomic_fetch_and(&m->attn, ~(uint32_t)(ATTN_RING | ATTN_SIGNAL));
	for (;;) {
		uint32_t head = atomic_load_explicit(&m->ring_head, memory_order_relaxed);
		siginfo_t info;

		if (head == atomic_load_explicit(&m->ring_tail, memory_order_acquire))
			break;
		info = m->ring[head % SIGRING];
		atomic_store_explicit(&m->ring_head, head + 1, memory_order_release);
		post(m, &info);
	}
	was_full = m->ring_full;
	m->ring_full = false;
	return was_full;
}

void sig_drain(struct m *m)
{
	while (drain(m)) {
		uint64_t mask = resume_mask(m);

		raw4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
	}
}

/* Is there room on the stack that UC stands on, and do we know that stack? */
static bool may_preempt(const struct g *g, const ucontext_t *uc)
{
	uintptr_t sp = arch_sp(uc), need = arch_inject_size(uc) + 4096;

	return g->stack_lo && sp <= g->stack_hi && sp > g->stack_lo + 4096 + need;
}

/* SIG, which is no fault, found M at PLACE, running G or nobody. */
static void take_note(struct m *m, struct g *g, int sig, const siginfo_t *info, ucontext_t *uc,
		      enum arch_place place)
{
	siginfo_t taken;

	if (place == ARCH_DELIVER && m->deliver && sig == SIG_KICK) {
		struct sigq *q = m->deliver;

		m->deliver = NULL;
		inject(g, uc, &q->info);
		return;
	}
	if (place != ARCH_APP || !g) {
		/* What the kick is about may have been seen already; that it cuts a call short may not. */
		if (sig != SIG_KICK)
			ring_put(m, info);
		else
			atomic_fetch_or(&m->attn, ATTN_SIGNAL);
		if (!g)
			sched_nudge(m);
		arch_cut(uc);
		return;
	}
	/* The program's own code, on a G. */
	if (sig != SIG_KICK)
		post(m, info);
	drain(m);
	if (take(g, ~atomic_load(&g->sigmask), &taken))
		inject(g, uc, &taken);
	else if ((atomic_load(&m->attn) & ATTN_PREEMPT) && may_preempt(g, uc))
		arch_inject(uc, 0, NULL, NULL, 0, 0, &g->alt);
}

/* A thread that is none of ours was given a carrier: it is for any M. */
static void pass_on(const siginfo_t *info)
{
	for (const struct m *m = sched.all_ms; m; m = m->all_link)
		if (m->tid > 0 && !m->kicks_only &&
		    raw4(SYS_rt_tgsigqueueinfo, pid, m->tid, info->si_signo, info) == 0)
			return;
}

static void fault_in_program(struct g *g, int sig, siginfo_t *info, ucontext_t *uc)
{
	static const struct sig_action dfl;

	/* A guard that is no mapping is not found; glibc's is there, without access. */
	if (sig == SIGSEGV && info->si_code == SEGV_MAPERR && stack_contains((uintptr_t)info->si_addr))
		info->si_code = SEGV_ACCERR;
	if (has_handler(&actions[sig]) && !(atomic_load(&g->sigmask) & BIT(sig)))
		inject(g, uc, info);
	else
		kernel_action(sig, &dfl); /* and it faults again */
}

/* One level of every signal: on M's own signal stack, all signals blocked. */
static void handler(int sig, siginfo_t *info, void *v)
{
	ucontext_t *uc = v;
	struct g *g = self_g;
	enum arch_place place = arch_place(uc);
	bool fault = (BIT(sig) & FAULTS) && info->si_code > 0;
	struct m *m;
	uint64_t mask;

	if (g && g->vforked && sig_in_child(g)) {
		if (has_handler(&actions[sig]))
			((void (*)(int, siginfo_t *, void *))actions[sig].handler)(sig, info, v);
		return;
	}
	if (sig == dump_signal()) {
		dump_request();
		return;
	}
	/* The scheduler reads the clock in the vDSO, which is not our text. */
	if (place == ARCH_APP && g && atomic_load_explicit(&g->m->in_sched, memory_order_relaxed))
		place = ARCH_OURS;
	else if (place == ARCH_APP && !g && fault && this_m())
		place = ARCH_OURS;
	if (fault && place != ARCH_APP) {
		static const struct sig_action dfl;

		if (arch_fix_fault(uc))
			return;
		if (sig == SIGSEGV && info->si_code == SI_KERNEL && arch_fix_cycles(uc))
			return;
		kernel_action(sig, &dfl);
		throw("signal %d at %p, address %p", sig, (void *)arch_pc(uc), info->si_addr);
	}
	m = g ? g->m : this_m();
	if (!m) {
		/* Or a plain kernel thread of the program. */
		if (sig == SIG_CARRIER)
			pass_on(info);
		else if (sig != SIG_KICK && has_handler(&actions[sig]))
			((void (*)(int, siginfo_t *, void *))actions[sig].handler)(sig, info, v);
		return;
	}
	if (sig == SIG_SUBSTITUTE && !fault && atomic_load(&m->kick_substitute) &&
	    atomic_exchange(&m->kick_substitute, false))
		sig = SIG_KICK;
	if (sig == SIG_KICK)
		each_m_attend(m);
	if (fault && g)
		fault_in_program(g, sig, info, uc);
	else
		take_note(m, g, sig, info, uc, place);
	/* The kernel puts back what the frame says. */
	if (sig == SIG_KICK)
		atomic_store(&m->kernel_mask, atomic_load(&kept));
	mask = resume_mask(m);
	mem_copy(&uc->uc_sigmask, &mask, sizeof mask);
}

unsigned sig_deliver(struct g *g, bool *restart)
{
	unsigned n = 0;
	struct sigq q;

	atomic_fetch_and(&g->attn, ~(uint32_t)ATTN_SIGNAL);
	while (take(g, ~atomic_load(&g->sigmask), &q.info)) {
		const struct sig_action *a = &actions[q.info.si_signo];
		struct m *m = g->m;

		if (!has_handler(a)) {
			if (a->handler == (void (*)(void))SIG_DFL)
				default_action(q.info.si_signo);
			continue;
		}
		if (restart && !(a->flags & SA_RESTART))
			*restart = false;
		m->deliver = &q;
		sched_leave(g);
		/* Another kick may have come at that place, and taken it. */
		if (arch_deliver(pid, m->tid, SIG_KICK) == -EAGAIN && m->deliver == &q) {
			atomic_store(&m->kick_substitute, true);
			arch_deliver(pid, m->tid, SIG_SUBSTITUTE);
		}
		sched_enter(g);
		n++;
	}
	return n;
}

int sched_attend(struct seam *s)
{
	struct g *g = self_g;
	struct m *m;

	(void)s;
	if (g->vforked && sig_in_child(g))
		return 0;
	m = sched_enter(g);
	if (atomic_load(&m->attn) & ATTN_PREEMPT) {
		atomic_fetch_and(&m->attn, ~(uint32_t)ATTN_PREEMPT);
		sched_preempt_g(g);
		m = g->m;
	}
	sig_drain(m);
	sig_deliver(g, NULL);
	sched_leave(g);
	return 1;
}

/* UC is about to be resumed by rt_sigreturn on this M: mask and stack are what holds here. From the
 * last look on, signals wait in the kernel and arrive just after. */
static void before_sigreturn(struct g *g, ucontext_t *uc)
{
	struct m *m = g->m;
	uint64_t mask;

	raw4(SYS_rt_sigprocmask, SIG_BLOCK, &EVERYTHING, NULL, 8);
	drain(m);
	mask = resume_mask(m);
	mem_copy(&uc->uc_sigmask, &mask, sizeof mask);
	uc->uc_stack.ss_sp = m->sigstack;
	uc->uc_stack.ss_size = m->sigstack_size;
	uc->uc_stack.ss_flags = 0;
	if (sig_deliverable(g))
		sig_kick(m, false);
}

/* Called by arch_injected_return() when a handler has returned. */
void sig_return(ucontext_t *uc);
void sig_return(ucontext_t *uc)
{
	struct g *g = self_g;
	uint64_t mask;

	sched_enter(g);
	mem_copy(&mask, &uc->uc_sigmask, sizeof mask);
	change_mask(g, mask & ~UNBLOCKABLE);
	sig_altstack(g, &uc->uc_stack, NULL, (uintptr_t)uc);
	before_sigreturn(g, uc);
	sched_leave(g);
}

/* Called by arch_injected_preempt(): the G was interrupted in the program's code. */
void sched_preempted(ucontext_t *uc);
void sched_preempted(ucontext_t *uc)
{
	struct g *g = self_g;
	struct m *m = sched_enter(g);

	atomic_fetch_and(&m->attn, ~(uint32_t)ATTN_PREEMPT);
	sched_preempt_g(g);
	before_sigreturn(g, uc);
	sched_leave(g);
}

/* ---- waiting ------------------------------------------------------------------------------- */

/* G's sigwait for SET is over; what else of SET came meanwhile is for another to take. */
static void end_wait(struct g *g, uint64_t set)
{
	atomic_store(&g->sigwait, 0);
	set &= atomic_load(&g->sigmask);
	if (set & atomic_load(&process_pending.set))
		retarget(g, set);
	set &= atomic_load(&mirrored) & ~atomic_load(&kept);
	if (set)
		keep(g, set);
}

long sig_wait(struct g *g, uint64_t set, siginfo_t *info, int64_t deadline)
{
	long r = 0;

	set &= ~UNBLOCKABLE;
	atomic_store(&g->sigwait, set);
	if (set & atomic_load(&keeping)) {
		take_back(g, set);
		sig_drain(g->m);
	}
	while (!r) {
		uint64_t seq = park_prepare(g, WAIT_SIGNAL, 0);
		bool got = take(g, set, info);
		int32_t why;

		/* B5: the park is published, then signals are looked at; a sender does the reverse. */
		if ((got || sig_deliverable(g)) && park_cancel(g, seq))
			why = -EINTR;
		else
			why = deadline == INT64_MAX ? park(g) : park_until(g, seq, deadline);
		if (got || take(g, set, info))
			r = info->si_signo;
		else if (why == -ETIMEDOUT)
			r = -EAGAIN;
		else if (sig_deliverable(g))
			r = -EINTR;
	}
	end_wait(g, set);
	return r;
}

/* ---- beginning, fork, exec ------------------------------------------------------------------ */

static void attend_idle(struct m *m)
{
	atomic_fetch_and(&m->attn, ~(uint32_t)ATTN_PREEMPT);
	sig_drain(m);
}

void sig_kicks_only(struct m *m)
{
	uint64_t mask;

	m->kicks_only = true;
	mask = resume_mask(m);
	raw4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
}

void sig_start_m(struct m *m)
{
	stack_t st = {.ss_sp = m->sigstack, .ss_size = m->sigstack_size};
	uint64_t mask;

	raw2(SYS_sigaltstack, &st, NULL);
	atomic_fetch_or(&m->kernel_mask, atomic_load(&kept));
	mask = atomic_load(&m->kernel_mask);
	raw4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
}

void sig_init(struct g *g, int32_t p)
{
	uint64_t mask;
	stack_t st;

	pid = p;
	sched_m_attend = attend_idle;
	raw4(SYS_rt_sigprocmask, SIG_SETMASK, &EVERYTHING, &mask, 8);
	raw2(SYS_sigaltstack, NULL, &st);
	g->alt.sp = (uintptr_t)st.ss_sp;
	g->alt.size = st.ss_size;
	g->alt.flags = st.ss_flags & ~SS_ONSTACK;
	for (int sig = 1; sig <= 64; sig++)
		raw4(SYS_rt_sigaction, sig, NULL, &actions[sig], 8);
	lock_acquire(&sig_lock);
	if (dump_signal())
		shadowed |= BIT(dump_signal());
	for (int sig = 1; sig <= 64; sig++)
		if (has_handler(&actions[sig]) || (shadowed & BIT(sig)) || sig == SIG_KICK ||
		    sig == SIG_CARRIER || (BIT(sig) & COPY_FAULTS))
			install_locked(sig);
	lock_release(&sig_lock);
	shadow(mask);
	atomic_store(&g->sigmask, mask);
	sig_start_m(g->m);
}

void sig_before_fork(void)
{
	raw4(SYS_rt_sigprocmask, SIG_SETMASK, &EVERYTHING, NULL, 8);
}

void sig_after_fork(struct g *g)
{
	uint64_t mask = resume_mask(g->m);

	raw4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
}

void sig_forked(struct g *g, int32_t p)
{
	struct m *m = g->m;

	pid = p;
	atomic_store(&sig_lock.word, 0);
	sigpend_forked(&process_pending);
	/* Also those of Gs that are not here: their queues are looked through. */
	for (uint32_t i = 0; i < gtab_top(); i++)
		sigpend_forked(&gtab_slot(i)->pending);
	sigtimer_forked();
	/* What was noted is the parent's. */
	atomic_store(&m->ring_head, atomic_load(&m->ring_tail));
	m->ring_full = false;
	atomic_store(&m->kick_substitute, false);
	atomic_store(&m->kickers, 0);
	atomic_store(&m->lent, 0);
	atomic_store(&m->attn, 0);
	atomic_store(&g->attn, 0);
}

bool sig_in_child(const struct g *g)
{
	return (g->vforked & CHILD_VFORK) ||
	       ((g->vforked & CHILD_SHARES) && raw0(SYS_gettid) != g->m->tid);
}

bool sig_own_process(void)
{
	return raw0(SYS_getpid) == pid;
}

void sig_child_started(const struct g *g, bool own)
{
	uint64_t mask = atomic_load(&g->sigmask);

	for (int sig = 1; own && sig <= 64; sig++)
		if (((shadowed | ALWAYS_OURS) & BIT(sig)) &&
		    !has_handler(&actions[sig]))
			kernel_action(sig, &actions[sig]);
	raw4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
}

uint64_t sig_foreign_close(void)
{
	const uint64_t most = ~FAULTS;
	uint64_t mask = 0;

	raw4(SYS_rt_sigprocmask, SIG_BLOCK, &most, &mask, 8);
	return mask;
}

void sig_foreign_reopen(uint64_t mask)
{
	raw4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
}

long sig_child_action(int sig, const struct sig_action *act, struct sig_action *old)
{
	long r = raw4(SYS_rt_sigaction, sig, act, old, 8);

	if (r == 0 && old->handler == (void (*)(void))handler)
		*old = actions[sig];
	return r;
}

/* From here on no kick is pending for M, which is the caller's, and none is sent: it would outlive the
 * handler, and end the next program. Who has missed DEAF has counted itself before it looked. */
static void be_deaf(struct m *m)
{
	atomic_store(&m->deaf, true);
	while (atomic_load(&m->kickers))
		raw0(SYS_sched_yield);
	/* What has been sent is handled on the way out of any system call. */
	raw0(SYS_getpid);
}

/* Handlers become SIG_DFL of themselves; only what is ignored must be seen to be. */
void sig_before_exec(struct g *g)
{
	uint64_t mask = atomic_load(&g->sigmask);

	be_deaf(g->m);
	raw4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
	for (int sig = 1; sig <= 64; sig++)
		if (((shadowed | ALWAYS_OURS) & BIT(sig)) &&
		    actions[sig].handler == (void (*)(void))SIG_IGN)
			kernel_action(sig, &actions[sig]);
}

void sig_after_failed_exec(struct g *g)
{
	uint64_t mask = resume_mask(g->m);

	lock_acquire(&sig_lock);
	for (int sig = 1; sig <= 64; sig++)
		if ((shadowed | ALWAYS_OURS) & BIT(sig))
			install_locked(sig);
	lock_release(&sig_lock);
	raw4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
	/* Of those that it did not hear, one may wait for an answer. */
	atomic_store(&g->m->deaf, false);
	sig_kick(g->m, false);
}
