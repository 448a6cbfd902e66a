/* SPDX-License-Identifier: MIT */
/*
 * block_readv - eight threads blocked in readv, one pipe between them, get a message each
 *
 * uses: readv writev
 */
#include "blocked.h"

#include <sys/uio.h>

static int fd[2];

static void *wait_message(void *arg)
{
	char a[2], b[2];
	struct iovec iov[2] = { { a, 2 }, { b, 2 } };

	blocked_now();
	CHECK(readv(fd[0], iov, 2) == 4);
	CHECK(memcmp(a, "me", 2) == 0 && memcmp(b, "ss", 2) == 0);
	return arg;
}

static void release(intptr_t i)
{
	struct iovec iov[2] = { { "mes", 3 }, { "s", 1 } };

	(void)i;
	CHECK(writev(fd[1], iov, 2) == 4);
}

int main(void)
{
	CHECK(pipe(fd) == 0);
	blocked_run(wait_message, release);
	return 0;
}
