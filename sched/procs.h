/* SPDX-License-Identifier: MIT */
/*
 * How many Ps: GOMAXPROCS when the user says nothing, and what the user may say.
 *
 * The default is what the kernel would let run at once: the CPUs of our affinity mask, or fewer
 * when a cgroup on the way from ours to the root of its mount has a CPU quota. With more Ps than
 * quota every period would end in a throttled stretch in which no G runs at all. See the kernel's
 * Documentation/admin-guide/cgroup-v2.rst ("cpu.max") and scheduler/sched-bwc.rst (v1).
 *
 * Rules of this file: raw system calls and buffers on the stack (some 30 kB of it); no lock. For
 * start-up, not for signal handlers.
 */
#ifndef GOTHREADS_PROCS_H
#define GOTHREADS_PROCS_H

#include <stdbool.h>
#include <stdint.h>

enum { PROCS_MAX = 1024 };

#define PROCS_UNLIMITED UINT32_MAX

/* In [1, PROCS_MAX]. What cannot be read does not limit. */
uint32_t procs_default(void);

/* The least CPU quota of our cgroups and their ancestors, in CPUs, rounded up, at least 1;
 * PROCS_UNLIMITED when there is none. All paths, mount points included, are taken below the
 * directory ROOT: "" for the real ones. */
uint32_t procs_quota(const char *root);

/* GOMAXPROCS's text: decimal digits alone, a positive number; beyond PROCS_MAX it is PROCS_MAX.
 * On false *N is as it was. */
bool procs_parse(const char *s, uint32_t *n);

#endif
