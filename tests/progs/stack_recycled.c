/* SPDX-License-Identifier: MIT */
/*
 * stack_recycled - a thread on a stack that others have filled finds its TLS and keys as new, and
 * room to the depth it asked for
 *
 * uses: mmap mprotect madvise munmap clone3
 */
#include "prog.h"

enum { THREADS = 40, ROUNDS = 4, KEYS = 40 };

static __thread int initialized = 42;
static __thread char zeroed[3000];
static pthread_key_t keys[KEYS];
static pthread_barrier_t all_here;

static void soil(volatile char *above, int depth)
{
	volatile char frame[2000];

	memset((char *)frame, 0xa5, sizeof(frame));
	if (depth)
		soil(frame, depth - 1);
	frame[0] = above[0];
}

static void *run(void *arg)
{
	char first = 0;

	CHECK(initialized == 42);
	CHECK(errno == 0);
	for (size_t i = 0; i < sizeof(zeroed); i++)
		CHECK(zeroed[i] == 0);
	for (int i = 0; i < KEYS; i++)
		CHECK(!pthread_getspecific(keys[i]));
	for (int i = 0; i < KEYS; i++)
		CHECK0(pthread_setspecific(keys[i], arg));
	initialized = 7;
	memset(zeroed, 0xa5, sizeof(zeroed));
	soil(&first, 40);
	errno = 99;
	/* All at once, more than glibc keeps stacks for. */
	pthread_barrier_wait(&all_here);
	return arg;
}

int main(void)
{
	static const size_t sizes[] = { 128 << 10, 1 << 20, (1 << 20) - 3000, 8 << 20 };
	pthread_t t[THREADS];
	pthread_attr_t attr;

	CHECK0(pthread_barrier_init(&all_here, NULL, THREADS));
	for (int i = 0; i < KEYS; i++)
		CHECK0(pthread_key_create(&keys[i], NULL));
	CHECK0(pthread_attr_init(&attr));
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t k = 0; k < ARRAY_SIZE(sizes); k++) {
			CHECK0(pthread_attr_setstacksize(&attr, sizes[k]));
			CHECK0(pthread_attr_setguardsize(&attr, round == 2 ? 16384 : 4096));
			for (int i = 0; i < THREADS; i++)
				CHECK0(pthread_create(&t[i], &attr, run, keys));
			for (int i = 0; i < THREADS; i++)
				CHECK(thread_join(t[i]) == keys);
		}
	}
	puts("ok");
	return 0;
}
