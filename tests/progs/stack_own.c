/* SPDX-License-Identifier: MIT */
/*
 * stack_own - a thread runs on the stack its creator made, and the creator has it back after the
 * join
 *
 * uses: clone3 exit
 */
#include "prog.h"

#include <sys/mman.h>

enum { SIZE = 256 * 1024 };

static void *where(void *arg)
{
	char local[1024];

	memset(local, 0x5a, sizeof(local));
	CHECK(local > (char *)arg && local + sizeof(local) <= (char *)arg + SIZE);
	CHECK(local[1023] == 0x5a);
	return arg;
}

int main(void)
{
	char *stack = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *heap = malloc(SIZE + 16);
	pthread_attr_t attr;
	pthread_t t;

	CHECK(stack != MAP_FAILED && heap);
	CHECK0(pthread_attr_init(&attr));
	for (int i = 0; i < 50; i++) {
		char *mem = i % 2 ? stack : heap + (16 - (uintptr_t)heap % 16) % 16;

		CHECK0(pthread_attr_setstack(&attr, mem, SIZE));
		CHECK0(pthread_create(&t, &attr, where, mem));
		CHECK(thread_join(t) == mem);
		memset(mem, i, SIZE);
	}
	CHECK(munmap(stack, SIZE) == 0);
	free(heap);
	puts("ok");
	return 0;
}
