/* SPDX-License-Identifier: MIT */
/*
 * futex_requeue_pi - waiters on a word are moved to a priority-inheriting lock and own it, one after
 * the other, when they return; timeouts and wrong arguments
 *
 * uses: futex
 */
#include "prog.h"

#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>

enum { WAITERS = 6, ROUNDS = 50 };

static uint32_t word, lock;
static int waiting, inside, passed;

static long futex(uint32_t *addr, int op, uint32_t val, const void *timeout, uint32_t *addr2,
		  uint32_t val3)
{
	return syscall(SYS_futex, addr, op | FUTEX_PRIVATE_FLAG, val, timeout, addr2, val3);
}

static long requeue(uint32_t moved, uint32_t *to, uint32_t cmp)
{
	return futex(&word, FUTEX_CMP_REQUEUE_PI, 1, (void *)(uintptr_t)moved, to, cmp);
}

static void pi_lock(void)
{
	uint32_t none = 0;

	if (!__atomic_compare_exchange_n(&lock, &none, (uint32_t)gettid(), false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST))
		CHECK(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0) == 0);
	CHECK((__atomic_load_n(&lock, __ATOMIC_SEQ_CST) & FUTEX_TID_MASK) == (uint32_t)gettid());
}

static void pi_unlock(void)
{
	uint32_t mine = (uint32_t)gettid();

	if (!__atomic_compare_exchange_n(&lock, &mine, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		CHECK(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0) == 0);
}

static void *wait_one(void *arg)
{
	uint32_t v = word;

	__atomic_fetch_add(&waiting, 1, __ATOMIC_SEQ_CST);
	CHECK(futex(&word, FUTEX_WAIT_REQUEUE_PI, v, NULL, &lock, 0) == 0);
	CHECK((__atomic_load_n(&lock, __ATOMIC_SEQ_CST) & FUTEX_TID_MASK) == (uint32_t)gettid());
	CHECK(inside++ == 0);
	passed++;
	sched_yield();
	CHECK(--inside == 0);
	pi_unlock();
	return arg;
}

/* All that were started are moved, be it in several turns: who counts itself waiting may not wait yet. */
static void round_of(bool owned)
{
	pthread_t t[WAITERS];
	int moved = 0;

	waiting = passed = 0;
	for (int i = 0; i < WAITERS; i++)
		t[i] = thread_start(wait_one, NULL);
	while (__atomic_load_n(&waiting, __ATOMIC_SEQ_CST) < WAITERS)
		sched_yield();
	while (moved < WAITERS) {
		long r;

		if (owned)
			pi_lock();
		r = requeue(INT32_MAX, &lock, word);
		CHECK(r >= 0);
		moved += (int)r;
		if (owned)
			pi_unlock();
		sched_yield();
	}
	for (int i = 0; i < WAITERS; i++)
		thread_join(t[i]);
	CHECK(passed == WAITERS && (lock & FUTEX_TID_MASK) == 0);
}

static void *time_out(void *arg)
{
	struct timespec soon;

	clock_gettime(CLOCK_MONOTONIC, &soon);
	soon.tv_nsec += 20000000;
	soon.tv_sec += soon.tv_nsec / 1000000000;
	soon.tv_nsec %= 1000000000;
	CHECK_ERRNO((int)futex(&word, FUTEX_WAIT_REQUEUE_PI, word, &soon, &lock, 0), ETIMEDOUT);
	clock_gettime(CLOCK_REALTIME, &soon);
	CHECK_ERRNO((int)futex(&word, FUTEX_WAIT_REQUEUE_PI | FUTEX_CLOCK_REALTIME, word, &soon,
			       &lock, 0),
		    ETIMEDOUT);
	return arg;
}

int main(void)
{
	word = 7;
	for (int i = 0; i < ROUNDS; i++)
		round_of(i & 1);
	thread_join(thread_start(time_out, NULL));
	CHECK(requeue(1, &lock, 7) == 0);
	CHECK_ERRNO((int)requeue(1, &lock, 8), EAGAIN);
	CHECK_ERRNO((int)requeue(1, &word, 7), EINVAL);
	CHECK_ERRNO((int)futex(&word, FUTEX_CMP_REQUEUE_PI, 2, NULL, &lock, 7), EINVAL);
	CHECK_ERRNO((int)futex(&word, FUTEX_WAIT_REQUEUE_PI, 8, NULL, &lock, 0), EAGAIN);
	CHECK_ERRNO((int)futex(&word, FUTEX_WAIT_REQUEUE_PI, 7, NULL, &word, 0), EINVAL);
	puts("ok");
	return 0;
}
