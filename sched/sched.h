/* SPDX-License-Identifier: MIT */
/*
 * The scheduler as the seam sees it.
 *
 * "In the scheduler" means between sched_enter() and sched_leave(): only there may m->p be used,
 * and there no code of the program runs. All functions below but sched_enter() want it, except
 * where they say "anywhere".
 */
#ifndef GOTHREADS_SCHED_H
#define GOTHREADS_SCHED_H

#include "sched/arch/arch.h"
#include "sched/types.h"

/* The current G: NULL on g0, and on kernel threads that are not ours. glibc's own TLS set-up gives
 * every thread its slot. */
extern __thread struct g *self_g __attribute__((visibility("hidden")));

/*
 * Kernel threads of the program's that are no Gs: there before the activation, or made by a clone that
 * asks for less than a pthread. They wait in the kernel, and we do not see it. So once there can be
 * any, each wake goes both ways: to Gs, and to the kernel for as many as are still to be woken; and the
 * end of the last G is not that of the process. Counts what there may be: the threads, once and for
 * good, and each vfork child while it runs on our memory.
 */
extern _Atomic uint32_t sched_foreign;

struct sched_config {
	uint32_t procs;
	bool procs_follow; /* what the machine grants us, see sysmon.h */
	int32_t pid;
	size_t tls_below; /* bytes of static TLS below the thread pointer that g0 must be able to read */
};

/* Makes the calling kernel thread M0 and its pthread the first G, running. 0 or -errno. */
int sched_init(const struct sched_config *c);
bool sched_active(void);
uint32_t sched_procs(void);

/* For sched_enter() alone: sysmon took, or is about to take, the P of this M, or G was away. */
void sched_enter_retaken(struct g *g);
/* For sched_leave() alone: G is in a function without a P. */
void sched_leave_away(struct g *g);

static inline struct m *sched_enter(struct g *g)
{
	struct m *m = g->m;

	atomic_store_explicit(&m->in_sched, 1, memory_order_relaxed);
	arch_compiler_barrier(); /* B6: a real barrier is sysmon's to make */
	if (__builtin_expect(atomic_load_explicit(&m->retaken, memory_order_relaxed), RETAKE_NONE)) {
		sched_enter_retaken(g);
		m = g->m;
	}
	return m;
}

static inline void sched_leave(struct g *g)
{
	if (__builtin_expect(g->away != NULL, 0)) {
		sched_leave_away(g);
		return;
	}
	/* Release: sysmon gives the P to another M once it sees this. */
	atomic_store_explicit(&g->m->in_sched, 0, memory_order_release);
}

/* Put a G that clone made into the run queue of this P. */
void sched_start(struct g *g);
/* Give the P to others that are runnable; G goes behind those of its P. False if there are none. */
bool sched_yield_g(struct g *g);
/* G has been told to give way: to the end of the global queue, so that no P keeps more than its share of
 * those that compute; to its front, if that was for one that was woken (preempt.h). */
void sched_preempt_g(struct g *g);
/* G has just made others ready: let them run first if G has run for a granule (preempt.h) or more since it
 * last waited for something, as the kernel's wake-up preemption would. */
void sched_yield_woken(struct g *g);
/* Do Ps besides the caller's have an M? A guess. */
bool sched_others_run(void);
/* End G: never returns. Its clear_tid is cleared and woken after its stack is left. STATUS is the
 * process's, should this be its last G. */
_Noreturn void sched_exit(struct g *g, int status);

/*
 * Parking. In this order:
 *   seq = park_prepare(g, reason, on);  publish seq where wakers find it;  park(g) -> result
 * A waker calls park_claim(g, seq, result), anywhere; who gets true must call sched_ready(g).
 * park_cancel() is a claim by G itself: true when nobody else ended the park, which must then not
 * be entered; false when somebody did, and park() must be.
 */
uint64_t park_prepare(struct g *g, enum wait_reason why, uintptr_t on);
/* The same, for those that have a full barrier of their own before they look at signals (B5). */
uint64_t park_prepare_unordered(struct g *g, enum wait_reason why, uintptr_t on);
int32_t park(struct g *g);
bool park_claim(struct g *g, uint64_t seq, int32_t result);
bool park_cancel(struct g *g, uint64_t seq);
/* park() with a deadline, CLOCK_MONOTONIC ns: -ETIMEDOUT when it passed. */
int32_t park_until(struct g *g, uint64_t seq, int64_t deadline);
/* Make a claimed G runnable; anywhere (a thread that holds no P uses the global queue). */
void sched_ready(struct g *g);

/* Around a raw call that may block. enter: the P may be retaken; block: it is given away at once.
 * exit: the G may go on, perhaps after waiting for a P, perhaps on another M. */
void sched_enter_syscall(struct g *g);
void sched_block_syscall(struct g *g);
void sched_exit_syscall(struct g *g);

/*
 * Is G, about to wait for a descriptor, all that there is to run, and has it been so for some time? Then to wait in
 * the kernel costs less than to park, have its M sleep in the poller and come back. True: it is to make its call with
 * sched_block_syscall(), and then sched_alone_end(), with arch_cycles() of when it began. One G at a time, so
 * that no more than one M is held by it.
 */
bool sched_alone(struct g *g);
void sched_alone_end(struct g *g, uint64_t since);

/* In a forked child: G is alone on this kernel thread, whose tid (and the process's) is PID. */
void sched_forked(struct g *g, int32_t pid);

#endif
