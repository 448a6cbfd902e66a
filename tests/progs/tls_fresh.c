/* SPDX-License-Identifier: MIT */
/*
 * tls_fresh - thread-local variables are fresh in threads that run on the stacks of earlier ones
 *
 * uses: clone3 mmap madvise
 */
#include "prog.h"

static __thread char zeroed[5000];
static __thread int preset[100] = { [0 ... 99] = 42 };

static void *dirty(void *arg)
{
	char locals[20000];

	for (size_t i = 0; i < sizeof(zeroed); i++)
		CHECK(zeroed[i] == 0);
	for (size_t i = 0; i < ARRAY_SIZE(preset); i++)
		CHECK(preset[i] == 42);
	CHECK(errno == 0);
	memset(zeroed, 0xff, sizeof(zeroed));
	memset(preset, 0xff, sizeof(preset));
	memset(locals, 0xff, sizeof(locals));
	errno = locals[9] ? EIO : 0;
	return arg;
}

int main(void)
{
	pthread_t t[10];

	for (int round = 0; round < 50; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(t); i++)
			t[i] = thread_start(dirty, t);
		for (size_t i = 0; i < ARRAY_SIZE(t); i++)
			CHECK(thread_join(t[i]) == t);
	}
	puts("ok");
	return 0;
}
