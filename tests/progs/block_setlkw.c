/* SPDX-License-Identifier: MIT */
/*
 * block_setlkw - threads blocked in F_SETLKW and F_OFD_SETLKW, for another process has the file,
 * leave the processor
 *
 * uses: fcntl fork
 */
#include "blocked.h"

#include <fcntl.h>
#include <sys/wait.h>

static char path[] = "/tmp/progs-lock-XXXXXX";
static int go[2];

static void *wait_lock(void *arg)
{
	struct flock range = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (intptr_t)arg, .l_len = 1
	};
	int fd = open(path, O_RDWR), cmd = (intptr_t)arg % 2 ? F_SETLKW : F_OFD_SETLKW;

	CHECK(fd >= 0);
	CHECK_ERRNO(fcntl(fd, F_SETLK, &range), EAGAIN);
	blocked_now();
	CHECK(fcntl(fd, cmd, &range) == 0);
	return arg;
}

static void release(intptr_t i)
{
	if (i == 0)
		CHECK(write(go[1], "x", 1) == 1);
}

int main(void)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = mkstemp(path), locked[2], status;
	pid_t pid;
	char c;

	CHECK(fd >= 0 && pipe(go) == 0 && pipe(locked) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(fcntl(fd, F_SETLK, &all) == 0);
		CHECK(write(locked[1], "x", 1) == 1);
		CHECK(read(go[0], &c, 1) == 1);
		_exit(0);
	}
	CHECK(read(locked[0], &c, 1) == 1);
	blocked_run(wait_lock, release);
	CHECK(unlink(path) == 0 && waitpid(pid, &status, 0) == pid && status == 0);
	return 0;
}
