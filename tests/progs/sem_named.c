/* SPDX-License-Identifier: MIT */
/*
 * sem_named - a named semaphore joins threads of two processes
 *
 * uses: openat mmap futex fork
 */
#include "prog.h"

#include <fcntl.h>
#include <semaphore.h>
#include <sys/wait.h>

static sem_t *to_child, *to_parent;

static void *child_thread(void *arg)
{
	for (int i = 0; i < 100; i++) {
		CHECK(sem_wait(to_child) == 0);
		CHECK(sem_post(to_parent) == 0);
	}
	return arg;
}

static sem_t *open_unlinked(int which)
{
	char name[64];
	sem_t *sem;

	snprintf(name, sizeof(name), "/progs-sem-%d-%d", getpid(), which);
	sem = sem_open(name, O_CREAT | O_EXCL, 0600, 0);
	if (sem == SEM_FAILED && (errno == ENOSYS || errno == EACCES || errno == ENOENT))
		prog_skip("no named semaphores here");
	CHECK(sem != SEM_FAILED && sem_unlink(name) == 0);
	return sem;
}

int main(void)
{
	int status;
	pid_t pid;

	to_child = open_unlinked(0);
	to_parent = open_unlinked(1);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		thread_join(thread_start(child_thread, NULL));
		_exit(0);
	}
	for (int i = 0; i < 100; i++) {
		CHECK(sem_post(to_child) == 0);
		CHECK(sem_wait(to_parent) == 0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(sem_close(to_child) == 0);
	puts("ok");
	return 0;
}
