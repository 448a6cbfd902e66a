/* SPDX-License-Identifier: MIT */
/*
 * fork_grandchild - a child's thread forks a grandchild, whose thread forks again: each generation
 * counts
 *
 * uses: fork clone3 wait4
 */
#include "prog.h"

#include <sys/wait.h>

static void *generation(void *arg)
{
	intptr_t left = (intptr_t)arg;
	int status;
	pid_t pid;

	if (left == 0)
		return (void *)0;
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		_exit((int)(intptr_t)thread_join(thread_start(generation, (void *)(left - 1))) + 1);
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return (void *)(intptr_t)WEXITSTATUS(status);
}

int main(void)
{
	printf("%d\n", (int)(intptr_t)thread_join(thread_start(generation, (void *)6)));
	return 0;
}
