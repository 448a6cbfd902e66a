/* SPDX-License-Identifier: MIT */
/*
 * malloc_cross - memory that one thread allocates and another frees, in all sizes, through eight
 * threads
 *
 * uses: mmap munmap brk futex
 */
#include "prog.h"

enum { THREADS = 8, SLOTS = 64, ROUNDS = 3000 };

static void *slots[SLOTS];
static pthread_mutex_t locks[SLOTS];

static void *run(void *arg)
{
	uint64_t rnd = (uintptr_t)arg;

	for (int i = 0; i < ROUNDS; i++) {
		size_t size, slot;
		unsigned char *mem, *old;

		rnd = compute(rnd, 1);
		slot = rnd >> 20 & (SLOTS - 1);
		size = (rnd >> 30) % (i % 100 == 0 ? 300000 : 2000) + 2;
		mem = malloc(size);
		CHECK(mem);
		mem[0] = mem[size - 1] = (unsigned char)slot;
		pthread_mutex_lock(&locks[slot]);
		old = slots[slot];
		slots[slot] = mem;
		pthread_mutex_unlock(&locks[slot]);
		if (old)
			CHECK(old[0] == slot);
		free(old);
	}
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];

	for (int i = 0; i < SLOTS; i++)
		pthread_mutex_init(&locks[i], NULL);
	for (intptr_t i = 0; i < THREADS; i++)
		t[i] = thread_start(run, (void *)(i + 1));
	for (int i = 0; i < THREADS; i++)
		thread_join(t[i]);
	for (int i = 0; i < SLOTS; i++)
		free(slots[i]);
	puts("ok");
	return 0;
}
