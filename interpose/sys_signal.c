/* SPDX-License-Identifier: MIT */
/* Signals: masks, dispositions, sending, waiting. */
#include <errno.h>
#include <stddef.h>

#include "interpose/seam.h"
#include "sched/base/raw.h"
#include "sched/gtab.h"
#include "sched/signal.h"
#include "sched/sigremote.h"
#include "sched/sigtimer.h"

enum { SIGSET = 8 };

long sys_rt_sigaction(struct g *g, struct seam *s)
{
	struct sig_action act, old;
	long r;

	if (s->arg[3] != SIGSET)
		return -EINVAL;
	if (s->arg[1] && arch_copy_user(&act, (void *)s->arg[1], sizeof act))
		return -EFAULT;
	if ((!g || (g->vforked && sig_in_child(g))) && !sig_own_process())
		r = sig_child_action((int)s->arg[0], s->arg[1] ? &act : NULL, &old);
	else
		r = sig_set_action((int)s->arg[0], s->arg[1] ? &act : NULL, &old);
	if (r == 0 && s->arg[2] && arch_copy_user((void *)s->arg[2], &old, sizeof old))
		return -EFAULT;
	return r;
}

long sys_rt_sigprocmask(struct g *g, struct seam *s)
{
	uint64_t old = atomic_load_explicit(&g->sigmask, memory_order_relaxed), set, mask = old;

	if (s->arg[3] != SIGSET)
		return -EINVAL;
	if (s->arg[1]) {
		if (arch_copy_user(&set, (void *)s->arg[1], sizeof set))
			return -EFAULT;
		if (s->arg[0] == SIG_BLOCK)
			mask |= set;
		else if (s->arg[0] == SIG_UNBLOCK)
			mask &= ~set;
		else if (s->arg[0] == SIG_SETMASK)
			mask = set;
		else
			return -EINVAL;
		sig_set_mask(g, mask);
	}
	if (s->arg[2] && arch_copy_user((void *)s->arg[2], &old, sizeof old))
		return -EFAULT;
	return 0;
}

long sys_rt_sigpending(struct g *g, struct seam *s)
{
	uint64_t set = sig_pending(g) & atomic_load(&g->sigmask);

	if ((size_t)s->arg[1] > SIGSET)
		return -EINVAL;
	return arch_copy_user((void *)s->arg[0], &set, (size_t)s->arg[1]);
}

static long send(struct seam *s, int32_t tid, int sig, const siginfo_t *info)
{
	struct g *to = gtab_find(tid);

	if (!to) {
		/* The kernel thread of a main thread that has ended is still there, and runs others. */
		if (tid == (int32_t)raw0(SYS_getpid) && sig >= 0 && sig <= 64 && sig_is_m(tid))
			return 0;
		return seam_raw(s);
	}
	if (sig < 0 || sig > 64)
		return -EINVAL;
	if (sig == 0)
		return 0;
	return sig_send(to, info);
}

static siginfo_t from_me(int sig, int code)
{
	siginfo_t info = {.si_signo = sig, .si_code = code};

	info.si_pid = (pid_t)raw0(SYS_getpid);
	info.si_uid = (uid_t)raw0(SYS_getuid);
	return info;
}

/* S names another process and a thread there, which may be a G. */
static long send_abroad(struct seam *s, const siginfo_t *info)
{
	int32_t pid = (int32_t)s->arg[0], tid = (int32_t)s->arg[1];
	long r = seam_raw(s);

	if (r != -ESRCH || tid < GTAB_TID_FIRST)
		return r;
	if (info->si_signo < 0 || info->si_signo > 64)
		return -EINVAL;
	return sigremote_send(pid, tid, info);
}

long sys_tgkill(struct g *g, struct seam *s)
{
	siginfo_t info = from_me((int)s->arg[2], SI_TKILL);

	(void)g;
	if ((int32_t)s->arg[0] != info.si_pid)
		return send_abroad(s, &info);
	return send(s, (int32_t)s->arg[1], (int)s->arg[2], &info);
}

long sys_tkill(struct g *g, struct seam *s)
{
	siginfo_t info = from_me((int)s->arg[1], SI_TKILL);

	(void)g;
	return send(s, (int32_t)s->arg[0], (int)s->arg[1], &info);
}

/* To our own process a signal goes at once: the kernel would wake whichever M it likes, and the
 * sender could go on before that M has said so. */
static long send_process(struct g *g, struct seam *s, const siginfo_t *info)
{
	int sig = (int)s->arg[1];
	struct seam t = *s;
	long r = 1;

	if ((int32_t)s->arg[0] >= GTAB_TID_FIRST && gtab_find((int32_t)s->arg[0]))
		t.arg[0] = raw0(SYS_getpid);
	if (t.arg[0] == raw0(SYS_getpid) && sig >= 1 && sig <= 64)
		r = sig_send_process(g->m, info);
	return r == 1 ? seam_raw(&t) : r;
}

long sys_kill(struct g *g, struct seam *s)
{
	siginfo_t info = from_me((int)s->arg[1], SI_USER);

	return send_process(g, s, &info);
}

long sys_rt_sigqueueinfo(struct g *g, struct seam *s)
{
	siginfo_t info;

	if (arch_copy_user(&info, (void *)s->arg[2], sizeof info))
		return -EFAULT;
	info.si_signo = (int)s->arg[1];
	return send_process(g, s, &info);
}

long sys_rt_tgsigqueueinfo(struct g *g, struct seam *s)
{
	siginfo_t info;

	(void)g;
	if (arch_copy_user(&info, (void *)s->arg[3], sizeof info))
		return -EFAULT;
	info.si_signo = (int)s->arg[2];
	if ((int32_t)s->arg[0] != (int32_t)raw0(SYS_getpid))
		return send_abroad(s, &info);
	return send(s, (int32_t)s->arg[1], (int)s->arg[2], &info);
}

long sys_rt_sigtimedwait(struct g *g, struct seam *s)
{
	int64_t deadline = INT64_MAX;
	siginfo_t info;
	uint64_t set;
	long r;

	if (s->arg[3] != SIGSET)
		return -EINVAL;
	if (arch_copy_user(&set, (void *)s->arg[0], sizeof set))
		return -EFAULT;
	if (s->arg[2]) {
		r = seam_timespec((void *)s->arg[2], &deadline);
		if (r)
			return r;
		deadline += raw_now();
	}
	r = sig_wait(g, set, &info, deadline);
	if (r > 0 && s->arg[1] && arch_copy_user((void *)s->arg[1], &info, sizeof info))
		return -EFAULT;
	return r;
}

/* Until a handler has run. */
static long pause_g(struct g *g)
{
	for (;;) {
		uint64_t seq = park_prepare(g, WAIT_PAUSE, 0);

		if (!sig_deliverable(g) || !park_cancel(g, seq))
			park(g);
		if (sig_deliver(g, NULL))
			return -EINTR;
	}
}

long sys_pause(struct g *g, struct seam *s)
{
	(void)s;
	return pause_g(g);
}

long sys_rt_sigsuspend(struct g *g, struct seam *s)
{
	uint64_t mask, old = atomic_load(&g->sigmask);
	long r;

	if (s->arg[1] != SIGSET)
		return -EINVAL;
	if (arch_copy_user(&mask, (void *)s->arg[0], sizeof mask))
		return -EFAULT;
	g->sigsaved = old;
	g->sigsaved_valid = true;
	sig_set_mask(g, mask);
	r = pause_g(g);
	if (g->sigsaved_valid) {
		g->sigsaved_valid = false;
		sig_set_mask(g, old);
	}
	return r;
}

long sys_sigaltstack(struct g *g, struct seam *s)
{
	stack_t set, old;
	long r;

	if (s->arg[0] && arch_copy_user(&set, (void *)s->arg[0], sizeof set))
		return -EFAULT;
	r = sig_altstack(g, s->arg[0] ? &set : NULL, &old, (uintptr_t)s);
	if (r == 0 && s->arg[1] && arch_copy_user((void *)s->arg[1], &old, sizeof old))
		return -EFAULT;
	return r;
}

/* The kernel's struct sigevent, whose end glibc's hides. */
struct event {
	union sigval value;
	int32_t signo, notify, tid;
	int32_t pad[11];
};
_Static_assert(sizeof(struct event) == 64, "size");

long seam_timer_event(struct seam *s)
{
	struct seam t = *s;
	struct event ev;
	void *cookie;
	int32_t id;
	long r;

	if (!s->arg[1])
		return seam_raw(s);
	if (arch_copy_user(&ev, (void *)s->arg[1], sizeof ev))
		return -EFAULT;
	if (ev.notify != (SIGEV_SIGNAL | SIGEV_THREAD_ID) || !gtab_find(ev.tid) || ev.signo < 1 ||
	    ev.signo > 64)
		return seam_raw(s);
	cookie = sigtimer_new(ev.tid, ev.signo, ev.value);
	if (!cookie)
		return -EAGAIN;
	ev.notify = SIGEV_SIGNAL;
	ev.signo = SIG_CARRIER;
	ev.value.sival_ptr = cookie;
	t.arg[1] = (long)&ev;
	r = seam_raw(&t);
	if (r == 0 && arch_copy_user(&id, (void *)s->arg[2], sizeof id) == 0)
		sigtimer_name(cookie, id);
	else
		sigtimer_drop(cookie);
	return r;
}

long sys_timer_delete(struct g *g, struct seam *s)
{
	long r;

	(void)g;
	/* First, for afterwards another may have its id. */
	seam_timer_deleted((int32_t)s->arg[0]);
	r = seam_raw(s);
	if (r == 0)
		sigtimer_deleted((int32_t)s->arg[0]);
	return r;
}
