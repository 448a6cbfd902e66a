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
#include "sched/stack.h"

#define BIT(sig) (1ull << ((sig) - 1))
#define SA_RESTORER_FLAG 0x04000000ul

static const uint64_t UNBLOCKABLE = BIT(SIGKILL) | BIT(SIGSTOP);
static const uint64_t FAULTS = BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGFPE) | BIT(SIGILL) | BIT(SIGTRAP);
static const uint64_t IGNORED_BY_DEFAULT = BIT(SIGCHLD) | BIT(SIGURG) | BIT(SIGWINCH) | BIT(SIGCONT);
/* Always ours: arch_copy_user() meets addresses that are not there. */
static const uint64_t COPY_FAULTS = BIT(SIGSEGV) | BIT(SIGBUS);
static const uint64_t GLIBC_OWN = BIT(32) | BIT(33);

static struct lock sig_lock;
static struct sig_action actions[65]; /* the program's [sig_lock] */
static uint64_t shadowed; /* kernel disposition is ours although the program's is DFL or IGN */
static struct sigpend process_pending; /* [sig_lock] */
static struct sigq *free_q;	       /* [sig_lock] */
static int32_t pid;

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

	if (sig == SIG_KICK) {
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
	}
	lock_release(&sig_lock);
	return 0;
}

/* ---- pending sets -------------------------------------------------------------------------- */

static bool put_locked(struct sigpend *p, const siginfo_t *info)
{
	int sig = info->si_signo;
	struct sigq *q;

	/* Ordinary signals are pending once. */
	if (sig < 32 && (atomic_load(&p->set) & BIT(sig)))
		return true;
	if (!free_q) {
		struct sigq *chunk = mem_pages(MEM_PAGE);

		if (!chunk)
			return false;
		for (size_t i = 0; i < MEM_PAGE / sizeof *chunk; i++) {
			chunk[i].next = free_q;
			free_q = &chunk[i];
		}
	}
	q = free_q;
	free_q = q->next;
	q->info = *info;
	q->next = NULL;
	if (p->tail)
		p->tail->next = q;
	else
		p->head = q;
	p->tail = q;
	atomic_fetch_or(&p->set, BIT(sig));
	return true;
}

/* The lowest signal of SET that is pending in P. */
static bool take_locked(struct sigpend *p, uint64_t set, siginfo_t *info)
{
	uint64_t have = atomic_load(&p->set) & set;
	struct sigq **at, *q;
	int sig;
	bool more = false;

	if (!have)
		return false;
	/* Faults and the cancel signal before all others. */
	sig = have & BIT(32) ? 32 : __builtin_ctzll(have) + 1;
	for (at = &p->head; *at && (*at)->info.si_signo != sig;)
		at = &(*at)->next;
	q = *at;
	*at = q->next;
	p->tail = NULL;
	for (struct sigq *r = p->head; r; r = r->next) {
		more |= r->info.si_signo == sig;
		p->tail = r;
	}
	if (!more)
		atomic_fetch_and(&p->set, ~BIT(sig));
	*info = q->info;
	q->next = free_q;
	free_q = q;
	return true;
}

uint64_t sig_pending(const struct g *g)
{
	return atomic_load(&g->pending.set) | atomic_load(&process_pending.set);
}

bool sig_deliverable(const struct g *g)
{
	return sig_pending(g) & ~atomic_load(&g->sigmask);
}

static bool take(struct g *g, uint64_t set, siginfo_t *info)
{
	bool got;

	lock_acquire(&sig_lock);
	got = take_locked(&g->pending, set, info) || take_locked(&process_pending, set, info);
	lock_release(&sig_lock);
	return got;
}

/* ---- sending ------------------------------------------------------------------------------- */

long sig_kick(struct m *m, bool preempt)
{
	atomic_fetch_or(&m->attn, preempt ? ATTN_PREEMPT : ATTN_SIGNAL);
	return raw3(SYS_tgkill, pid, m->tid, SIG_KICK);
}

/* G has something to look at: get it there from whatever it is doing. */
static void notify(struct g *g)
{
	uint64_t seq;
	struct m *m;

	atomic_fetch_or(&g->attn, ATTN_SIGNAL);
	atomic_thread_fence(memory_order_seq_cst); /* B5: park, then look at attn (sig_wait, bodies) */
	seq = atomic_load(&g->claim);
	if (seq) {
		if (park_claim(g, seq, -EINTR))
			sched_ready(g);
		return;
	}
	m = g->m;
	if (g != self_g && m && atomic_load(&m->curg) == g)
		sig_kick(m, false);
}

static bool ignored(int sig)
{
	const struct sig_action *a = &actions[sig];

	return a->handler == (void (*)(void))SIG_IGN ||
	       (a->handler == (void (*)(void))SIG_DFL && (BIT(sig) & IGNORED_BY_DEFAULT));
}

long sig_send(struct g *g, const siginfo_t *info)
{
	bool ok;

	if (info->si_signo == dump_signal()) {
		dump_request();
		return 0;
	}
	if (ignored(info->si_signo) && !(atomic_load(&g->sigmask) & BIT(info->si_signo)) &&
	    !(atomic_load(&g->sigwait) & BIT(info->si_signo)))
		return 0;
	lock_acquire(&sig_lock);
	ok = put_locked(&g->pending, info);
	lock_release(&sig_lock);
	if (!ok)
		return -EAGAIN;
	if (!(atomic_load(&g->sigmask) & BIT(info->si_signo)) ||
	    (atomic_load(&g->sigwait) & BIT(info->si_signo)))
		notify(g);
	return 0;
}

static bool alive(const struct g *g)
{
	uint32_t s = atomic_load(&g->status);

	return s != G_FREE && s != G_DEAD;
}

/* A signal for the process: pending, and some G that may take it is told. */
static void post(const siginfo_t *info)
{
	uint64_t bit = BIT(info->si_signo);
	struct g *self = self_g, *best = NULL;

	for (uint32_t i = 0; i < gtab_top(); i++) {
		struct g *g = gtab_slot(i);

		if (alive(g) && (atomic_load(&g->sigwait) & bit)) {
			best = g;
			break;
		}
	}
	if (!best && self && alive(self) && !(atomic_load(&self->sigmask) & bit))
		best = self;
	for (uint32_t i = 0; !best && i < gtab_top(); i++) {
		struct g *g = gtab_slot(i);

		if (alive(g) && !(atomic_load(&g->sigmask) & bit))
			best = g;
	}
	if (best && ignored(info->si_signo) && !(atomic_load(&best->sigwait) & bit))
		return;
	lock_acquire(&sig_lock);
	put_locked(&process_pending, info);
	lock_release(&sig_lock);
	if (best)
		notify(best);
}

void sig_set_mask(struct g *g, uint64_t mask)
{
	mask &= ~UNBLOCKABLE;
	/* Everything blocked is glibc about to make or end a thread: not for long, not worth a system
	 * call per signal. */
	if ((mask & GLIBC_OWN) != GLIBC_OWN)
		shadow(mask);
	atomic_store(&g->sigmask, mask);
	if (sig_pending(g) & ~mask)
		atomic_fetch_or(&g->attn, ATTN_SIGNAL);
}

/* ---- delivering ---------------------------------------------------------------------------- */

static void default_action(int sig)
{
	static const struct sig_action dfl;

	if (BIT(sig) & IGNORED_BY_DEFAULT)
		return;
	kernel_action(sig, &dfl);
	raw3(SYS_tgkill, pid, raw0(SYS_gettid), sig);
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
	if ((a.flags & SA_ONSTACK) && !(g->alt.flags & SS_DISABLE) &&
	    (sp - g->alt.sp > g->alt.size))
		top = g->alt.sp + g->alt.size;
	arch_inject(uc, sig, info, a.handler, top, saved, &g->alt);
	mask |= a.mask;
	if (!(a.flags & SA_NODEFER))
		mask |= BIT(sig);
	atomic_store(&g->sigmask, mask);
}

static struct m *this_m(void)
{
	int32_t tid = (int32_t)raw0(SYS_gettid);

	for (struct m *m = sched.all_ms; m; m = m->all_link)
		if (m->tid == tid)
			return m;
	return NULL;
}

static void ring_put(struct m *m, const siginfo_t *info)
{
	uint32_t tail = atomic_load_explicit(&m->ring_tail, memory_order_relaxed);

	if (tail - atomic_load(&m->ring_head) == SIGRING)
		return; /* as the kernel drops what it cannot queue */
	m->ring[tail % SIGRING] = *info;
	atomic_store_explicit(&m->ring_tail, tail + 1, memory_order_release);
	atomic_fetch_or(&m->attn, ATTN_RING);
}

void sig_drain(struct m *m)
{
	atomic_fetch_and(&m->attn, ~(uint32_t)(ATTN_RING | ATTN_SIGNAL));
	for (;;) {
		uint32_t head = atomic_load_explicit(&m->ring_head, memory_order_relaxed);
		siginfo_t info;

		if (head == atomic_load_explicit(&m->ring_tail, memory_order_acquire))
			return;
		info = m->ring[head % SIGRING];
		atomic_store_explicit(&m->ring_head, head + 1, memory_order_release);
		post(&info);
	}
}

/* Is there room on the stack that UC stands on, and do we know that stack? */
static bool may_preempt(const struct g *g, const ucontext_t *uc)
{
	uintptr_t sp = arch_sp(uc), need = arch_inject_size(uc) + 4096;

	return g->stack_lo && sp <= g->stack_hi && sp > g->stack_lo + 4096 + need;
}

/* One level of every signal: on M's own signal stack, all signals blocked. */
static void handler(int sig, siginfo_t *info, void *v)
{
	ucontext_t *uc = v;
	struct g *g = self_g;
	enum arch_place place = arch_place(uc);
	bool fault = (BIT(sig) & FAULTS) && info->si_code > 0;
	struct m *m;
	siginfo_t taken;

	if (g && g->vforked) {
		if (sig == SIG_KICK)
			each_m_attend(g->m);
		return;
	}
	if (sig == dump_signal()) {
		dump_request();
		return;
	}
	/* The scheduler reads the clock in the vDSO, which is not our text. */
	if (place == ARCH_APP && g && atomic_load_explicit(&g->m->in_sched, memory_order_relaxed))
		place = ARCH_OURS;
	if (fault && place != ARCH_APP) {
		static const struct sig_action dfl;

		if (arch_fix_fault(uc))
			return;
		kernel_action(sig, &dfl);
		throw("signal %d at %p, address %p", sig, (void *)arch_pc(uc), info->si_addr);
	}
	m = g ? g->m : this_m();
	if (!m) {
		/* A plain kernel thread of the program. */
		if (sig != SIG_KICK && has_handler(&actions[sig]))
			((void (*)(int, siginfo_t *, void *))actions[sig].handler)(sig, info, v);
		return;
	}
	if (sig == SIG_KICK)
		each_m_attend(m);
	if (fault) {
		static const struct sig_action dfl;

		/* A guard that is no mapping is not found; glibc's is there, without access. */
		if (sig == SIGSEGV && info->si_code == SEGV_MAPERR &&
		    stack_contains((uintptr_t)info->si_addr))
			info->si_code = SEGV_ACCERR;
		if (has_handler(&actions[sig]) && !(atomic_load(&g->sigmask) & BIT(sig)))
			inject(g, uc, info);
		else
			kernel_action(sig, &dfl); /* and it faults again */
		return;
	}
	if (place == ARCH_DELIVER && m->deliver) {
		struct sigq *q = m->deliver;

		if (sig != SIG_KICK) {
			ring_put(m, info);
			return;
		}
		m->deliver = NULL;
		inject(g, uc, &q->info);
		return;
	}
	if (place != ARCH_APP || !g) {
		if (sig != SIG_KICK)
			ring_put(m, info);
		if (!g) {
			uint32_t asleep = 0;

			atomic_compare_exchange_strong(&m->park, &asleep, 2);
		}
		arch_cut(uc);
		return;
	}
	/* The program's own code, on a G. */
	if (sig != SIG_KICK) {
		post(info);
	}
	sig_drain(m);
	if (take(g, ~atomic_load(&g->sigmask), &taken)) {
		inject(g, uc, &taken);
		return;
	}
	if ((atomic_load(&m->attn) & ATTN_PREEMPT) && may_preempt(g, uc))
		arch_inject(uc, 0, NULL, NULL, 0, 0, &g->alt);
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
		arch_deliver(pid, m->tid, SIG_KICK);
		sched_enter(g);
		n++;
	}
	return n;
}

/* The seam's way out: something is to be looked at. Returns 0 to go straight on. */
int sched_attend(struct seam *s);
int sched_attend(struct seam *s)
{
	struct g *g = self_g;
	struct m *m;

	(void)s;
	if (g->vforked)
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

/* UC is about to be resumed by rt_sigreturn on this M: mask and stack are what holds here. A signal
 * that has become deliverable is to arrive just after. */
static void before_sigreturn(struct g *g, ucontext_t *uc)
{
	struct m *m = g->m;
	uint64_t kick = BIT(SIG_KICK), none = 0;

	mem_copy(&uc->uc_sigmask, &none, sizeof none);
	uc->uc_stack.ss_sp = m->sigstack;
	uc->uc_stack.ss_size = m->sigstack_size;
	uc->uc_stack.ss_flags = 0;
	if (sig_deliverable(g)) {
		raw4(SYS_rt_sigprocmask, SIG_BLOCK, &kick, NULL, 8);
		sig_kick(m, false);
	}
}

/* Called by arch_injected_return() when a handler has returned. */
void sig_return(ucontext_t *uc);
void sig_return(ucontext_t *uc)
{
	struct g *g = self_g;
	uint64_t mask;

	sched_enter(g);
	mem_copy(&mask, &uc->uc_sigmask, sizeof mask);
	atomic_store(&g->sigmask, mask & ~UNBLOCKABLE);
	g->alt.sp = (uintptr_t)uc->uc_stack.ss_sp;
	g->alt.size = uc->uc_stack.ss_size;
	g->alt.flags = uc->uc_stack.ss_flags & ~SS_ONSTACK;
	sig_drain(g->m);
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
	sig_drain(g->m);
	before_sigreturn(g, uc);
	sched_leave(g);
}

/* ---- waiting ------------------------------------------------------------------------------- */

long sig_wait(struct g *g, uint64_t set, siginfo_t *info, int64_t deadline)
{
	for (;;) {
		uint64_t seq;
		int32_t r;

		atomic_store(&g->sigwait, set);
		seq = park_prepare(g, WAIT_SIGNAL, 0);
		if (take(g, set, info)) {
			atomic_store(&g->sigwait, 0);
			if (!park_cancel(g, seq))
				park(g);
			return info->si_signo;
		}
		if (sig_deliverable(g) && park_cancel(g, seq)) {
			atomic_store(&g->sigwait, 0);
			return -EINTR;
		}
		r = deadline == INT64_MAX ? park(g) : park_until(g, seq, deadline);
		atomic_store(&g->sigwait, 0);
		atomic_fetch_and(&g->attn, ~(uint32_t)ATTN_SIGNAL);
		if (take(g, set, info))
			return info->si_signo;
		if (r == -ETIMEDOUT)
			return -EAGAIN;
		if (sig_deliverable(g))
			return -EINTR;
	}
}

/* ---- beginning, fork, exec ------------------------------------------------------------------ */

static void attend_idle(struct m *m)
{
	atomic_fetch_and(&m->attn, ~(uint32_t)ATTN_PREEMPT);
	sig_drain(m);
}

void sig_start_m(struct m *m)
{
	stack_t st = {.ss_sp = m->sigstack, .ss_size = m->sigstack_size};
	uint64_t none = 0;

	raw2(SYS_sigaltstack, &st, NULL);
	raw4(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
}

void sig_init(struct g *g, int32_t p)
{
	uint64_t mask, all = ~0ull;
	stack_t st;

	pid = p;
	sched_m_attend = attend_idle;
	raw4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask, 8);
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
		if (has_handler(&actions[sig]) || (shadowed & BIT(sig)) || sig == SIG_KICK || (BIT(sig) & COPY_FAULTS))
			install_locked(sig);
	lock_release(&sig_lock);
	shadow(mask);
	atomic_store(&g->sigmask, mask);
	sig_start_m(g->m);
}

void sig_forked(struct g *g, int32_t p)
{
	pid = p;
	atomic_store(&sig_lock.word, 0);
	process_pending.head = process_pending.tail = NULL;
	atomic_store(&process_pending.set, 0);
	g->pending.head = g->pending.tail = NULL;
	atomic_store(&g->pending.set, 0);
	free_q = NULL;
}

void sig_before_exec(struct g *g)
{
	uint64_t mask = atomic_load(&g->sigmask);

	raw4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
	for (int sig = 1; sig <= 64; sig++)
		if ((shadowed & BIT(sig)) && !has_handler(&actions[sig]))
			kernel_action(sig, &actions[sig]);
}

void sig_after_failed_exec(void)
{
	uint64_t none = 0;

	lock_acquire(&sig_lock);
	for (int sig = 1; sig <= 64; sig++)
		if (shadowed & BIT(sig))
			install_locked(sig);
	lock_release(&sig_lock);
	raw4(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
}
