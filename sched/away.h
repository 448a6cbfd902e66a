/* SPDX-License-Identifier: MIT */
/*
 * Gs that are away: in a function of the program's that was named as blocking (shim/blocking.h).
 *
 * Such a function may sleep in a system call that nobody intercepts, spin until a device answers, or
 * compute for long: for its length G has no P, as in a call that blocks. But it is the program's code,
 * which makes system calls of its own, takes locks, calls back, unwinds and jumps. So it is no call of
 * the scheduler's, but a state in which the program's code runs: that of an M whose P the watcher has
 * taken (RETAKE_DONE), entered by the M itself (RETAKE_AWAY). The P stays at hand in P_SYSCALL, for a
 * short call to find it again. Whoever enters the scheduler, by whatever way, gets a P first
 * (sched_enter), and is a G like others until it leaves; sched_leave() gives the P away again as long as
 * g->away is set.
 *
 * g->away is the record of the outermost such function's frame; those called within pass straight
 * through. It is cleared when the function returns, and when it is unwound (the personality of
 * arch_call_away). A longjmp past it tells nobody: but then the stack has been cut off above the
 * record, or other frames have written over it, which the next sched_leave() sees. Until then G runs
 * without a P, which harms no one: it is one more thread that the kernel runs. On a stack that is not the
 * G's own (swapcontext, sigaltstack) nothing is concluded.
 *
 * The watcher's handshake (B6): the M writes RETAKE_AWAY in the scheduler, by a CAS from RETAKE_NONE.
 * While it is RETAKE_ASKED the watcher is about to see in_sched, and to put NONE there again; and it asks
 * nobody who is not at NONE.
 */
#ifndef GOTHREADS_AWAY_H
#define GOTHREADS_AWAY_H

#include <stdbool.h>
#include <stdint.h>

struct g;

/* In the frame of the caller of the function. [own] */
struct away {
	struct g *g;
	uint64_t seq;
};

/* G is about to call such a function: it gives its P away. False: it already has, or it is a child on
 * the memory of G; nothing is to be ended then. Out of the scheduler. */
bool away_begin(struct g *g, struct away *a);
/* It has returned. */
void away_end(struct away *a);

#endif
