/* SPDX-License-Identifier: MIT */
/*
 * stack_size - stack sizes from the least to 64 MB are there to the last kilobyte but one
 *
 * uses: mmap mprotect clone3
 */
#include "prog.h"

#include <alloca.h>
#include <limits.h>

static void *use(void *arg)
{
	size_t size = *(size_t *)arg, room = size - 12288;
	volatile char *low = alloca(room);

	for (size_t i = 0; i < room; i += 4096)
		low[i] = 1;
	return NULL;
}

int main(void)
{
	size_t sizes[] = { 16384 + 4096, 65536, 70000, 1 << 20, 8 << 20, 64 << 20 }, got;
	pthread_attr_t attr;
	pthread_t t;

	CHECK0(pthread_attr_init(&attr));
	CHECK_RET(pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN - 1), EINVAL);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			CHECK0(pthread_attr_setstacksize(&attr, sizes[i]));
			CHECK0(pthread_attr_getstacksize(&attr, &got));
			CHECK(got == sizes[i]);
			CHECK0(pthread_create(&t, &attr, use, &sizes[i]));
			thread_join(t);
		}
	}
	puts("ok");
	return 0;
}
