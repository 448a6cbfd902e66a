/* SPDX-License-Identifier: MIT */
/*
 * The CPU time of a G.
 *
 * The kernel counts that of its threads. From the first question on, every switch reads the clock of
 * its M and gives what has passed since the last one to the G that leaves; before, nobody pays, and
 * what Gs have used by then is not known: they begin at 0, and main at what its kernel thread has.
 *
 * m->cpu_mark is the M's clock at the last switch; while the switch is under way it is CPUTIME_BUSY,
 * so that who reads the clock of a G on another M sees its sum, its mark and who runs there
 * together, or tries again.
 *
 * A G that has an M of its own has all of that M's time, its scheduling included: a timer of the kernel's
 * on the M's clock goes by the G's, then, and does not run ahead of it.
 *
 * Rules of this file: raw system calls only.
 */
#ifndef GOTHREADS_CPUTIME_H
#define GOTHREADS_CPUTIME_H

#include <time.h>

#include "sched/types.h"

enum { CPUTIME_UNKNOWN = 0, CPUTIME_BUSY = -1 };

extern _Atomic bool cputime_counted; /* [any] never falls but in a forked child */

/* Count from now on. */
void cputime_begin(void);

/* CPU time of G in ns, since cputime_begin(). It never falls. */
int64_t cputime_of(const struct g *g);

/* The kernel's clock of its thread TID, as clock_gettime(2) names it. */
clockid_t cputime_kernel_clock(int32_t tid);
/* The CPU time, ns, of the kernel thread TID; 0 if the kernel does not say. Anywhere. */
int64_t cputime_of_thread(int32_t tid);

/* Around a change of m->curg from FROM, a G or g0, on the calling M. */
void cputime_leave(struct m *m, struct g *from);
void cputime_enter(struct m *m);

/* In a forked child all clocks begin anew. */
void cputime_forked(struct g *g, struct m *m);

#endif
