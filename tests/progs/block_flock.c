/* SPDX-License-Identifier: MIT */
/*
 * block_flock - eight threads blocked in flock leave the processor to the holder, who computes
 *
 * uses: flock
 */
#include "blocked.h"

#include <fcntl.h>
#include <sys/file.h>

static char path[] = "/tmp/progs-flock-XXXXXX";
static int holder;

static void *wait_lock(void *arg)
{
	int fd = open(path, O_RDWR);

	CHECK(fd >= 0);
	CHECK_ERRNO(flock(fd, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	blocked_now();
	CHECK(flock(fd, LOCK_EX) == 0);
	CHECK(close(fd) == 0);
	return arg;
}

static void release(intptr_t i)
{
	if (i == 0) {
		CHECK(unlink(path) == 0);
		CHECK(flock(holder, LOCK_UN) == 0);
	}
}

int main(void)
{
	holder = mkstemp(path);
	CHECK(holder >= 0 && flock(holder, LOCK_EX) == 0);
	blocked_run(wait_lock, release);
	return 0;
}
