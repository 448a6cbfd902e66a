/* SPDX-License-Identifier: MIT */
/*
 * GODEBUG=schedtrace=MS[,scheddetail=1]: a line about the scheduler every MS milliseconds, in the
 * format of Go 1.19 (schedtrace() in its runtime/proc.go), and with scheddetail a line more for each
 * P, M and G. What a field means, where it is not Go's meaning:
 *
 *	G's number        its tid, as gettid() says
 *	runqsize, [n n]   the place of the next to run is counted too
 *	locks             1 while the M is in the library, else 0
 *	blocked           the M is asleep for lack of a P
 *	preempts          not in Go: signals sent so far to make a G give way
 *	status=3(read)    a call is named where Go says nothing
 *	the rest          always 0, empty or -1: we have no such thing
 *
 * Nothing is locked: the numbers are read while they change, and a P or G may be between two states.
 *
 * Rules of this file: raw system calls only; the watcher calls it.
 */
#ifndef GOTHREADS_TRACE_H
#define GOTHREADS_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/base/out.h"

/* PERIOD in ns, 0: off. */
void trace_init(int64_t period, bool detail);
/* When the next one is due, CLOCK_MONOTONIC ns; INT64_MAX when off. */
int64_t trace_due(void);
/* Prints one to stderr if it is due at NOW. */
void trace_tick(int64_t now);
/* In a forked child: time begins anew. */
void trace_forked(void);

/* One report, SINCE ns after the first. */
void trace_report(struct out *o, int64_t since, bool detail);

#endif
