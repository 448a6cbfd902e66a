/* SPDX-License-Identifier: MIT */
/*
 * stall_unseen - threads that sleep in a system call of the program's own text, which nobody
 * intercepts, do not keep the others from running, and see no EINTR that nobody asked for
 */
#include "prog.h"

#include <poll.h>
#include <sys/syscall.h>

enum { READERS = 4 };

static int pipes[READERS][2];

/* The same calls as in libc, but not in libc. */
static long inline_call(long nr, long a, long b, long c)
{
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return ret;
}

static void *reader(void *arg)
{
	int fd = *(int *)arg;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char c;

	/* poll is never restarted: a signal of the library's own would show. */
	CHECK(inline_call(SYS_poll, (long)&p, 1, -1) == 1);
	CHECK(inline_call(SYS_read, fd, (long)&c, 1) == 1);
	CHECK(inline_call(SYS_read, fd, (long)&c, 1) == 0);
	return NULL;
}

static void *computer(void *arg)
{
	*(uint64_t *)arg = compute(1, 3000000);
	return NULL;
}

int main(void)
{
	pthread_t r[READERS], c[2];
	uint64_t sum[2];

	for (int i = 0; i < READERS; i++) {
		CHECK0(pipe(pipes[i]));
		r[i] = thread_start(reader, &pipes[i][0]);
	}
	for (int i = 0; i < 2; i++)
		c[i] = thread_start(computer, &sum[i]);
	for (int i = 0; i < 2; i++)
		thread_join(c[i]);
	CHECK(sum[0] == sum[1]);
	for (int i = 0; i < READERS; i++) {
		CHECK(write(pipes[i][1], "x", 1) == 1);
		CHECK0(close(pipes[i][1]));
		thread_join(r[i]);
	}
	printf("ok\n");
	return 0;
}
