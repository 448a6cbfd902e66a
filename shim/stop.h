/* SPDX-License-Identifier: MIT */
/*
 * Kernel threads that are there before the activation: an allocator's, or made by clone itself.
 *
 * While text is replaced, each must stand where it does no harm: in a signal handler of ours. One
 * that was interrupted inside a window that has become a jump, or that is about to restart its system
 * call there, goes on at the same instruction in the trampoline.
 *
 * Rules of this file: for the activation alone, by one thread. Raw system calls; no malloc, which a
 * thread that stands still may be in the middle of. So it is before stop_others() that everything has
 * to be found out.
 */
#ifndef GOTHREADS_STOP_H
#define GOTHREADS_STOP_H

#include <stdbool.h>

#include "interpose/sites.h"

enum { STOP_MAX = 64 };

/* Stop all kernel threads of this process but the caller. False when one of them does not: it blocks
 * the signal, or there are more than STOP_MAX; all of them then go on. */
bool stop_others(void);

/* The N sites of O are patched: move those threads that stand in one. */
void stop_moved(const struct object *o, const struct site *sites, size_t n);

/* Did one of them run with the TLS of the caller? clone without CLONE_SETTLS makes such. */
extern bool stop_one_has_our_tls;

/* They may go on. ALL: all had been stopped. */
void stop_end(bool all);

#endif
