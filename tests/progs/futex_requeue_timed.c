/* SPDX-License-Identifier: MIT */
/*
 * futex_requeue_timed - waits whose time runs out while others move them from word to word
 *
 * uses: futex
 */
#include "prog.h"

#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/syscall.h>

enum { WAITERS = 32, MOVERS = 2, ROUNDS = 600 };

static uint32_t here, there;
static atomic_int waiting = WAITERS;

/* What a stale pointer into the waiter's frame would find. */
static __attribute__((noinline)) void overwrite(void)
{
	volatile char frame[1024];

	for (size_t i = 0; i < sizeof(frame); i++)
		frame[i] = 0x55;
}

static void *waiter(void *arg)
{
	unsigned seed = *(unsigned *)arg;

	for (int i = 0; i < ROUNDS; i++) {
		struct timespec ts = { .tv_nsec = rand_r(&seed) % 60000 };

		syscall(SYS_futex, &here, FUTEX_WAIT_PRIVATE, 0, &ts, NULL, 0);
		overwrite();
	}
	waiting--;
	return NULL;
}

static void *mover(void *arg)
{
	while (waiting > 0) {
		syscall(SYS_futex, &here, FUTEX_REQUEUE_PRIVATE, 0, 100L, &there, 0);
		syscall(SYS_futex, &there, FUTEX_REQUEUE_PRIVATE, 0, 100L, &here, 0);
		sched_yield();
	}
	return arg;
}

int main(void)
{
	pthread_t t[WAITERS + MOVERS];
	unsigned seed[WAITERS];

	for (int i = 0; i < WAITERS + MOVERS; i++) {
		if (i < WAITERS)
			seed[i] = (unsigned)i * 7919 + 1;
		t[i] = i < WAITERS ? thread_start(waiter, &seed[i]) : thread_start(mover, NULL);
	}
	for (int i = 0; i < WAITERS + MOVERS; i++)
		thread_join(t[i]);
	printf("ok\n");
	return 0;
}
