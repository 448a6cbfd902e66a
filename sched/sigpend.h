/* SPDX-License-Identifier: MIT */
/*
 * Queues of pending signals: a G's, and the process's.
 *
 * As the kernel's: an ordinary signal is pending once, whatever is sent; a real-time one as often as
 * it was sent, first come first taken; a timer's signal once a timer, with a count of what was
 * missed.
 *
 * Rules of this file: one lock of the caller's over all queues (they share their free entries),
 * except for reading p->set. No malloc. May run in a signal handler.
 */
#ifndef GOTHREADS_SIGPEND_H
#define GOTHREADS_SIGPEND_H

#include "sched/types.h"

/* Queue INFO. False when there is no memory. */
bool sigpend_put(struct sigpend *p, const siginfo_t *info);

/* May the program queue INFO? RLIMIT_SIGPENDING bounds its real-time signals, but for those of kill(2). */
bool sigpend_room(const siginfo_t *info);

/* Take the first of SET: the lowest number, but 32, glibc's cancellation, before all others. False
 * when none of SET is pending. */
bool sigpend_take(struct sigpend *p, uint64_t set, siginfo_t *info);

/* Drop all of SET. */
void sigpend_flush(struct sigpend *p, uint64_t set);

/* In a forked child, where nothing is pending: P is empty, whatever state it was in. */
void sigpend_forked(struct sigpend *p);

#endif
