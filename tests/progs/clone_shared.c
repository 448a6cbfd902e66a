/* SPDX-License-Identifier: MIT */
/*
 * clone_shared - a process that shares all memory, with and without its parent waiting for it, made
 * by a thread that goes on working, and whose signals are its own
 *
 * uses: clone wait4 futex exit
 */
#include "prog.h"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

enum { STACK = 65536 };

struct shared {
	int fd[2];
	volatile pid_t pid;
	volatile int count;
};

/* No stdio, no errno: the TLS is the parent's. */
static int child_main(void *arg)
{
	struct shared *s = arg;
	char c;

	s->pid = getpid();
	if (s->fd[0] >= 0)
		while (read(s->fd[0], &c, 1) == 1 && c != '.')
			s->count++;
	return 21;
}

static void *run(void *arg)
{
	char *stack = malloc(STACK);
	struct shared s = { .fd = { -1, -1 } };
	int status;
	pid_t pid;

	pid = clone(child_main, stack + STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, &s);
	CHECK(pid > 0 && s.pid == pid);
	CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 21);

	CHECK(pipe(s.fd) == 0);
	pid = clone(child_main, stack + STACK, CLONE_VM | SIGCHLD, &s);
	CHECK(pid > 0);
	for (int i = 0; i < 100; i++) {
		CHECK(write(s.fd[1], "x", 1) == 1);
		sched_yield();
	}
	CHECK(write(s.fd[1], ".", 1) == 1);
	CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 21);
	CHECK(s.count == 100 && s.pid == pid && getpid() != pid);
	CHECK(close(s.fd[0]) == 0 && close(s.fd[1]) == 0);
	free(stack);
	return arg;
}

int main(void)
{
	run(NULL);
	for (int i = 0; i < 3; i++)
		thread_join(thread_start(run, NULL));
	run(NULL);
	puts("ok");
	return 0;
}
