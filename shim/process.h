/* SPDX-License-Identifier: MIT */
/*
 * What the process looks like when it makes its first thread: read from /proc, once.
 *
 * Rules of this file: raw system calls and buffers on the stack. No malloc, for an allocator may be
 * what makes the first thread; no stdio.
 */
#ifndef GOTHREADS_PROCESS_H
#define GOTHREADS_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/* Calls FN for each kernel thread of the process that runs its code, which those of io_uring do not;
 * false when they cannot be listed. */
bool process_tasks(void (*fn)(int32_t tid));

/* Are there kernel threads besides the caller? True when that cannot be known. */
bool process_has_others(void);

/* Calls FN for each mapping; SHARED: other processes may see its memory. */
void process_maps(void (*fn)(uintptr_t lo, uintptr_t hi, bool shared));

/* What the signalfds that are open ask for, all together: bit N - 1 is signal N. */
uint64_t process_signalfds(void);

/* Why this process must stay with plain threads, in one phrase; NULL when nothing is in the way. */
const char *process_unfit(void);

#endif
