/* SPDX-License-Identifier: MIT */
/*
 * block_fifo_open - eight threads blocked in opening a FIFO for reading leave the processor to one
 * that computes
 *
 * uses: open openat
 */
#include "blocked.h"

#include <fcntl.h>
#include <sys/stat.h>

static char dir[] = "/tmp/progs-fifo-XXXXXX";
static char paths[BLOCKED][64];

static void *wait_open(void *arg)
{
	int fd;
	char c;

	blocked_now();
	fd = open(paths[(intptr_t)arg], O_RDONLY);
	CHECK(fd >= 0 && read(fd, &c, 1) == 1 && close(fd) == 0);
	return arg;
}

static void release(intptr_t i)
{
	int fd = open(paths[i], O_WRONLY);

	CHECK(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0);
	CHECK(unlink(paths[i]) == 0);
}

int main(void)
{
	CHECK(mkdtemp(dir));
	for (int i = 0; i < BLOCKED; i++) {
		snprintf(paths[i], sizeof(paths[i]), "%s/%d", dir, i);
		CHECK(mkfifo(paths[i], 0600) == 0);
	}
	blocked_run(wait_open, release);
	CHECK(rmdir(dir) == 0);
	return 0;
}
