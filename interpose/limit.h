/* SPDX-License-Identifier: MIT */
/*
 * The time limit of a call that is made again.
 *
 * A kick ends a wait in the kernel although no handler of the program has run; the call is then made
 * again, and must wait only for what is left. Calls with a relative limit (poll, select, epoll_wait,
 * semtimedop, futex …) are made with a limit of ours, counted down from the first try.
 */
#ifndef GOTHREADS_LIMIT_H
#define GOTHREADS_LIMIT_H

#include <time.h>

#include "interpose/seam.h"
#include "interpose/table.h"

enum limit_kind { LIMIT_MS, LIMIT_TS, LIMIT_TS_LEFT, LIMIT_TV_LEFT };

struct limit {
	int64_t deadline;      /* CLOCK_MONOTONIC ns; 0: none that we must count */
	unsigned char arg;     /* which argument says it */
	unsigned char kind;    /* enum limit_kind */
	struct timespec left;  /* a timeval has its shape */
	void *user;	       /* where the program's own is */
};

/* Before the first try of S, a copy whose arguments may be changed. */
void limit_begin(struct limit *l, struct seam *s);
/* Before another one. */
void limit_again(struct limit *l, struct seam *s);
/* After the last: the program's own limit becomes what is left, with calls that do that. */
void limit_end(struct limit *l);

/* Begun for S as the program made it, one of poll, select and epoll_wait, when does it end? INT64_MAX:
 * never; 0: at once, or there is something wrong with its limit. */
int64_t limit_deadline(const struct limit *l, const struct seam *s);

/* The limit, ns, that is set for such calls as S, whose row is ROW, on its socket; 0: none. */
int64_t limit_of_socket(const struct seam *s, const struct row *row);

#endif
