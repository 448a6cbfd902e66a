/* SPDX-License-Identifier: MIT */
/*
 * G, M and P.
 *
 *   G  goroutine: one pthread of the program: its registers and stack while it does not run, its
 *      tid, signal mask and pending signals. Storage is type-stable: a stale pointer to a G is
 *      always a pointer to some G (gtab.c).
 *   M  machine: a kernel thread that runs Gs.
 *   P  processor: the right to run application code. There are GOMAXPROCS of them; a P owns a run
 *      queue, a timer heap and counters.
 *
 * Each field says who may change it: [own] the M that runs the G, or holds the P; [lock] under
 * the named lock; [any] anybody, atomically.
 */
#ifndef GOTHREADS_TYPES_H
#define GOTHREADS_TYPES_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sched/base/lock.h"

/* ---- G ----------------------------------------------------------------------------------- */

/* Who owns a G, and who may move it on:
 *   FREE      gtab.c's free list.
 *   RUNNABLE  the queue it is on; whoever takes it off makes it RUNNING.
 *   RUNNING   the M at g->m.
 *   SYSCALL   the M at g->m, in a raw blocking call; its P may be retaken.
 *   WAITING   parked; whoever wins g->claim makes it RUNNABLE.
 *   DEAD      left its stack for good; the M that switched away frees it.
 * The status is for reports and signals; what makes transfers safe is claim and on_cpu. */
enum g_status { G_FREE, G_RUNNABLE, G_RUNNING, G_SYSCALL, G_WAITING, G_DEAD };

/* Why a G is parked. Order is that of wait_reason_names in dump.c. */
enum wait_reason {
	WAIT_NONE,
	WAIT_FUTEX,
	WAIT_FUTEX_PI,
	WAIT_SLEEP,
	WAIT_IO,
	WAIT_SIGNAL,
	WAIT_PAUSE,
	WAIT_REASONS
};

/* Bits of g->attn and m->attn: what the way out of the seam must look at. */
enum {
	ATTN_SIGNAL = 1,  /* a signal may be deliverable */
	ATTN_PREEMPT = 2, /* give up the P */
	ATTN_RING = 4,	  /* the M's ring of raw signals is not empty */
};

/* Bits of g->vforked. Whoever runs with the TLS of a G may be a child that CLONE_VM made of it: its
 * calls all go to the kernel, and no scheduler is told (sig_in_child()). */
enum {
	CHILD_VFORK = 1,  /* the G waits in the kernel until its child has gone: it is the child */
	CHILD_SHARES = 2, /* there is, or was, one that runs beside the G: its kernel tid tells */
};

/* The first two fields are known to switch.S. */
struct g_context {
	void *sp;     /* of the last switch away */
	uintptr_t fs; /* FS base: glibc's TCB */
};

struct p;
struct m;
struct ticket;
struct g;
struct seam;
struct away;

enum { TIMER_IDLE = -1 };

/* A timer wakes one G: it lies in the heap of one P from timer_add() until it fires or
 * timer_del(). */
struct timer {
	int64_t when;  /* CLOCK_MONOTONIC ns [lock: p->timer_lock] */
	uint64_t seq;  /* of the park that it ends */
	struct g *g;
	_Atomic(struct p *) p; /* whose heap, NULL when in none */
	int32_t index; /* in the heap, TIMER_IDLE when in none [lock: p->timer_lock] */
};

struct g_altstack {
	uintptr_t sp;
	size_t size;
	int flags; /* SS_DISABLE, SS_AUTODISARM */
};

/* A queued signal: what sigqueue, pthread_kill or the kernel said. */
struct sigq {
	struct sigq *next;
	siginfo_t info;
};

/* Signals pending for a G, or for the process. [lock: sig_lock] */
struct sigpend {
	_Atomic uint64_t set;
	struct sigq *head, *tail;
};

struct robust_head; /* the kernel's struct robust_list_head */

struct g {
	struct g_context ctx;
	struct m *m; /* the M that runs it [own]; entry.S knows the offset */
	_Atomic uint32_t attn; /* ATTN_* [any]; entry.S knows the offset */
	/* Is it still on an M's CPU? Set before it runs, cleared (release) by what comes after it
	 * on that M, so a taker of a RUNNABLE G waits (acquire) until its stack is left. */
	_Atomic uint32_t on_cpu;

	struct away *away;  /* the function that it is in without a P, NULL: none (away.h) [own] */
	uint64_t away_seq;  /* numbers those functions [own] */
	_Atomic uint32_t status;
	int32_t tid;
	uint32_t index; /* in the G table */
	struct g *link; /* next in a run queue or free list [its owner] */
	_Atomic(struct m *) own_m; /* the only M that may run it, NULL: any (pin.h) */
	_Atomic bool own_state;	   /* ... and it may differ from others: children inherit it [any] */
	bool own_files;		   /* ... and has descriptors of its own [own] */
	/* The kernel's tid of that M, by which it owns what processes share; 0: not yet [own] */
	_Atomic int32_t shared_tid;
	_Atomic int64_t cpu;	   /* ns, up to when it last left the CPU (cputime.h) */
	_Atomic uint16_t affinity; /* the number of its mask (affinity.h) [any] */

	/* The one word that decides who wakes a parked G: 0, or the number of the park that may be
	 * ended. claim() swaps it to 0; the winner, and only the winner, makes the G ready. */
	_Atomic uint64_t claim;
	uint64_t park_seq;	 /* numbers the parks of this G [own] */
	int32_t wake_result;	 /* what the winner says: 0 or -errno */
	_Atomic uint32_t wait_reason;
	_Atomic uintptr_t wait_on; /* what it waits for, for reports */
	int64_t wait_since;	   /* of sched.coarse_now, when it began to wait or its call */
	struct seam *_Atomic seam; /* of the call that it is in, as long as it is in it [own] */
	struct timer timer;

	/* glibc's requests */
	int32_t *clear_tid;
	struct robust_head *robust;
	size_t robust_len;
	uintptr_t stack_lo, stack_hi; /* 0 if not known */
	bool main;		      /* the process's first thread: its stack is the kernel's */
	bool creating;	  /* within pthread_create: mmap(MAP_STACK) is glibc's own [own] */
	bool hog;	  /* has computed long since it last parked (preempt.h) [own] */
	int32_t credit;	  /* ns that a hog may compute before it goes behind the others [own] */
	uint8_t alone;	  /* how often in a row an M slept from its park to its wake, and for it alone (proc.c) [own] */
	bool lone;	  /* was made the lone next of a P, which has not come to it yet [its owner] */
	uint8_t prompt;	  /* how often in a row P came to it at once (proc.c) [its owner] */
	uint64_t lone_since; /* arch_cycles(); 0 if it is not timed [its owner] */
	uintptr_t made_hi; /* end of the stack that the last such mmap gave, until it is in use [own] */
	int exit_status;  /* exit(2)'s: the last one is the process's [own] */
	uint8_t vforked;  /* CHILD_*: a process runs on our memory, with this G's TLS */
	char name[16];	  /* PR_SET_NAME */
	bool named;	  /* by itself or another, not by birth */

	/* signals [own] unless said otherwise */
	_Atomic uint64_t sigmask; /* read by senders */
	_Atomic uint64_t handling; /* those of it that are blocked because their handlers run [own], read by senders */
	uint64_t sigsaved;	  /* mask to restore after sigsuspend and the like */
	bool sigsaved_valid;
	_Atomic uint64_t sigwait; /* set that it sigwaits for [any] */
	struct sigpend pending;	  /* [lock: sig_lock] */
	_Atomic bool sigshown;	  /* one came that it blocks, for a signalfd to show [any] */
	bool sigend;		  /* it ends: nothing more is queued for it [lock: sig_lock] */
	struct g_altstack alt;

	/* scheduling class as the program set it; honoured by name only */
	int32_t policy, priority, nice;
	bool policy_set, nice_set;
	bool setxid_asked; /* glibc's signal for set*id is being handled [own] */
	uint64_t started; /* when it first ran, arch_cycles(); 0 if not known [own] */
};

/* ---- P ----------------------------------------------------------------------------------- */

/* IDLE: on the idle list [sched.lock]. RUNNING: m->p of one M. SYSCALL: its M is in a raw call;
 * whoever CASes it away owns it: the M itself on its way back, or sysmon. STOPPED: out of service until
 * sched_set_procs() puts it on the idle list [sched.lock]. */
enum p_status { P_IDLE, P_RUNNING, P_SYSCALL, P_STOPPED };

enum { RUNQ_SIZE = 256, CACHE_LINE = 64 };

struct runq {
	_Atomic uint32_t head; /* [any] consumers */
	_Atomic uint32_t tail; /* [own] */
	_Atomic(struct g *) next; /* runnext: runs before all others [any] */
	_Atomic(struct g *) slot[RUNQ_SIZE];
};

struct timer_heap {
	struct lock lock;
	_Atomic int64_t next; /* earliest deadline, INT64_MAX when empty: read without the lock */
	struct timer **heap;
	uint32_t n, cap;
};

struct p {
	_Atomic uint32_t status;
	uint32_t id;
	_Atomic uint32_t tick;	       /* scheduling decisions [own] */
	_Atomic uint32_t syscall_tick; /* returns from calls [own] */
	_Atomic bool global_due;       /* it is to come to the global queue first [any] */
	_Atomic bool slice_left;       /* its G gives way to one that was woken, before its slice ends [any] */
	_Atomic uint32_t global_tick;  /* that it gave to a hog from there [own] */
	_Atomic int32_t charge;	       /* ns that its G has computed, which is to give way [any] */
	_Atomic bool waking;	       /* its M is about to wake another [own] */
	bool spared;		       /* nobody was woken for its next G, some time ago [own] */
	/* a descriptor, and one, that a G of this P waits for and that the poller does not know yet [any]; how many
	 * there were [own] (netpoll.c) */
	_Atomic uint32_t lazy, n_lazy;
	uint32_t wrote;		       /* a descriptor, and one, that its Gs last wrote to [own] */
	uint32_t seen_lazy;	       /* [sysmon] */
	struct m *m;		       /* that holds it [own], kept through SYSCALL */
	struct p *link;		       /* idle list [sched.lock] */
	struct g *free_gs;	       /* dead Gs to reuse [own] */
	uint32_t n_free;
	uint32_t rand;

	/* Notes of those who look on [lock: preempt.c's; the first two are read by all] */
	_Atomic uint32_t seen_tick;
	_Atomic int64_t seen_when; /* when it was first looked at, or expected; before seen_tick */
	int64_t seen_cpu;	   /* CPU clock of the M then, -1: not known */
	uint32_t urged;		   /* the tick that was told to give way */
	int64_t urged_when;
	/* ... and of sysmon alone */
	uint32_t seen_syscall_tick;
	int64_t seen_syscall_when; /* when it was first seen */
	_Atomic int64_t global_left; /* when its last hog began, or ended its slice [own] */
	uint32_t seen_call_tick;
	int64_t call_when;
	int64_t last_cpu; /* CPU clock of the M at the last look */
	int64_t ask_when; /* not to ask the kernel what the M does before that */
	bool waited_for;  /* something waited at the last look, too */

	struct runq runq __attribute__((aligned(CACHE_LINE)));
	struct timer_heap timers __attribute__((aligned(CACHE_LINE)));
} __attribute__((aligned(CACHE_LINE)));

/* ---- M ----------------------------------------------------------------------------------- */

/* m->retaken: the handshake by which sysmon takes the P of an M that sleeps unseen (sysmon.c). AWAY: the
 * M has given it away itself (away.h). */
enum { RETAKE_NONE, RETAKE_ASKED, RETAKE_DONE, RETAKE_AWAY };

enum { SIGRING = 32 };

struct m {
	_Atomic uint32_t attn; /* ATTN_* [any]; first, for entry.S */
	struct g g0;	     /* context of the scheduler's own stack; g0.m is this M */
	/* 1 while this M is inside the library with the right to use m->p. Written plainly by the
	 * M; sysmon reads it after a membarrier. */
	_Atomic uint32_t in_sched;
	_Atomic uint32_t retaken;

	struct p *p;	/* [own], valid while in_sched and not retaken */
	struct p *oldp; /* of the last enter_syscall */
	struct p *nextp; /* handed over by whoever woke us [lock: via park] */
	_Atomic(struct g *) curg;
	struct g *locked_g; /* the only G that it may run, NULL: any (pin.h) [own] */
	_Atomic int64_t cpu_mark; /* its clock at the last switch (cputime.h) [own] */
	int64_t cpu_now;	  /* during a switch [own] */
	uint16_t affinity;  /* what the kernel was told (affinity.h) [own] */
	bool ending;	    /* its pinned G is gone [own, or who ended it] */
	bool gone;	    /* takes no calls any more (each_m.c) [each_m_lock] */
	uint8_t brief;	    /* how often in a row it was back soon after it had slept as the keeper [own] */
	struct g *left;	    /* that g0 was last reached from [own] */
	uint64_t kept;	    /* when it last got up with a lone G, arch_cycles(); 0: it is back [own] */
	struct g *prev; /* that the last switch left; finish_switch() settles it */
	struct g *resume; /* that g0 shall run next: leave_cpu() could not [own] */

	_Atomic(struct ticket *) ticket; /* a call that it has been asked to make (each_m.c) */
	_Atomic bool connects;	  /* in a call that sysmon may end: its G then waits elsewhere [own] */
	_Atomic bool deaf;	  /* is not to be kicked (signal.c) [own] */
	_Atomic uint32_t kickers; /* that are about to kick it [any] */
	_Atomic uint32_t park; /* futex word: 0 asleep or about to be, 1 told to wake */
	_Atomic int32_t tid;   /* of the kernel, which clears it at the end */
	int32_t was_tid;       /* its last, once it is about to end [own] */
	uint32_t id;
	int64_t recall_cpu; /* its CPU clock when sysmon took its P away [sysmon] */
	bool spinning;
	_Atomic bool polling; /* asleep in netpoll_poll(), or about to be; to be woken by netpoll_break() */
	uint8_t vain_yields; /* that found nothing else to run [own] */
	struct m *link;	    /* idle list [sched.lock] */
	struct m *all_link; /* [sched.lock], never removed */

	/* raw signals that arrived while the pc was in the library, in order */
	_Atomic uint32_t ring_head, ring_tail;
	siginfo_t ring[SIGRING];
	bool ring_full;		      /* the kernel keeps what comes, until the ring is drained */
	_Atomic uint64_t kernel_mask; /* signals that the kernel blocks on this M [own] */
	/* addresses that the vfork child of this M's G has woken; how many there were */
	uint32_t *child_woke[16];
	uint32_t n_child_woke;
	_Atomic uint64_t lent; /* signals of its G that the kernel has meanwhile (signal.c) [own] */
	bool kicks_only; /* no other signal comes to it [own] */
	_Atomic bool kick_substitute; /* a kick comes as SIG_SUBSTITUTE (signal.h) [any] */
	struct sigq *deliver;	   /* the signal that deliver_here() is about to put on this M */

	char *stack, *sigstack; /* g0's and the handlers'; low ends */
	size_t stack_size, sigstack_size;
};

#endif
