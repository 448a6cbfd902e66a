/* SPDX-License-Identifier: MIT */
/*
 * Reports of any length, without malloc, stdio or locks.
 *
 * Text gathers in a buffer that goes out in writes of at most PIPE_BUF bytes, each after asking
 * whether the descriptor takes it: who prints must not be stopped by a reader that is slow, or that
 * is a thread of this very process. When PATIENCE is over, the rest of the report is dropped.
 *
 * Rules of this file: anywhere, a signal handler included. No SIGPIPE comes of it.
 */
#ifndef GOTHREADS_OUT_H
#define GOTHREADS_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/base/fatal.h"

enum { OUT_SIZE = 4096, OUT_PIECE = 512 };

struct out {
	struct print p;
	int fd;
	int64_t deadline; /* CLOCK_MONOTONIC ns */
	bool dropped;
	char buf[OUT_SIZE];
};

/* PATIENCE in ms: that all writes together may wait for; 0: none may. */
void out_init(struct out *o, int fd, int patience);
/* Room for a piece of at most OUT_PIECE bytes, which the caller then adds to o->p. */
struct print *out_room(struct out *o);
/* out_room() and print_add(). */
void out_add(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void out_flush(struct out *o);

#endif
