/* SPDX-License-Identifier: MIT */
/* Is a call going to wait? */
#ifndef GOTHREADS_WAIT_H
#define GOTHREADS_WAIT_H

#include "interpose/table.h"
#include "sched/sched.h"

/* Will the call in S, whose row is ROW (NULL: none), wait if it is made now? A guess from what the
 * kernel says this moment: a wrong one costs time, never a result. Makes raw calls that do not
 * wait. */
bool wait_expected(const struct seam *s, const struct row *row);

#endif
