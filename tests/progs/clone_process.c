/* SPDX-License-Identifier: MIT */
/*
 * clone_process - a process made by the clone system call itself, without threads' flags, is a
 * child like any other
 *
 * uses: clone wait4 exit_group
 */
#include "prog.h"

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int child_main(void *arg)
{
	return *(int *)arg + 1;
}

static void *run(void *arg)
{
	char *stack = malloc(65536);
	int status, num = 20;
	pid_t pid;

	pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(19);
	CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 19);
	pid = clone(child_main, stack + 65536, SIGCHLD, &num);
	CHECK(pid > 0);
	CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 21);
	free(stack);
	return arg;
}

int main(void)
{
	run(NULL);
	thread_join(thread_start(run, NULL));
	run(NULL);
	puts("ok");
	return 0;
}
