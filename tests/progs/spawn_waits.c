/* SPDX-License-Identifier: MIT */
/*
 * spawn_waits - a thread that waits for its posix_spawn does not keep the others from running, one
 * of which the spawned child waits for before it execs
 *
 * uses: clone3 execve openat wait4
 */
#include "prog.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

extern char **environ;

static char fifo[] = "/tmp/progs-spawn-waits-XXXXXX";

/* Opening a FIFO waits for its other end. */
static void *open_other_end(void *arg)
{
	int fd = open(fifo, O_WRONLY);

	CHECK(fd >= 0 && write(fd, "exit 9\n", 7) == 7 && close(fd) == 0);
	return arg;
}

static void *spawn(void *arg)
{
	char *argv[] = { "sh", NULL };
	posix_spawn_file_actions_t actions;
	int status;
	pid_t pid;

	CHECK0(posix_spawn_file_actions_init(&actions));
	CHECK0(posix_spawn_file_actions_addopen(&actions, 0, fifo, O_RDONLY, 0));
	CHECK0(posix_spawn(&pid, "/bin/sh", &actions, NULL, argv, environ));
	CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 9);
	return arg;
}

int main(void)
{
	pthread_t opener, spawner;

	close(mkstemp(fifo));
	CHECK(unlink(fifo) == 0 && mkfifo(fifo, 0600) == 0);
	for (int i = 0; i < 20; i++) {
		opener = thread_start(open_other_end, NULL);
		spawner = thread_start(spawn, NULL);
		thread_join(opener);
		thread_join(spawner);
	}
	CHECK(unlink(fifo) == 0);
	puts("ok");
	return 0;
}
