/* SPDX-License-Identifier: MIT */
/*
 * io_flags - files stay as their owner set them: a pipe that threads wait on is blocking for a
 * child, too
 *
 * uses: fcntl read fork execve
 */
#include "prog.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>

static int fds[2], socks[2];

static void *wait_bytes(void *arg)
{
	char c;

	CHECK(read(fds[0], &c, 1) == 1);
	CHECK(recv(socks[0], &c, 1, 0) == 1);
	return arg;
}

int main(void)
{
	pthread_t t;
	int status;
	pid_t pid;

	CHECK(pipe(fds) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, socks) == 0);
	t = thread_start(wait_bytes, NULL);
	usleep(1000);
	CHECK((fcntl(fds[0], F_GETFL) & O_NONBLOCK) == 0);
	CHECK((fcntl(fds[1], F_GETFL) & O_NONBLOCK) == 0);
	CHECK(write(fds[1], "x", 1) == 1 && send(socks[1], "x", 1, 0) == 1);
	thread_join(t);
	CHECK((fcntl(socks[0], F_GETFL) & O_NONBLOCK) == 0);
	fflush(stdout);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(dup2(fds[0], 0) == 0 && close(fds[1]) == 0);
		execl("/bin/sh", "sh", "-c", "read word; echo child got $word", NULL);
		_exit(127);
	}
	usleep(20000);
	CHECK(write(fds[1], "hello\n", 6) == 6);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	puts("ok");
	return 0;
}
