/* SPDX-License-Identifier: MIT */
/*
 * futex_pi - the PI operations keep the owner's id in the word, block, refuse the owner, and hand
 * over
 *
 * uses: futex gettid
 */
#include "futex.h"

static _Atomic uint32_t word;
static atomic_int holders;

static void *lock_unlock(void *arg)
{
	for (int i = 0; i < 50; i++) {
		uint32_t zero = 0, me = gettid();

		if (!atomic_compare_exchange_strong(&word, &zero, me))
			CHECK(futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0);
		CHECK(++holders == 1);
		CHECK((word & FUTEX_TID_MASK) == me);
		if (i % 7 == 0)
			sched_yield();
		holders--;
		zero = me;
		if (!atomic_compare_exchange_strong(&word, &zero, 0))
			CHECK(futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0);
	}
	return arg;
}

static void *refused(void *arg)
{
	struct timespec end = clock_after(CLOCK_REALTIME, 30);

	CHECK_ERRNO(futex(&word, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0), EAGAIN);
	CHECK_ERRNO(futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, &end, NULL, 0), ETIMEDOUT);
	CHECK_ERRNO(futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), EPERM);
	return arg;
}

int main(void)
{
	pthread_t t[6];

	CHECK(futex(&word, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0);
	CHECK((word & FUTEX_TID_MASK) == (uint32_t)gettid());
	CHECK_ERRNO(futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), EDEADLK);
	thread_join(thread_start(refused, NULL));
	CHECK(futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0);
	CHECK(word == 0);
	for (int i = 0; i < 6; i++)
		t[i] = thread_start(lock_unlock, NULL);
	for (int i = 0; i < 6; i++)
		thread_join(t[i]);
	printf("%u\n", word);
	return 0;
}
