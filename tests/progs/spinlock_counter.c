/* SPDX-License-Identifier: MIT */
/*
 * spinlock_counter - four threads under a spin lock lose no increment
 *
 * uses: clone3
 */
#include "prog.h"

static pthread_spinlock_t lock;
static long counter;

static void *add(void *arg)
{
	for (int i = 0; i < 5000; i++) {
		CHECK0(pthread_spin_lock(&lock));
		counter++;
		CHECK0(pthread_spin_unlock(&lock));
	}
	return arg;
}

int main(void)
{
	pthread_t t[4];

	CHECK0(pthread_spin_init(&lock, PTHREAD_PROCESS_PRIVATE));
	for (int i = 0; i < 4; i++)
		t[i] = thread_start(add, NULL);
	for (int i = 0; i < 4; i++)
		thread_join(t[i]);
	CHECK0(pthread_spin_lock(&lock));
	CHECK_RET(pthread_spin_trylock(&lock), EBUSY);
	CHECK0(pthread_spin_unlock(&lock));
	printf("%ld\n", counter);
	return 0;
}
