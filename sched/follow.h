/* SPDX-License-Identifier: MIT */
/*
 * How many Ps the machine grants us as time goes by, when nobody has said how many there are to be.
 *
 * Two things can change: the CPUs on which our kernel threads may run, and the CPU quotas of our cgroups. To open
 * the files of the quotas at each look would take descriptors when the program may be about to get the lowest
 * that is free; so those that are there at the first thread stay open, under high numbers as the netpoller's
 * are, and are read again. A process that is moved to another cgroup later keeps to the quotas of the first.
 *
 * Rules of this file: raw system calls; not for signal handlers.
 */
#ifndef GOTHREADS_FOLLOW_H
#define GOTHREADS_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

/* Once, before there are other threads; ROOT as for procs_quota(). Returns how many there are now. */
uint32_t follow_begin(const char *root);
/* How many there are now, for a kernel thread with the mask of the calling one. */
uint32_t follow_now(void);

/* Is FD one of ours? Give it up, for the program wants its number. Anywhere. */
bool follow_owns(int fd);
void follow_release(int fd);

/* In a forked child. */
void follow_forked(void);

#endif
