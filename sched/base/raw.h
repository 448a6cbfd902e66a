/* SPDX-License-Identifier: MIT */
/*
 * Raw system calls.
 *
 * sched/ and interpose/ never call libc: libc's own `syscall` instructions are patched to come to
 * us, and a libc wrapper would write errno of whichever G is current. Every function here is one
 * instruction; results are the kernel's: a value, or -errno in [-4095, -1].
 *
 * Rules of this file: no allocation, no parking; anything here may run in a signal handler.
 */
#ifndef GOTHREADS_RAW_H
#define GOTHREADS_RAW_H

#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

static inline long raw6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

#define RAW_ARG(x) ((long)(x))
#define raw0(nr) raw6(nr, 0, 0, 0, 0, 0, 0)
#define raw1(nr, a) raw6(nr, RAW_ARG(a), 0, 0, 0, 0, 0)
#define raw2(nr, a, b) raw6(nr, RAW_ARG(a), RAW_ARG(b), 0, 0, 0, 0)
#define raw3(nr, a, b, c) raw6(nr, RAW_ARG(a), RAW_ARG(b), RAW_ARG(c), 0, 0, 0)
#define raw4(nr, a, b, c, d) raw6(nr, RAW_ARG(a), RAW_ARG(b), RAW_ARG(c), RAW_ARG(d), 0, 0)

/* Is RET a kernel error? */
static inline int raw_failed(long ret)
{
	return (unsigned long)ret >= (unsigned long)-4095;
}

/* Nanoseconds; CLOCK_MONOTONIC is the scheduler's own clock. Set once by sched_init() to the
 * vDSO's clock_gettime where there is one (25 ns against 150). */
extern int (*raw_vdso_clock_gettime)(clockid_t, struct timespec *);

static inline int64_t raw_clock_ns(clockid_t clock)
{
	struct timespec ts;

	if (raw_vdso_clock_gettime)
		raw_vdso_clock_gettime(clock, &ts);
	else
		raw2(SYS_clock_gettime, clock, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static inline int64_t raw_now(void)
{
	return raw_clock_ns(CLOCK_MONOTONIC);
}

static inline void raw_pause(void)
{
	__builtin_ia32_pause();
}

#endif
