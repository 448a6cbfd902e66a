/* SPDX-License-Identifier: MIT */
/*
 * prog.h - what a test program needs: a check that names its line, threads that must start, clocks
 *
 * A test program shows one behaviour of threads through its output and its exit status, the same in
 * every run: first natively, which proves the program, then with the library preloaded.  Its head
 * comment says, for the runner and for the reports:
 *
 *	uses:	the system calls that it exercises, by name
 *	limit:	seconds after which it counts as hung, if not the runner's default
 *	status:	how it ends, if not with 0: a number or the name of a signal
 *	gothreads:, godebug:	what those variables say when it is preloaded; several lines are
 *		put together with commas
 *
 * It exits with 77 where the machine lacks what it needs.  Nothing here waits for a guess of time:
 * programs wait for facts, and only lower bounds of clocks are checked tightly.
 */
#ifndef TESTS_PROG_H
#define TESTS_PROG_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* The condition must hold, else the program says where it does not, and exits with 1. */
#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond))                                                                       \
			prog_fail(__FILE__, __LINE__, #cond, errno);                               \
	} while (0)

/* The call must return the error number `want`, as the pthread functions do. */
#define CHECK_RET(call, want)                                                                      \
	do {                                                                                       \
		int ret_ = (call);                                                                 \
		if (ret_ != (want))                                                                \
			prog_fail(__FILE__, __LINE__, #call, ret_);                                \
	} while (0)

#define CHECK0(call) CHECK_RET(call, 0)

/* The call must return -1 and set errno to `want`, as the system calls do. */
#define CHECK_ERRNO(call, want)                                                                    \
	do {                                                                                       \
		errno = 0;                                                                         \
		if ((call) != -1 || errno != (want))                                               \
			prog_fail(__FILE__, __LINE__, #call, errno);                               \
	} while (0)

static inline void prog_fail(const char *file, int line, const char *what, int err)
{
	const char *base = strrchr(file, '/');

	fflush(stdout);
	fprintf(stderr, "%s:%d: failed: %s (%s)\n", base ? base + 1 : file, line, what,
		strerror(err));
	_exit(1);
}

/* The machine cannot run this program: not a failure. */
static inline void prog_skip(const char *why)
{
	printf("skipped: %s\n", why);
	exit(77);
}

static inline pthread_t thread_start(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	CHECK0(pthread_create(&t, NULL, fn, arg));
	return t;
}

static inline void *thread_join(pthread_t t)
{
	void *ret;

	CHECK0(pthread_join(t, &ret));
	return ret;
}

static inline int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	CHECK(clock_gettime(clock, &ts) == 0);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static inline int64_t now_ms(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

/* The time `ms` milliseconds from now on `clock`; a negative `ms` is in the past. */
static inline struct timespec clock_after(clockid_t clock, int64_t ms)
{
	int64_t ns = clock_ns(clock) + ms * 1000000LL;

	return (struct timespec){ ns / 1000000000LL, ns % 1000000000LL };
}

static inline void sleep_ms(int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts) != 0)
		CHECK(errno == EINTR);
}

/* Natively true. With goroutines kernel threads stay once they are there, so that how many were needed
 * shows also afterwards: at most `few`? Another process counts them, for what this one reads of itself
 * is about goroutines. */
static inline bool few_kernel_threads(int few)
{
	const char *preload = getenv("LD_PRELOAD");
	char command[64], line[128];
	int n = 0;
	FILE *cat;

	if (!preload || !strstr(preload, "gothreads"))
		return true;
	snprintf(command, sizeof(command), "exec cat /proc/%d/status", (int)getpid());
	CHECK((cat = popen(command, "re")) != NULL);
	while (fgets(line, sizeof(line), cat))
		sscanf(line, "Threads: %d", &n);
	CHECK(pclose(cat) == 0 && n > 0);
	if (n > few)
		fprintf(stderr, "%d kernel threads, more than %d\n", n, few);
	return n <= few;
}

/* Work that takes no system call; the result depends on every round. */
static inline uint64_t compute(uint64_t seed, uint64_t rounds)
{
	uint64_t x = seed | 1;

	for (uint64_t i = 0; i < rounds; i++)
		x = (x ^ x >> 29) * 0x9e3779b97f4a7c15ULL + i;
	return x;
}

#endif
