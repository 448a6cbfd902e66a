/* SPDX-License-Identifier: MIT */
/*
 * What belongs to a kernel thread: who changes it gets one of its own (pin.h) and makes the call
 * there.
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <stddef.h>

#include "interpose/seam.h"
#include "sched/base/raw.h"
#include "sched/gtab.h"
#include "sched/pin.h"

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

/* unshare, setns, set_mempolicy, iopl, ioperm, landlock_restrict_self, lsm_set_self_attr */
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

long sys_seccomp(struct g *g, struct seam *s)
{
	bool filter = s->arg[0] == SECCOMP_SET_MODE_FILTER;

	if (s->arg[0] == SECCOMP_SET_MODE_STRICT ||
	    (filter && !(s->arg[1] & SECCOMP_FILTER_FLAG_TSYNC)))
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
	case PR_CAPBSET_DROP:
	case PR_MCE_KILL:
	case PR_SET_FPEXC:
	case PR_SET_IO_FLUSHER:
	case PR_SET_KEEPCAPS:
	case PR_SET_NO_NEW_PRIVS:
	case PR_SET_SECCOMP:
	case PR_SET_SECUREBITS:
	case PR_SET_SPECULATION_CTRL:
	case PR_SET_TIMERSLACK:
	case PR_SET_TSC:
		return seam_pinned(g, s);
	default:
		return seam_raw(s);
	}
}
