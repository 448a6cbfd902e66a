/* SPDX-License-Identifier: MIT */
/*
 * block_unseen - eight threads blocked in a system call that the program makes itself, inline, do
 * not stop the others
 *
 * uses: read
 */
#include "blocked.h"

static int fds[BLOCKED][2];

static long inline_read(long fd, void *buf, long len)
{
	long ret = 0; /* SYS_read */

	__asm__ volatile("syscall"
			 : "+a"(ret)
			 : "D"(fd), "S"(buf), "d"(len)
			 : "rcx", "r11", "memory");
	return ret;
}

static void *wait_byte(void *arg)
{
	char c = 0;

	blocked_now();
	CHECK(inline_read(fds[(intptr_t)arg][0], &c, 1) == 1 && c == 'x');
	return arg;
}

static void release(intptr_t i)
{
	CHECK(write(fds[i][1], "x", 1) == 1);
}

int main(void)
{
	for (int i = 0; i < BLOCKED; i++)
		CHECK(pipe(fds[i]) == 0);
	blocked_run(wait_byte, release);
	return 0;
}
