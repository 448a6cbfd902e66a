/* SPDX-License-Identifier: MIT */
/* One call on every kernel thread that runs Gs. */
#ifndef GOTHREADS_EACH_M_H
#define GOTHREADS_EACH_M_H

#include "sched/types.h"

/*
 * Runs FN(ARG) once on every M but SELF: on the caller's, if that is an M (else NULL), it is for the
 * caller to run. FN is called by a signal handler: raw system calls only, no lock. Returns when all
 * have run it; an M that is made meanwhile inherits from one that has. Anywhere.
 */
void each_m_call(struct m *self, void (*fn)(void *), void *arg);

/* For the handler of SIG_KICK: run what M has been asked to. */
void each_m_attend(struct m *m);

/* Around the making of an M, whose kernel thread inherits the maker's state. */
void each_m_lock(void);
void each_m_unlock(void);

/* In a forked child, on M: what it had been asked to do, its parent's thread does. */
void each_m_forked(struct m *m);

#endif
