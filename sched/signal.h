/* SPDX-License-Identifier: MIT */
/*
 * Signals per G.
 *
 * The kernel-level mask of every M is empty (but for what a signalfd is to see, sig_mirror) and one handler of
 * ours stands behind every handler of the program, and behind every signal that some G blocks while its action
 * is the default (so that it is we who keep it pending). Masks, pending sets and alternate stacks are a G's and
 * cost no system call.
 *
 * A signal that finds the program's code running on a G that may take it is injected right there
 * (arch_inject). One that finds this library running is only noted, in the M's ring; the way out of
 * the seam looks at the note (sched_attend). It never runs a handler on g0 or inside the scheduler.
 * Signal 32, which no program can use, is the kick that makes an M look.
 */
#ifndef GOTHREADS_SIGNAL_H
#define GOTHREADS_SIGNAL_H

#include "sched/sched.h"

/* Both glibc's own, so that no program uses them, and it sends them to threads only (33 for set*id),
 * never through the kernel. */
enum { SIG_KICK = 32, SIG_SETXID = 33, SIG_CARRIER = 33 };

/* A real-time signal needs a place in the kernel's queue, of which a user has so many (RLIMIT_SIGPENDING)
 * and other processes of his may take them all. An ordinary one always arrives: this one has always a
 * handler of ours and is never blocked. m->kick_substitute says what it means. */
enum { SIG_SUBSTITUTE = SIGBUS };

/* The kernel's struct sigaction. */
struct sig_action {
	void (*handler)(void);
	unsigned long flags;
	void *restorer;
	uint64_t mask;
};

/* Take over the process's dispositions; G is the only G. */
void sig_init(struct g *g, int32_t pid);
/* Give the calling kernel thread, M, its handlers' stack and mask. */
void sig_start_m(struct m *m);
/* Around fork, in the parent and in the child: no signal is noted meanwhile. */
void sig_before_fork(void);
void sig_after_fork(struct g *g);
/* In the child, in between: nothing is pending. */
void sig_forked(struct g *g, int32_t pid);

/* The signals that the program ignores, and those it has handlers for. */
void sig_dispositions(uint64_t *ignored, uint64_t *caught);
/* rt_sigaction(2); also for threads that are no G. */
long sig_set_action(int sig, const struct sig_action *act, struct sig_action *old);
/* Set G's mask; what was blocked and is pending is delivered on the way out. */
void sig_set_mask(struct g *g, uint64_t mask);
/* sigaltstack(2), by G on the stack at SP; SET and OLD may be NULL. */
long sig_altstack(struct g *g, const stack_t *set, stack_t *old, uintptr_t sp);
/* What is pending for G and for the process, the kernel's queue included. */
uint64_t sig_pending(const struct g *g);
/* Queue a signal for G, whatever it is doing. 0, also when G has just ended, or -EAGAIN. */
long sig_send(struct g *g, const siginfo_t *info);

/* A signalfd for SET was made: what of it all Gs block is to be found in the kernel's queue. */
void sig_mirror(struct g *g, uint64_t set);
/* What is pending for G alone, is blocked by it, and may be asked for by a signalfd. */
uint64_t sig_shown(const struct g *g);
/* Take the first of them that is in SET. False: there is none. */
bool sig_take_shown(struct g *g, uint64_t set, siginfo_t *info);
/* G, the current one, is about to ask the kernel, on its M, whether descriptors are ready: what a signalfd is to
 * show to G is put where it does. To be given back on the same M. */
uint64_t sig_lend(struct g *g);
void sig_unlend(struct m *m, uint64_t lent);
/* A signal for the process, sent by the G on M: 0, -EAGAIN, or 1 if it is not ours to queue, and the kernel
 * must be asked. */
long sig_send_process(struct m *m, const siginfo_t *info);
/* G is about to end: what it was to take, others do. */
void sig_exit(struct g *g);

/* May a signal be delivered to G now? */
bool sig_deliverable(const struct g *g);
/* Run the handlers of all that may be. *RESTART becomes false if one was set without SA_RESTART.
 * Returns how many ran. */
unsigned sig_deliver(struct g *g, bool *restart);
/* Take what the handler has noted on this M. */
void sig_drain(struct m *m);
/* sigtimedwait(2): the signal number, -EAGAIN or -EINTR. */
long sig_wait(struct g *g, uint64_t set, siginfo_t *info, int64_t deadline);

/* The seam's way out: something is to be looked at. Returns 0 to go straight on. S may be NULL. */
int sched_attend(struct seam *s);

/* Are we a child on the memory of G (types.h, CHILD_*) rather than G itself? Anywhere. */
bool sig_in_child(const struct g *g);
/* Are we in the process that the scheduler runs? Anywhere. */
bool sig_own_process(void);
/* In such a child, made between sig_before_fork() and sig_after_fork(): the mask and dispositions that G
 * has (these only if they are its OWN). */
void sig_child_started(const struct g *g, bool own);
/* Around what a thread that is no G does in the library: its signals run the program's handlers wherever
 * they find it, so none may find it with a lock. Faults excepted. The mask before, for reopen. */
uint64_t sig_foreign_close(void);
void sig_foreign_reopen(uint64_t mask);
/* rt_sigaction(2) in a process that is not ours. */
long sig_child_action(int sig, const struct sig_action *act, struct sig_action *old);

/* Before execve: the kernel's dispositions are the program's. */
void sig_before_exec(struct g *g);
void sig_after_failed_exec(struct g *g);

/* For M, the caller, which runs no Gs: signals are for others, but what every M must do (each_m.c) they must do
 * too. */
void sig_kicks_only(struct m *m);

/* Is the kernel's thread TID an M? Anywhere. */
bool sig_is_m(int32_t tid);

/* Make M look at its notes, or give up its P if PREEMPT. 0, or -ESRCH: its kernel thread has ended. */
long sig_kick(struct m *m, bool preempt);

#endif
