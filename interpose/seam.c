/* SPDX-License-Identifier: MIT */
/* Where every patched system call arrives, and which way it goes from there. */
#include "interpose/seam.h"

#include <asm/ioctls.h>
#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "interpose/limit.h"
#include "interpose/table.h"
#include "interpose/wait.h"
#include "sched/base/raw.h"
#include "sched/netpoll.h"
#include "sched/signal.h"

static seam_body *const bodies[] = {
	[__NR_clone] = sys_clone,
	[__NR_clone3] = sys_clone3,
	[__NR_exit] = sys_exit,
	[__NR_futex] = sys_futex,
	[__NR_futex_waitv] = sys_futex_waitv,
	[__NR_futex_wait] = sys_futex_wait,
	[__NR_futex_wake] = sys_futex_wake,
	[__NR_futex_requeue] = sys_futex_wake,
	[__NR_sched_yield] = sys_sched_yield,
	[__NR_nanosleep] = sys_nanosleep,
	[__NR_clock_nanosleep] = sys_clock_nanosleep,
	[__NR_gettid] = sys_gettid,
	[__NR_set_tid_address] = sys_set_tid_address,
	[__NR_set_robust_list] = sys_set_robust_list,
	[__NR_clock_gettime] = sys_clock_gettime,
	[__NR_clock_getres] = sys_clock_getres,
	[__NR_getrusage] = sys_getrusage,
	[__NR_timer_create] = sys_timer_create,
	[__NR_timer_settime] = sys_timer_settime,
	[__NR_getpgid] = sys_of_process,
	[__NR_getsid] = sys_of_process,
	[__NR_process_vm_readv] = sys_memory_of_process,
	[__NR_process_vm_writev] = sys_memory_of_process,
	[__NR_migrate_pages] = sys_memory_of_process,
	[__NR_move_pages] = sys_memory_of_process,
	[__NR_get_robust_list] = sys_get_robust_list,
	[__NR_rseq] = sys_rseq,
	[__NR_rt_sigprocmask] = sys_rt_sigprocmask,
	[__NR_rt_sigaction] = sys_rt_sigaction,
	[__NR_rt_sigpending] = sys_rt_sigpending,
	[__NR_rt_sigtimedwait] = sys_rt_sigtimedwait,
	[__NR_rt_sigsuspend] = sys_rt_sigsuspend,
	[__NR_pause] = sys_pause,
	[__NR_sigaltstack] = sys_sigaltstack,
	[__NR_tgkill] = sys_tgkill,
	[__NR_tkill] = sys_tkill,
	[__NR_rt_tgsigqueueinfo] = sys_rt_tgsigqueueinfo,
	[__NR_kill] = sys_kill,
	[__NR_rt_sigqueueinfo] = sys_rt_sigqueueinfo,
	[__NR_signalfd] = sys_signalfd,
	[__NR_signalfd4] = sys_signalfd4,
	[__NR_timer_delete] = sys_timer_delete,
	[__NR_fork] = sys_fork,
	[__NR_sched_setaffinity] = sys_sched_setaffinity,
	[__NR_sched_getaffinity] = sys_sched_getaffinity,
	[__NR_sched_setscheduler] = sys_sched_setscheduler,
	[__NR_sched_setparam] = sys_sched_setparam,
	[__NR_sched_setattr] = sys_sched_setattr,
	[__NR_setpriority] = sys_setpriority,
	[__NR_ioprio_set] = sys_ioprio_set,
	[__NR_ioprio_get] = sys_ioprio_get,
	[__NR_sched_rr_get_interval] = sys_sched_get,
	[__NR_vfork] = sys_vfork,
	[__NR_sched_getparam] = sys_sched_get,
	[__NR_sched_getscheduler] = sys_sched_get,
	[__NR_sched_getattr] = sys_sched_get,
	[__NR_getpriority] = sys_getpriority,
	[__NR_unshare] = sys_namespaces,
	[__NR_setns] = sys_namespaces,
	[__NR_set_mempolicy] = sys_of_thread,
	[__NR_iopl] = sys_of_thread,
	[__NR_ioperm] = sys_of_thread,
	[__NR_landlock_restrict_self] = sys_of_thread,
#ifdef __NR_lsm_set_self_attr
	[__NR_lsm_set_self_attr] = sys_of_thread,
#endif
	[__NR_pkey_alloc] = sys_of_thread,
	[__NR_arch_prctl] = sys_arch_prctl,
	[__NR_add_key] = sys_keys,
	[__NR_request_key] = sys_keys,
	[__NR_keyctl] = sys_keys,
	[__NR_setfsuid] = sys_set_or_ask,
	[__NR_setfsgid] = sys_set_or_ask,
	[__NR_personality] = sys_set_or_ask,
	[__NR_seccomp] = sys_seccomp,
	[__NR_capget] = sys_capget,
	[__NR_capset] = sys_capset,
	[__NR_open] = sys_open,
	[__NR_openat] = sys_openat,
	[__NR_stat] = sys_path,
	[__NR_lstat] = sys_path,
	[__NR_access] = sys_path,
	[__NR_newfstatat] = sys_path_at,
	[__NR_statx] = sys_path_at,
	[__NR_faccessat] = sys_path_at,
	[__NR_faccessat2] = sys_path_at,
	[__NR_readlink] = sys_readlink,
	[__NR_readlinkat] = sys_readlinkat,
	[__NR_getdents64] = sys_getdents64,
	[__NR_prctl] = sys_prctl,
	[__NR_pidfd_open] = sys_pidfd_open,
	[__NR_perf_event_open] = sys_perf_event_open,
	[__NR_kcmp] = sys_kcmp,
	[__NR_fcntl] = sys_fcntl,
	[__NR_ioctl] = sys_ioctl,
	[__NR_mmap] = sys_mmap,
	[__NR_mremap] = sys_mremap,
	[__NR_shmat] = sys_shmat,
	[__NR_ppoll] = sys_ppoll,
	[__NR_pselect6] = sys_pselect6,
	[__NR_epoll_pwait] = sys_epoll_pwait,
	[__NR_read] = sys_read,
	[__NR_getrandom] = sys_getrandom,
	[__NR_write] = sys_write,
	[__NR_sendto] = sys_sendto,
	[__NR_writev] = sys_writev,
	[__NR_sendmsg] = sys_sendmsg,
	[__NR_recvfrom] = sys_recvfrom,
	[__NR_recvmsg] = sys_recvmsg,
	[__NR_recvmmsg] = sys_mmsg,
	[__NR_sendmmsg] = sys_mmsg,
	[__NR_splice] = sys_splice,
	[__NR_tee] = sys_splice,
	[__NR_vmsplice] = sys_vmsplice,
	[__NR_sendfile] = sys_sendfile,
	[__NR_mq_timedsend] = sys_mq_timedsend,
	[__NR_setsockopt] = sys_setsockopt,
	[__NR_epoll_pwait2] = sys_epoll_pwait,
	[__NR_setuid] = sys_set_ids,
	[__NR_setgid] = sys_set_ids,
	[__NR_setreuid] = sys_set_ids,
	[__NR_setregid] = sys_set_ids,
	[__NR_setresuid] = sys_set_ids,
	[__NR_setresgid] = sys_set_ids,
	[__NR_setgroups] = sys_set_ids,
	[__NR_close] = sys_close,
	[__NR_dup2] = sys_dup2,
	[__NR_dup3] = sys_dup2,
	[__NR_close_range] = sys_close_range,
	[__NR_poll] = sys_poll,
	[__NR_select] = sys_select,
	[__NR_epoll_wait] = sys_epoll_wait,
	[__NR_execve] = sys_execve,
	[__NR_execveat] = sys_execve,
	[__NR_mprotect] = sys_mprotect,
	[__NR_munmap] = sys_munmap,
	[__NR_madvise] = sys_madvise,
	[__NR_pkey_mprotect] = sys_pkey_mprotect,
	[__NR_mlock] = sys_mlock,
	[__NR_mlock2] = sys_mlock,
	[__NR_mlockall] = sys_mlockall,
	[__NR_prlimit64] = sys_prlimit64,
};

enum { BODIES = sizeof bodies / sizeof *bodies };

static bool bodies_has(long nr, seam_body *body)
{
	return (unsigned long)nr < BODIES && bodies[nr] == body;
}

long seam_raw(const struct seam *s)
{
	return raw6(s->nr, s->arg[0], s->arg[1], s->arg[2], s->arg[3], s->arg[4], s->arg[5]);
}

long seam_call(struct g *g, struct seam *s, int flags)
{
	struct seam_way way = SEAM_WAY;
	long r = seam_call_way(g, s, flags, &way);

	seam_way_end(&way);
	return r;
}

void seam_way_end(struct seam_way *way)
{
	if (way->fd >= 0)
		netpoll_drop(way->fd);
}

/* Wait until UNTIL for the descriptor of S: 0 when it has not become ready. */
static long wait_ready(struct g *g, const struct seam *s, const struct row *row, int64_t until)
{
	struct pollfd fd = {.fd = (int)s->arg[0], .events = row->flags & READS ? POLLIN : POLLOUT};
	int64_t left = until - raw_now();
	struct timespec ts = {0, 0};
	long arg[6] = {(long)&fd, 1, (long)&ts, 0, 0, 0}, r;

	if (left > 0)
		ts = (struct timespec){left / 1000000000, left % 1000000000};
	sched_block_syscall(g);
	r = arch_syscall_intr(__NR_ppoll, arg, &g->m->attn);
	sched_exit_syscall(g);
	return r;
}

/* Does call NR ask whether descriptors are ready, so that one of them may be a signalfd? */
static bool asks_for_ready(long nr)
{
	switch (nr) {
	case __NR_poll:
	case __NR_ppoll:
	case __NR_select:
	case __NR_pselect6:
	case __NR_epoll_wait:
	case __NR_epoll_pwait:
	case __NR_epoll_pwait2:
		return true;
	}
	return false;
}

/* The raw call. */
static long make(struct g *g, struct seam *s, int flags, bool block, struct seam_way *way)
{
	const uint64_t since = way->alone ? arch_cycles() : 0;
	uint64_t lent = 0;
	long r;

	if (block)
		sched_block_syscall(g);
	else
		sched_enter_syscall(g);
	if (asks_for_ready(s->nr))
		lent = sig_lend(g);
	if (s->nr == __NR_connect && way->since)
		atomic_store_explicit(&g->m->connects, true, memory_order_relaxed);
	if (flags & INTR)
		r = arch_syscall_intr(s->nr, s->arg, &g->m->attn);
	else
		r = seam_raw(s);
	sig_unlend(g->m, lent);
	/* Before G may come to another M. */
	way->kicked = atomic_load(&g->m->attn);
	if (s->nr == __NR_connect)
		atomic_store_explicit(&g->m->connects, false, memory_order_relaxed);
	if (way->alone)
		sched_alone_end(g, since);
	sched_exit_syscall(g);
	return r;
}

/* Of a file, which has no poller and no time limit. */
static bool nothing_to_ask(long nr)
{
	return nr == __NR_pread64 || nr == __NR_pwrite64 || nr == __NR_preadv || nr == __NR_pwritev;
}

long seam_call_way(struct g *g, struct seam *s, int flags, struct seam_way *way)
{
	const bool plain = nothing_to_ask(s->nr);
	const struct row *row = plain ? NULL : table_row(s->nr);
	struct seam t = *s; /* the frame's arguments are the program's registers */
	struct limit limit;
	enum wait_end end;
	long r = 1;

	way->kicked = false;
	way->rounds = 0;
	if (way->fd >= 0)
		t.arg[0] = way->fd;
	limit.deadline = 0;
	if (!plain)
		limit_begin(&limit, &t);
	for (;;) {
		bool restart = flags & RESTART;

		/* Told while it was not on an M: the call looks at the M's attn alone. */
		if ((flags & INTR) && atomic_load(&g->attn))
			atomic_fetch_or(&g->m->attn, ATTN_SIGNAL);
		if (row && (row->flags & READS) && sig_shown(g) && seam_signalfd_read(g, &t, &r))
			break;
		end = plain ? END_READY : wait_for(g, &t, row, way, &r);
		if (end == END_DONE)
			break;
		if (end == END_AGAIN)
			continue;
		if (end == END_SIGNAL) {
			r = -EINTR;
		} else {
			bool block = end == END_BLOCK;

			/* A second try of a call whose socket has a limit of its own. */
			r = 1;
			if (block && way->limit) {
				r = wait_ready(g, &t, row, way->since + way->limit);
				block = false;
			}
			if (r == 0) {
				r = -EAGAIN;
				break;
			}
			if (r != -EINTR)
				r = make(g, &t, flags, block, way);
		}
		if (r != -EINTR || !(flags & INTR))
			break;
		sig_drain(g->m);
		if (atomic_fetch_and(&g->m->attn, ~(uint32_t)ATTN_PREEMPT) & ATTN_PREEMPT)
			sched_preempt_g(g);
		if ((flags & SOTIMEO) && way->since && !way->limit)
			way->limit = limit_of_socket(&t, row);
		if (sig_deliver(g, &restart) && (!restart || way->limit))
			break;
		limit_again(&limit, &t);
	}
	limit_end(&limit);
	return r;
}

void seam_attend(struct g *g)
{
	if (atomic_load(&g->attn) || atomic_load(&g->m->attn))
		sched_attend(NULL);
}

/* What a kernel thread that is not ours asks of the library itself; NULL: what it asks of the kernel. */
static seam_body *foreign_body(long nr)
{
	switch (nr) {
	case __NR_mmap:
	case __NR_mremap:
	case __NR_shmat:
	case __NR_mprotect:
	case __NR_pkey_mprotect:
	case __NR_munmap:
	case __NR_madvise:
	case __NR_mlock:
	case __NR_mlock2:
	case __NR_mlockall:
	case __NR_prlimit64:
	case __NR_setsockopt:
	case __NR_rt_sigaction:
	case __NR_tgkill:
	case __NR_tkill:
	case __NR_rt_tgsigqueueinfo:
		return bodies[nr];
	}
	return bodies_has(nr, sys_set_ids) ? sys_set_ids : NULL;
}

/* A kernel thread that is not ours, or (with G) a child that runs on the memory of G. */
static long no_g(struct g *g, struct seam *s)
{
	seam_body *body;
	uint64_t mask;
	long r;

	if ((s->nr == __NR_fcntl && s->arg[1] == F_SETFL) || (s->nr == __NR_ioctl && s->arg[1] == FIONBIO)) {
		r = seam_raw(s);
		netpoll_flags_set();
		return r;
	}
	if (!sched_active() || !sig_own_process()) {
		if (s->nr == __NR_clone || s->nr == __NR_clone3)
			return seam_raw_clone(s);
		if (sched_active() && s->nr == __NR_rt_sigaction)
			return sys_rt_sigaction(g, s);
		if (g && s->nr == __NR_futex && (g->vforked & CHILD_VFORK))
			return seam_futex_child(g, s);
		return seam_raw(s);
	}
	if (s->nr == __NR_clone || s->nr == __NR_clone3)
		return seam_clone_foreign(s);
	if (s->nr == __NR_futex)
		return seam_futex_foreign(s);
	if (s->nr == __NR_futex_wake || s->nr == __NR_futex_requeue)
		return seam_futex2_foreign(s);
	/* They may wait, and take care of themselves. */
	if (s->nr == __NR_close || s->nr == __NR_dup2 || s->nr == __NR_dup3 || s->nr == __NR_close_range)
		return bodies[s->nr](NULL, s);
	body = foreign_body(s->nr);
	if (!body)
		return seam_raw(s);
	mask = sig_foreign_close();
	r = body(NULL, s);
	sig_foreign_reopen(mask);
	return r;
}

long seam_dispatch(struct seam *s)
{
	struct g *g = self_g;
	struct seam *outer;
	const struct row *row;
	seam_body *body;
	long r;

	if (!g || (g->vforked && sig_in_child(g)))
		return no_g(g, s);
	body = (unsigned long)s->nr < BODIES ? bodies[s->nr] : NULL;
	row = body ? NULL : table_row(s->nr);
	if (row && row->class != CLASS_POLL && row->class != CLASS_HANDOFF)
		return seam_raw(s);
	/* A handler that runs while a call waits makes calls of its own. */
	outer = atomic_load_explicit(&g->seam, memory_order_relaxed);
	atomic_store_explicit(&g->seam, s, memory_order_relaxed);
	sched_enter(g);
	r = body ? body(g, s) : seam_call(g, s, row ? row->flags : INTR);
	sched_leave(g);
	atomic_store_explicit(&g->seam, outer, memory_order_relaxed);
	return r;
}
