/* SPDX-License-Identifier: MIT */
/* Where every patched system call arrives. */
#ifndef GOTHREADS_SEAM_H
#define GOTHREADS_SEAM_H

#include "sched/sched.h"

/* Called by arch_seam_entry(): carries out the call in S and returns its result. */
long seam_dispatch(struct seam *s);

/* The raw call in S. */
long seam_raw(const struct seam *s);

/* The raw clone or clone3 in S, whose child may have a stack of its own. */
long seam_raw_clone(struct seam *s);

/* The futex call of a thread that is no G (sched_foreign): it waits in the kernel, but wakes Gs too. */
long seam_futex_foreign(const struct seam *s);
/* Likewise futex_wake and futex_requeue. */
long seam_futex2_foreign(const struct seam *s);
/* That of a vfork child of G's; and what it wants woken, once it has gone. */
long seam_futex_child(struct g *g, const struct seam *s);
void seam_child_gone(struct g *g);
/* A thread that is no G makes one. */
long seam_clone_foreign(struct seam *s);

/* The hook sched_exit_wake: clear the word and wake whoever joins. */
void seam_thread_ended(int32_t *clear_tid);

/* What the way out of the seam does, for those that did not come in by it. */
void seam_attend(struct g *g);

/* vfork(2), for the symbol of that name (vfork.S), which has no stack frame while the child uses its
 * stack: G before, G's child, and G afterwards with the kernel's result, which is returned. Before
 * says whether the other two are to be called. */
int seam_vfork_before(struct g *g);
void seam_vfork_child(void);
long seam_vfork_after(long r);

/* The call in S, its G parked or the P free to go meanwhile. FLAGS (table.h) say whether signals end it. */
long seam_call(struct g *g, struct seam *s, int flags);

/* What is known of a call while it is made again, or piece by piece. Begin with SEAM_WAY. */
struct seam_way {
	bool kicked;	/* the M was told something during the last: a short count may be our doing */
	bool tried;	/* the last was made so that it does not wait: a short count is what there was */
	bool untried;	/* parked without a try before, see netpoll_talks() */
	bool alone;	/* sched_alone() has said so: sched_alone_end() is due */
	int fd;		/* goes on with this one, ours, instead of its own; -1 */
	unsigned rounds; /* parked, in vain */
	uint32_t seen;	/* netpoll_seen() before the last try */
	int64_t since;	/* when it first waited, ns; 0: not yet */
	int64_t limit;	/* of its socket, ns from SINCE; 0: none, or not asked for */
};
#define SEAM_WAY ((struct seam_way){.fd = -1})
long seam_call_way(struct g *g, struct seam *s, int flags, struct seam_way *way);
void seam_way_end(struct seam_way *way);

/* The program's timespec as ns: 0, -EFAULT or -EINVAL. */
long seam_timespec(const void *user, int64_t *ns);

/* The raw call in S, from which on G has a kernel thread of its own, unless it failed. */
long seam_pinned(struct g *g, struct seam *s);

/* The tid that is to be in the descriptor of G, the current one, while it locks or unlocks the pthread
 * mutex at MUTEX, which may name its owner; 0: the one that is there. By MUTEX NULL, the main G on the
 * process's first thread is to keep that. The program's side asks by a set_robust_list of the length
 * SEAM_OWNER, which the kernel refuses. */
long seam_owner(struct g *g, uintptr_t mutex);
#define SEAM_OWNER 0x6f776e6572l

/* G's name, 16 bytes with its NUL; set from the program's string: 0 or -EFAULT; in a forked child. */
const char *seam_name(struct g *g);
long seam_set_name(struct g *g, const void *user);
void seam_name_forked(struct g *g);
/* open(2) of the file with the name of G, which is not main; main's has been opened. */
long seam_open_name(struct g *g, long flags);
void seam_main_name_opened(long flags);

/* clock_nanosleep(2) on a CPU clock. */
long seam_cpu_sleep(struct g *g, struct seam *s);

/* Where libc's syscall(2) lies: what is asked through it is asked of the kernel itself. */
extern uintptr_t seam_syscall_lo, seam_syscall_hi;

/* Shared mappings: may another process see this address? */
void memory_note_shared(uintptr_t lo, size_t size);
bool memory_is_shared(uintptr_t a);
/* In a forked child. */
void memory_forked(void);

/* glibc's mmap for the stack of a thread that it is about to make: the address of a slot; 0 when
 * this is no such call, or there is no slot. G may be NULL. */
long seam_make_stack(struct g *g, const struct seam *s);
/* A thread is about to be made with the TLS at TLS: what seam_make_stack() gave G is in use. */
void seam_stack_made(struct g *g, uintptr_t tls);

/* Does S read a signalfd that shows signals of G's own? Then it is done, and *R its result. */
bool seam_signalfd_read(struct g *g, const struct seam *s, long *r);

/* timer_create(2) on a clock that the kernel knows; the signal may be for a G. */
long seam_timer_event(struct seam *s);
/* Timer ID is no more. */
void seam_timer_deleted(int32_t id);

/* A body: G is the current G, entered in the scheduler. */
typedef long seam_body(struct g *g, struct seam *s);

seam_body sys_clone, sys_clone3, sys_exit, sys_futex, sys_sched_yield, sys_nanosleep,
	sys_clock_nanosleep, sys_gettid, sys_set_tid_address, sys_set_robust_list, sys_rseq,
	sys_sched_get, sys_getpriority, sys_mmap, sys_mremap, sys_shmat, sys_ppoll, sys_pselect6,
	sys_epoll_pwait, sys_read, sys_getrandom, sys_write, sys_sendto,
	sys_rt_sigprocmask, sys_rt_sigaction, sys_rt_sigpending, sys_rt_sigtimedwait,
	sys_rt_sigsuspend, sys_pause, sys_sigaltstack, sys_tgkill, sys_tkill,
	sys_rt_tgsigqueueinfo, sys_fork, sys_vfork, sys_execve;

seam_body sys_sched_setaffinity, sys_sched_getaffinity, sys_sched_setscheduler, sys_sched_setparam,
	sys_sched_setattr, sys_setpriority, sys_ioprio_set, sys_ioprio_get;

seam_body sys_clock_gettime, sys_clock_getres, sys_getrusage, sys_timer_create, sys_timer_settime;

seam_body sys_of_process, sys_memory_of_process, sys_get_robust_list, sys_open, sys_openat,
	sys_getdents64, sys_path, sys_path_at, sys_readlink, sys_readlinkat;

seam_body sys_namespaces, sys_of_thread, sys_arch_prctl, sys_keys, sys_set_or_ask, sys_seccomp,
	sys_capget, sys_capset, sys_prctl, sys_pidfd_open, sys_perf_event_open, sys_kcmp, sys_fcntl, sys_ioctl;

seam_body sys_futex_waitv, sys_futex_wait, sys_futex_wake, sys_set_ids, sys_close, sys_dup2, sys_close_range, sys_poll,
	sys_epoll_wait, sys_select;

/* In a forked child. */
void sys_ids_forked(void);
void sys_timer_forked(void);

/* These take G = NULL, too. */
seam_body sys_mprotect, sys_munmap, sys_madvise, sys_pkey_mprotect, sys_mlock, sys_mlockall,
	sys_prlimit64;

seam_body sys_mmsg, sys_splice, sys_vmsplice, sys_sendfile, sys_mq_timedsend, sys_setsockopt;

seam_body sys_signalfd, sys_signalfd4, sys_timer_delete,
	sys_kill, sys_rt_sigqueueinfo, sys_writev, sys_sendmsg, sys_recvmsg, sys_recvfrom;

#endif
