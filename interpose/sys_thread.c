/* SPDX-License-Identifier: MIT */
/* The life of a thread: clone, exit, tids, and what a new thread tells the kernel about itself. */
#include <asm/unistd.h>
#include <errno.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <stddef.h>

#include "interpose/seam.h"
#include "sched/base/mem.h"
#include "sched/base/raw.h"
#include "sched/each_m.h"
#include "sched/futex.h"
#include "sched/gtab.h"
#include "sched/netpoll.h"
#include "sched/pin.h"
#include "sched/signal.h"
#include "sched/stack.h"
#include "sched/sysmon.h"

static const unsigned long THREAD_FLAGS = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_SETTLS;

struct thread_request {
	unsigned long flags;
	uintptr_t stack_lo, stack_top, tls; /* stack_lo 0: not known */
	int32_t *parent_tid, *child_tid;
};

/* The new thread has MASK; G, which makes it, is NULL when a thread that is no G does. */
static long start_thread(struct g *g, const struct seam *s, const struct thread_request *t, uint64_t mask)
{
	struct g *child = gtab_new(g ? g->m->p : NULL);
	int32_t tid;
	long r;

	if (!child)
		return -EAGAIN;
	r = g && atomic_load(&g->own_m) && atomic_load(&g->own_state) ? pin_child(g, child) : 0;
	if (r) {
		gtab_free(g->m->p, child);
		return r;
	}
	sysmon_start();
	tid = child->tid;
	child->stack_lo = t->stack_lo;
	child->stack_hi = t->stack_top;
	child->clear_tid = t->flags & CLONE_CHILD_CLEARTID ? t->child_tid : NULL;
	if (g) {
		__builtin_memcpy(child->name, seam_name(g), sizeof child->name);
		atomic_store_explicit(&child->affinity, atomic_load(&g->affinity),
				      memory_order_relaxed);
	}
	atomic_store(&child->sigmask, mask);
	/* What no G takes may be pending, and this one take it. */
	if (!g && sig_deliverable(child))
		atomic_fetch_or(&child->attn, ATTN_SIGNAL);
	if (t->flags & CLONE_PARENT_SETTID)
		*t->parent_tid = tid;
	if (t->flags & CLONE_CHILD_SETTID)
		*t->child_tid = tid;
	if (g)
		seam_stack_made(g, t->tls);
	/* self_g of the new thread, in the TLS block that glibc made for it */
	*(struct g **)(t->tls + ((uintptr_t)&self_g - arch_get_fs())) = child;
	arch_prepare_child(child, s, t->stack_top, t->tls);
	sched_start(child);
	return tid;
}

static long make_thread(struct g *g, const struct seam *s, const struct thread_request *t)
{
	uint64_t mask;
	long r;

	if (g)
		return start_thread(g, s, t, atomic_load(&g->sigmask));
	mask = sig_foreign_close();
	r = start_thread(NULL, s, t, mask);
	sig_foreign_reopen(mask);
	return r;
}

static void child_started(void *arg)
{
	const struct g *g = arg;

	sig_child_started(g, true);
}

static void child_started_sharing_handlers(void *arg)
{
	const struct g *g = arg;

	sig_child_started(g, false);
}

/* A process that shares our memory, mostly until it execs (posix_spawn). With CLONE_VFORK the G waits
 * for that, and gives its P away. */
static long spawn(struct g *g, struct seam *s, unsigned long flags, uintptr_t stack_top)
{
	const bool waits = flags & CLONE_VFORK;
	long r;

	/* On the parent's own stack there is no way back from our frames for two. */
	if (!stack_top)
		return -EINVAL;
	if (flags & CLONE_THREAD)
		atomic_fetch_add(&sched_foreign, 1);
	g->vforked |= waits ? CHILD_VFORK : CHILD_SHARES;
	if (waits) {
		atomic_fetch_add(&sched_foreign, 1);
		sched_block_syscall(g);
	}
	sig_before_fork();
	r = arch_clone_child(s, stack_top,
			     flags & CLONE_SIGHAND ? child_started_sharing_handlers : child_started,
			     g);
	if (waits)
		g->vforked &= (uint8_t)~CHILD_VFORK;
	sig_after_fork(g);
	if (raw_failed(r) && (flags & CLONE_THREAD))
		atomic_fetch_sub(&sched_foreign, 1);
	if (waits) {
		atomic_fetch_sub(&sched_foreign, 1);
		seam_child_gone(g);
		sched_exit_syscall(g);
	}
	return r;
}

/* A process with a copy of our memory, which goes on alone with G; on the stack that ends at STACK_TOP
 * if that is not 0. CALL, which may differ from FRAME, does not name it: until the child is a process with a
 * scheduler of its own, it is here, on G's. */
static long fork_process(struct g *g, const struct seam *call, const struct seam *frame,
			 unsigned long flags, uintptr_t stack_top)
{
	const bool waits = flags & CLONE_VFORK;
	long r;

	if (waits)
		sched_block_syscall(g);
	stack_fork_begin();
	sig_before_fork();
	r = seam_raw(call);
	stack_fork_end();
	if (r == 0) {
		atomic_store(&sched_foreign, 0);
		futex_forked();
		netpoll_forked();
		each_m_forked(g->m);
		memory_forked();
		sys_ids_forked();
		sys_timer_forked();
		sysmon_forked();
		sched_forked(g, (int32_t)raw0(SYS_getpid));
		sig_forked(g, g->tid);
		seam_name_forked(g);
	}
	sig_after_fork(g);
	if (r != 0 && waits)
		sched_exit_syscall(g);
	if (r == 0 && stack_top) {
		g->stack_lo = g->stack_hi = 0;
		g->away = NULL; /* its frame is not on the new stack */
		sched_leave(g);
		arch_move(frame, stack_top);
	}
	return r;
}

long sys_fork(struct g *g, struct seam *s)
{
	return fork_process(g, s, s, 0, 0);
}

/* The system call by its number: as fork(2), as vfork(2) allows; the symbol is another matter. */
long sys_vfork(struct g *g, struct seam *s)
{
	s->nr = __NR_fork;
	return fork_process(g, s, s, CLONE_VFORK, 0);
}

long sys_clone(struct g *g, struct seam *s)
{
	struct thread_request t = {
		.flags = (unsigned long)s->arg[0],
		.stack_top = (uintptr_t)s->arg[1],
		.parent_tid = (int32_t *)s->arg[2],
		.child_tid = (int32_t *)s->arg[3],
		.tls = (uintptr_t)s->arg[4],
	};
	struct seam call = *s;

	if ((t.flags & THREAD_FLAGS) == THREAD_FLAGS)
		return make_thread(g, s, &t);
	if (t.flags & CLONE_VM)
		return spawn(g, s, t.flags, t.stack_top);
	call.arg[1] = 0;
	return fork_process(g, &call, s, t.flags, t.stack_top);
}

/* 0, or -errno; A is all zero where the program's is shorter. */
static long clone_args(const struct seam *s, struct clone_args *a)
{
	size_t size = (size_t)s->arg[1];

	*a = (struct clone_args){ 0 };
	if (size > sizeof *a)
		size = sizeof *a;
	return arch_copy_user(a, (void *)s->arg[0], size);
}

long sys_clone3(struct g *g, struct seam *s)
{
	struct seam call = *s;
	struct clone_args a;
	uintptr_t top;

	if (clone_args(s, &a))
		return -EFAULT;
	if ((a.flags & THREAD_FLAGS) == THREAD_FLAGS) {
		struct thread_request t = {
			.flags = a.flags,
			.stack_lo = a.stack,
			.stack_top = a.stack + a.stack_size,
			.parent_tid = (int32_t *)a.parent_tid,
			.child_tid = (int32_t *)a.child_tid,
			.tls = a.tls,
		};

		return make_thread(g, s, &t);
	}
	top = a.stack + a.stack_size;
	if (a.flags & CLONE_VM)
		return spawn(g, s, a.flags, top);
	if (top) {
		a.stack = a.stack_size = 0;
		call.arg[0] = (long)&a;
		if ((size_t)call.arg[1] > sizeof a)
			call.arg[1] = sizeof a;
	}
	return fork_process(g, &call, s, a.flags, top);
}

long seam_clone_foreign(struct seam *s)
{
	struct clone_args a;

	if (s->nr == __NR_clone)
		return (s->arg[0] & (long)THREAD_FLAGS) == (long)THREAD_FLAGS ? sys_clone(NULL, s)
									    : seam_raw_clone(s);
	if (clone_args(s, &a))
		return -EFAULT;
	return (a.flags & THREAD_FLAGS) == THREAD_FLAGS ? sys_clone3(NULL, s) : seam_raw_clone(s);
}

long seam_raw_clone(struct seam *s)
{
	uintptr_t top = (uintptr_t)s->arg[1];
	struct clone_args a;

	if (s->nr == __NR_clone3) {
		if (clone_args(s, &a))
			return -EFAULT;
		top = a.stack + a.stack_size;
	}
	return top ? arch_clone_child(s, top, NULL, NULL) : seam_raw(s);
}

/* ---- vfork, the symbol ------------------------------------------------------------------- */

int seam_vfork_before(struct g *g)
{
	if (g->vforked && sig_in_child(g))
		return 0;
	sched_enter(g);
	g->vforked |= CHILD_VFORK;
	atomic_fetch_add(&sched_foreign, 1);
	sched_block_syscall(g);
	sig_before_fork();
	return 1;
}

void seam_vfork_child(void)
{
	sig_child_started(self_g, true);
}

long seam_vfork_after(long r)
{
	struct g *g = self_g;

	g->vforked &= (uint8_t)~CHILD_VFORK;
	sig_after_fork(g);
	atomic_fetch_sub(&sched_foreign, 1);
	seam_child_gone(g);
	sched_exit_syscall(g);
	sched_leave(g);
	seam_attend(g);
	return r;
}

long sys_exit(struct g *g, struct seam *s)
{
	sig_exit(g);
	futex_exit_robust(g);
	pin_shared_ends(g);
	sched_exit(g, (int)s->arg[0]);
}

long sys_gettid(struct g *g, struct seam *s)
{
	(void)s;
	return g->tid;
}

/* A process, which any of its tids may name. */
static struct seam name_process(const struct seam *s)
{
	struct seam t = *s;

	if (t.arg[0] >= GTAB_TID_FIRST && gtab_find((int32_t)t.arg[0]))
		t.arg[0] = raw0(SYS_getpid);
	return t;
}

/* getpgid, getsid, prlimit64 */
long sys_of_process(struct g *g, struct seam *s)
{
	struct seam t = name_process(s);

	(void)g;
	return seam_raw(&t);
}

/* process_vm_readv, process_vm_writev, migrate_pages, move_pages */
long sys_memory_of_process(struct g *g, struct seam *s)
{
	struct seam t = name_process(s);

	return seam_call(g, &t, 0);
}

long sys_set_tid_address(struct g *g, struct seam *s)
{
	g->clear_tid = (int32_t *)s->arg[0];
	return g->tid;
}

long sys_set_robust_list(struct g *g, struct seam *s)
{
	/* The first that glibc does on a new thread. */
	if (!g->started)
		g->started = arch_cycles();
	if (s->arg[1] == SEAM_OWNER)
		return seam_owner(g, (uintptr_t)s->arg[0]);
	if ((size_t)s->arg[1] != sizeof(struct robust_list_head))
		return -EINVAL;
	g->robust = (struct robust_head *)s->arg[0];
	g->robust_len = (size_t)s->arg[1];
	/* The kernel has to know it too where its tid for the M is one of G's. */
	return gtab_find(g->m->tid) == g ? seam_raw(s) : 0;
}

long sys_get_robust_list(struct g *g, struct seam *s)
{
	const struct g *of = s->arg[0] ? gtab_find((int32_t)s->arg[0]) : g;

	if (!of)
		return seam_raw(s);
	if (arch_copy_user((void *)s->arg[2], &of->robust_len, sizeof of->robust_len) ||
	    arch_copy_user((void *)s->arg[1], &of->robust, sizeof of->robust))
		return -EFAULT;
	return 0;
}

/* The kernel would follow the M, not the G: cpu_id stays "uninitialised", and glibc and the
 * allocators ask getcpu() instead. glibc itself asks only for a thread whose maker was registered,
 * which is then no G; a refusal would be the end of the process. Its area is in the descriptor that FS
 * points to. */
long sys_rseq(struct g *g, struct seam *s)
{
	enum { DESCRIPTOR = 4096 };

	(void)g;
	return (uintptr_t)s->arg[0] - arch_get_fs() < DESCRIPTOR ? 0 : -ENOSYS;
}

long sys_sched_yield(struct g *g, struct seam *s)
{
	enum { IN_KERNEL_EVERY = 64 };

	if (sched_yield_g(g))
		return 0;
	/* Whoever it waits for may be on another M, which waits for this CPU. Most likely it runs, though, and
	 * so many yields as take the time of one switch in the kernel are soon over. */
	return ++g->m->vain_yields % IN_KERNEL_EVERY ? 0 : seam_raw(s);
}

/* And execveat. */
long sys_execve(struct g *g, struct seam *s)
{
	long r;

	sig_before_exec(g);
	r = seam_raw(s);
	sig_after_failed_exec(g);
	return r;
}
