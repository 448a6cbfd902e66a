/* SPDX-License-Identifier: MIT */
/*
 * How many Ps: GOMAXPROCS when the user says nothing, and what the user may say. Changes later: follow.h.
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

/* CPUs that the mask of the calling kernel thread has; the number of Ps for these limits. */
uint32_t procs_affinity(void);
static inline uint32_t procs_least(uint32_t cpus, uint32_t quota)
{
	uint32_t n = quota < cpus ? quota : cpus;

	return n > PROCS_MAX ? PROCS_MAX : n ? n : 1;
}

/* The least CPU quota of our cgroups and their ancestors, in CPUs, rounded up, at least 1;
 * PROCS_UNLIMITED when there is none. All paths, mount points included, are taken below the
 * directory ROOT: "" for the real ones. */
uint32_t procs_quota(const char *root);

/* EACH is called for the directory of each of our cgroups that may have a CPU quota, and of its ancestors. */
typedef void procs_dir(const char *dir, bool v2, void *arg);
void procs_dirs(const char *root, procs_dir *each, void *arg);
/* The names of a quota's files there, by V2: QUOTA and PERIOD, or "QUOTA PERIOD" in one; and what they say, in CPUs
 * as above. v2 says "max" and v1 -1 for no quota. */
extern const char *const procs_quota_files[2][2];
uint32_t procs_quota_parse(const char *text, const char *period);

/* GOMAXPROCS's text: decimal digits alone, a positive number; beyond PROCS_MAX it is PROCS_MAX.
 * On false *N is as it was. */
bool procs_parse(const char *s, uint32_t *n);

#endif
