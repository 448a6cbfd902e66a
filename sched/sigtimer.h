/* SPDX-License-Identifier: MIT */
/*
 * Timers that signal one thread (SIGEV_THREAD_ID).
 *
 * The kernel cannot aim at a G. So the timer that it is asked for sends SIG_CARRIER to the process,
 * with a cookie of ours as its value, and the handler behind that signal hands the program's own
 * signal and value to the G.
 *
 * Rules of this file: raw system calls; sigtimer_route() may run in a signal handler that found the
 * program's code.
 */
#ifndef GOTHREADS_SIGTIMER_H
#define GOTHREADS_SIGTIMER_H

#include "sched/types.h"

/* The cookie of a new timer that is to send SIG with VALUE to the G with TID; NULL when there are
 * too many. It has no timer yet. */
void *sigtimer_new(int32_t tid, int sig, union sigval value);
/* The kernel calls it ID. */
void sigtimer_name(void *cookie, int32_t id);
/* It was not made after all. */
void sigtimer_drop(void *cookie);
/* Timer ID is deleted; if it is none of ours, nothing happens. */
void sigtimer_deleted(int32_t id);
/* What CARRIER, which the kernel sent, means: the signal INFO for the G with the tid returned, 0 when the
 * timer is gone. */
int32_t sigtimer_route(const siginfo_t *carrier, siginfo_t *info);
/* Timers are not inherited. */
void sigtimer_forked(void);

#endif
