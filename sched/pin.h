/* SPDX-License-Identifier: MIT */
/*
 * Pinned Gs: a kernel thread of one's own, as Go's LockOSThread.
 *
 * Credentials, namespaces, scheduling policy and the like belong to a kernel thread, and those who
 * change them by a bare system call mean the thread. Such a G gets an M that runs it and nothing
 * else; it parks, wakes and blocks as all others.
 *
 *   g->own_m == m      only M may begin to run G. A G that another has pinned may still be running
 *                      elsewhere, till it next leaves the CPU.
 *   m->locked_g == g   M runs G alone: never a queue's, and when G leaves the CPU, M gives its P
 *                      away and waits (pin_wait).
 *
 * Whoever takes a pinned G from a queue gives its P to the G's M and sleeps (pin_resume). A G lies
 * in one queue at a time and is taken once, so m->park of a locked M counts to one: no more than
 * one P can be under way to it.
 *
 * There is one more reason to have an M: a word that processes share names its owner by a tid, and
 * the kernel marks what the dead held, and lends priorities, by the tids that it gave out itself.
 * The M of such a G (shared_tid) is as all others, and the threads that G makes inherit nothing
 * (own_state is false). How its tid comes into the word: shim/owner.c.
 *
 * What the M has become dies with the G: the kernel thread exits. Since others may have got their
 * new Ms from it by clone, which hands all this on, from the first pin on it is a template thread,
 * of the state that the process had then, that makes them.
 */
#ifndef GOTHREADS_PIN_H
#define GOTHREADS_PIN_H

#include "sched/types.h"

/* Give the current G, entered in the scheduler, the M that it then runs on. 0, also when it has one
 * already, or -EAGAIN, -ENOMEM. The M of the process's first thread goes to the main G alone, so
 * that others may find themselves on another M afterwards. */
int pin_self(struct g *g);

/* The kernel's tid of an M that G, the current one, keeps for good: by it the kernel knows G as the owner of
 * what processes share. From then on the kernel has G's robust list too, and gtab_find() finds G by that
 * tid. It, -EAGAIN or -ENOMEM. The first thread of the process is none of those that end with their G, so
 * that what it owns to the kernel is not handed on by then: only ON_FIRST is it the main G's. */
int32_t pin_shared_tid(struct g *g, bool on_first);

/* G ends, its robust list is done with: the kernel is not to look for it. */
void pin_shared_ends(struct g *g);

/* Is there but one G and one M, as in a forked child before it makes threads? What that M becomes, those
 * to come inherit. */
bool pin_alone(void);

/* Undo pin_self(), if the M's state is still what all Ms have. */
void pin_undo(struct g *g);

/* Give G, anybody's, an M of its own: it moves there when it next leaves the CPU; its kernel tid is
 * there at once. 0, also when it has one, -ESRCH when it is gone, -EAGAIN, -ENOMEM. */
int pin_other(struct g *g);

/* G, which SELF asks about, gets an M of its own for its CPU clock's sake. In all else it is like others' M. Returns
 * as pin_self() or pin_other(). */
int pin_for_clock(struct g *self, struct g *g);

/* CHILD, which SELF has made and not started, inherits the state of SELF's M: it gets an M that is
 * cloned from it. Pre: SELF, the current G, has an M of its own. 0 or -errno. */
int pin_child(struct g *self, struct g *child);

/* The kernel's tid that stands for G: its M's, or, when it has none of its own, that of a thread in
 * the state of all others; 0 when that is the caller's M. */
int32_t pin_kernel_tid(struct g *self, const struct g *g);

/* The G whose own the kernel's thread TID is, NULL if it is none's. */
struct g *pin_find(int32_t tid);

/* Is the kernel's thread TID an M's that no G has as its own (any more), be it about to end, or just gone? */
bool pin_ending(int32_t tid);

/* For proc.c. */
void pin_wait(struct m *m);
void pin_resume(struct m *m, struct g *g);
/* G is dead and its stack left: M, or another one, loses its purpose. */
void pin_ended(struct g *g);
/* The end of an M that has lost it. */
_Noreturn void pin_end_m(struct m *m);
/* Is there a template thread? Then it makes the new Ms. */
bool pin_has_template(void);
long pin_template_clone(struct m *m, void (*fn)(void *));
/* It is to end; nobody asks it meanwhile (retire.c). */
void pin_template_stop(void);
/* In a forked child whatever the kernel thread is, the process is. */
void pin_forked(struct g *g, struct m *m);

#endif
