/* SPDX-License-Identifier: MIT */
/*
 * harness - the scheduler running inside a unit test, nothing patched
 *
 * harness_start() makes the calling thread, Criterion's process of one test, the first G. More Gs
 * come from harness_spawn(). All of them make system calls by harness_call(), which enters the seam
 * the way that a patched `syscall` instruction does; all other calls go to the kernel behind the
 * scheduler's back.
 *
 * Rules for what runs on a spawned G: no libc, for the G has a zeroed TLS block that no libc has
 * set up; no cr_assert(), which allocates. It notes what it finds in atomics, or dies by
 * harness_die(), and the first G, whose libc is whole, looks at them at the end.
 */
#ifndef GOTHREADS_TEST_HARNESS_H
#define GOTHREADS_TEST_HARNESS_H

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "sched/base/raw.h"
#include "sched/sched.h"

/* cr_assert() reports each success, too, which is too slow for long loops. First G only. */
#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x))                                                                          \
			cr_assert_fail("%s:%d: %s", __FILE__, __LINE__, #x);                       \
	} while (0)

/* On any G, and on no G: prints and aborts the test. */
#define G_CHECK(x)                                                                                 \
	do {                                                                                       \
		if (!(x))                                                                          \
			harness_die(__FILE__, __LINE__, #x);                                       \
	} while (0)

_Noreturn void harness_die(const char *file, int line, const char *what);

/* PROCS Ps. Once in a process. Skips the test where ASan is compiled in. */
void harness_start(uint32_t procs);

/* A G and what it runs. Zero it; live until the G has been joined. */
struct harness_g {
	void (*fn)(void *arg);
	void *arg;
	_Atomic uint32_t live; /* CLONE_CHILD_CLEARTID's word: the tid, 0 when it has ended */
	int32_t tid;           /* stays */
	void *stack;           /* the harness's, kept with the struct for the next spawn */
	struct g *g;
};

/* H->fn(H->arg) on a G of its own, from any G. Its stack is kept in H, so that H can be used again
 * after harness_join(). */
void harness_spawn(struct harness_g *h);
void harness_join(struct harness_g *h);

/* The system call NR as the program makes it: -errno or the result. */
long harness_call(long nr, long a, long b, long c, long d, long e, long f);
#define CALL0(nr) harness_call(nr, 0, 0, 0, 0, 0, 0)
#define CALL1(nr, a) harness_call(nr, (long)(a), 0, 0, 0, 0, 0)
#define CALL2(nr, a, b) harness_call(nr, (long)(a), (long)(b), 0, 0, 0, 0)
#define CALL3(nr, a, b, c) harness_call(nr, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define CALL4(nr, a, b, c, d) harness_call(nr, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define CALL6(nr, a, b, c, d, e, f)                                                                \
	harness_call(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static inline void g_yield(void)
{
	CALL0(SYS_sched_yield);
}

static inline void g_sleep(int64_t ns)
{
	struct timespec ts = { ns / 1000000000, ns % 1000000000 };

	CALL2(SYS_nanosleep, &ts, NULL);
}

static inline long g_wait(_Atomic uint32_t *w, uint32_t val, const struct timespec *timeout)
{
	return CALL4(SYS_futex, w, FUTEX_WAIT_PRIVATE, val, timeout);
}

static inline long g_wake(_Atomic uint32_t *w, uint32_t n)
{
	return CALL3(SYS_futex, w, FUTEX_WAKE_PRIVATE, n);
}

/* Yields until H's G is parked, or has ended. It may be parked and not have left its stack yet:
 * that is what wakers have to bear. */
void harness_until_parked(struct harness_g *h);

/* xorshift64*: good enough, and the same numbers in every run. *STATE is not 0. */
static inline uint32_t harness_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (uint32_t)(*state * 0x2545f4914f6cdd1dull >> 32);
}

#endif
