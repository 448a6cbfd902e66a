/* SPDX-License-Identifier: MIT */
/*
 * What belongs to a kernel thread: who changes it gets one of its own (pin.h) and makes the call
 * there.
 */
#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <linux/keyctl.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>

#include "interpose/seam.h"
#include "interpose/table.h"
#include "sched/base/raw.h"
#include "sched/each_m.h"
#include "sched/gtab.h"
#include "sched/netpoll.h"
#include "sched/pin.h"
#include "sched/retire.h"
#include "sched/sysmon.h"

/* asm/prctl.h */
enum { ARCH_SET_GS = 0x1001, ARCH_SET_CPUID = 0x1012 };

uintptr_t seam_syscall_lo, seam_syscall_hi;

long seam_pinned(struct g *g, struct seam *s)
{
	bool was = atomic_load(&g->own_m);
	long r;

	/* To make it one of two threads would change what the kernel says to some of these calls. */
	if (!was && pin_alone())
		return seam_raw(s);
	r = pin_self(g);
	if (r)
		return r;
	r = seam_raw(s);
	if (raw_failed(r) && !was)
		pin_undo(g);
	return r;
}

long seam_owner(struct g *g, uintptr_t mutex)
{
	enum { DESCRIPTOR = 4096 };
	struct {
		uint32_t word, count;
		int32_t owner;
	} m = {0, 0, 0}; /* as the ABI has it, for the sake of static initialisers */
	int32_t now, tid;

	if (mutex && (!memory_is_shared(mutex) || arch_copy_user(&m, (void *)mutex, sizeof m)))
		return 0;
	/* Not glibc's descriptor, or within another such call. */
	if ((uintptr_t)g->clear_tid - arch_get_fs() >= DESCRIPTOR ||
	    arch_copy_user(&now, g->clear_tid, sizeof now) || now != g->tid)
		return 0;
	/* Locked by that name. */
	if ((int32_t)(m.word & FUTEX_TID_MASK) == g->tid || m.owner == g->tid)
		return 0;
	tid = pin_shared_tid(g, !mutex);
	return tid > 0 && tid != g->tid ? tid : 0;
}

/* Does S want to be made by the only thread of its process? */
static bool wants_to_be_alone(const struct seam *s)
{
	if (s->nr == __NR_unshare)
		return s->arg[0] & (CLONE_NEWUSER | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM);
	return !s->arg[1] || (s->arg[1] & (CLONE_NEWUSER | CLONE_NEWTIME | CLONE_NEWNS));
}

/* unshare, setns */
long sys_namespaces(struct g *g, struct seam *s)
{
	long r;

	if (wants_to_be_alone(s))
		retire_others(g);
	r = seam_pinned(g, s);
	if (r == 0 && s->nr == __NR_unshare && (s->arg[0] & CLONE_FILES) && atomic_load(&g->own_m))
		g->own_files = true;
	return r;
}

/* GS base, and whether CPUID is allowed, are the thread's. (Who changes GS base by an instruction is not seen.) */
long sys_arch_prctl(struct g *g, struct seam *s)
{
	switch (s->arg[0]) {
	case ARCH_SET_GS:
	case ARCH_SET_CPUID:
		return seam_pinned(g, s);
	}
	return seam_raw(s);
}

/* Does KEYRING belong to credentials, which are a thread's? To name one may be to make it. */
static bool of_credentials(long keyring)
{
	return (int32_t)keyring >= KEY_SPEC_SESSION_KEYRING && (int32_t)keyring <= KEY_SPEC_THREAD_KEYRING;
}

static bool key_of_thread(const struct seam *s)
{
	if (s->nr == __NR_add_key)
		return of_credentials(s->arg[4]);
	if (s->nr == __NR_request_key)
		return of_credentials(s->arg[3]);
	switch (s->arg[0]) {
	case KEYCTL_JOIN_SESSION_KEYRING:
	case KEYCTL_SET_REQKEY_KEYRING:
	case KEYCTL_INSTANTIATE:
	case KEYCTL_INSTANTIATE_IOV:
	case KEYCTL_NEGATE:
	case KEYCTL_REJECT:
	case KEYCTL_ASSUME_AUTHORITY:
		return true;
	}
	return of_credentials(s->arg[1]) || of_credentials(s->arg[2]) ||
	       (s->arg[0] == KEYCTL_SEARCH && of_credentials(s->arg[4]));
}

/* add_key, request_key, keyctl */
long sys_keys(struct g *g, struct seam *s)
{
	if (key_of_thread(s) && !pin_alone()) {
		int r = pin_self(g);

		if (r)
			return r;
	}
	return seam_call(g, s, table_row(s->nr)->flags);
}

/* pkey_alloc, set_mempolicy, iopl, ioperm, landlock_restrict_self, lsm_set_self_attr */
long sys_of_thread(struct g *g, struct seam *s)
{
	return seam_pinned(g, s);
}

/* setfsuid, setfsgid, personality: they return what held before, and change nothing if told -1. */
long sys_set_or_ask(struct g *g, struct seam *s)
{
	long now = raw1(s->nr, -1);

	if ((int32_t)s->arg[0] == -1 || (int32_t)s->arg[0] == (int32_t)now)
		return now;
	return seam_pinned(g, s);
}

/* A filter for all threads. Which of them has gone another way, the kernel says by the tid of its own; one whose
 * M is about to end has ended. */
static long filter_all(const struct seam *s)
{
	struct seam t = *s;
	bool listens = s->arg[1] & SECCOMP_FILTER_FLAG_NEW_LISTENER;

	if (!listens)
		t.arg[1] &= ~(long)SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
	for (;;) {
		long r = seam_raw(&t);
		const struct g *strayed;

		if (r <= 0 || listens)
			return r;
		strayed = pin_find((int32_t)r);
		if (!strayed && pin_ending((int32_t)r)) {
			raw0(SYS_sched_yield);
			continue;
		}
		if (s->arg[1] & SECCOMP_FILTER_FLAG_TSYNC_ESRCH)
			return -ESRCH;
		return strayed ? strayed->tid : r;
	}
}

long sys_seccomp(struct g *g, struct seam *s)
{
	bool filter = s->arg[0] == SECCOMP_SET_MODE_FILTER;

	if (filter && (s->arg[1] & SECCOMP_FILTER_FLAG_TSYNC))
		return filter_all(s);

	if (s->arg[0] == SECCOMP_SET_MODE_STRICT || filter)
		return seam_pinned(g, s);
	return seam_raw(s);
}

/* Capabilities: the header names a tid, by which the kernel does not know a G. */
static long with_header(struct g *g, struct seam *s, bool set)
{
	struct __user_cap_header_struct h;
	struct seam t = *s;
	struct g *to;
	int32_t named;
	long r;

	if (arch_copy_user(&h, (void *)s->arg[0], sizeof h))
		return -EFAULT;
	named = h.pid;
	to = named ? gtab_find(named) : g;
	if (!to)
		return seam_raw(s);
	h.pid = pin_kernel_tid(g, to);
	t.arg[0] = (long)&h;
	if (set && to == g) {
		h.pid = 0;
		r = seam_pinned(g, &t);
	} else {
		r = seam_raw(&t);
	}
	/* Told a version that it does not know, the kernel writes its own. */
	h.pid = named;
	if (arch_copy_user((void *)s->arg[0], &h, sizeof h))
		return -EFAULT;
	return r;
}

long sys_capget(struct g *g, struct seam *s)
{
	return with_header(g, s, false);
}

long sys_capset(struct g *g, struct seam *s)
{
	return with_header(g, s, true);
}

/* The signal for the end of the parent: the kernel keeps one for each thread, and sends them all to the
 * process. The last that any thread of ours asked for is that of all Ms. */
static int death_signal;

static void again(void *arg)
{
	seam_raw(arg);
}

static long set_death_signal(struct g *g, struct seam *s)
{
	long r = seam_raw(s);

	if (!r) {
		death_signal = (int)s->arg[1];
		each_m_call(g->m, again, s);
	}
	return r;
}

/* TO, which has a kernel thread of its own from now on: that thread's tid; -ESRCH, -EAGAIN or -ENOMEM. */
static long own_tid(struct g *g, struct g *to)
{
	int r = to == g ? pin_self(g) : pin_other(to);
	int32_t tid;

	if (r)
		return r;
	tid = atomic_load(&to->own_m)->tid;
	return tid > 0 ? tid : -ESRCH;
}

/* A descriptor of a thread tells of its end, which is that of its own kernel thread. Without PIDFD_THREAD
 * the kernel refuses what is no process, each version in its way. */
long sys_pidfd_open(struct g *g, struct seam *s)
{
	enum { PIDFD_OF_THREAD = O_EXCL };
	struct g *to = gtab_find((int32_t)s->arg[0]);
	struct seam t = *s;
	long tid;

	if (!to || to->main)
		return seam_raw(s);
	tid = s->arg[1] & PIDFD_OF_THREAD ? own_tid(g, to) : sysmon_machine()->tid;
	if (tid < 0)
		return tid;
	t.arg[0] = tid;
	return seam_raw(&t);
}

/* What is counted of a thread is counted of its kernel thread. */
long sys_perf_event_open(struct g *g, struct seam *s)
{
	struct g *to = s->arg[1] ? gtab_find((int32_t)s->arg[1]) : g;
	struct seam t = *s;
	long tid;

	if (!to || (to == g && pin_alone()))
		return seam_raw(s);
	tid = own_tid(g, to);
	if (tid < 0)
		return tid;
	t.arg[1] = tid;
	return seam_call(g, &t, 0);
}

long sys_kcmp(struct g *g, struct seam *s)
{
	struct seam t = *s;

	for (int i = 0; i < 2; i++) {
		const struct g *to = gtab_find((int32_t)s->arg[i]);
		int32_t tid = to ? pin_kernel_tid(g, to) : 0;

		if (to)
			t.arg[i] = tid ? tid : raw0(SYS_gettid);
	}
	return seam_raw(&t);
}

/* Who is to be signalled that a file is ready: the signal comes to the kernel thread, and from there to
 * the G whose own it is (signal.c). */
long sys_fcntl(struct g *g, struct seam *s)
{
	const int flags = INTR | RESTART;
	struct f_owner_ex owner;
	struct seam t = *s;
	struct g *to;
	long r;

	if (s->arg[1] == F_SETOWN_EX && arch_copy_user(&owner, (void *)s->arg[2], sizeof owner) == 0 &&
	    owner.type == F_OWNER_TID && (to = gtab_find(owner.pid))) {
		r = own_tid(g, to);
		if (r < 0)
			return r;
		owner.pid = (int32_t)r;
		t.arg[2] = (long)&owner;
		return seam_call(g, &t, flags);
	}
	r = seam_call(g, s, flags);
	if (s->arg[1] == F_SETFL)
		netpoll_flags_set();
	if (r == 0 && s->arg[1] == F_GETOWN_EX && arch_copy_user(&owner, (void *)s->arg[2], sizeof owner) == 0 &&
	    owner.type == F_OWNER_TID) {
		to = pin_find(owner.pid);
		if (to)
			owner.pid = to->tid;
		return arch_copy_user((void *)s->arg[2], &owner, sizeof owner);
	}
	return r;
}

long sys_prctl(struct g *g, struct seam *s)
{
	switch (s->arg[0]) {
	case PR_SET_NAME:
		return seam_set_name(g, (void *)s->arg[1]);
	case PR_GET_NAME:
		return arch_copy_user((void *)s->arg[1], seam_name(g), sizeof g->name);
	case PR_GET_TID_ADDRESS:
		return arch_copy_user((void *)s->arg[1], &g->clear_tid, sizeof g->clear_tid);
	case PR_CAP_AMBIENT:
		if (s->arg[1] == PR_CAP_AMBIENT_IS_SET)
			return seam_raw(s);
		return seam_pinned(g, s);
	case PR_SET_PDEATHSIG:
		return set_death_signal(g, s);
	case PR_GET_PDEATHSIG:
		return arch_copy_user((void *)s->arg[1], &death_signal, sizeof death_signal);
	case PR_CAPBSET_DROP:
	case PR_MCE_KILL:
	case PR_SET_FPEXC:
	case PR_SET_IO_FLUSHER:
	case PR_SET_KEEPCAPS:
	case PR_SET_NO_NEW_PRIVS:
	case PR_SET_SECCOMP:
	case PR_SET_SECUREBITS:
	case PR_SET_SPECULATION_CTRL:
	case PR_SET_SYSCALL_USER_DISPATCH:
	case PR_SET_TIMERSLACK:
	case PR_SET_TSC:
		return seam_pinned(g, s);
	default:
		return seam_raw(s);
	}
}
