/* SPDX-License-Identifier: MIT */
/*
 * fork_exec - threads fork and exec, vfork and exec, and vfork and exit, at the same time
 *
 * uses: fork vfork execve wait4
 */
#include "prog.h"

#include <sys/wait.h>

static void reap(pid_t pid, int want)
{
	int status;

	CHECK(pid > 0);
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == want);
}

static void *run(void *arg)
{
	for (int i = 0; i < 5; i++) {
		volatile int shared = 0;
		pid_t pid = fork();

		if (pid == 0) {
			execl("/bin/sh", "sh", "-c", "exit 11", NULL);
			_exit(127);
		}
		reap(pid, 11);
		pid = vfork();
		if (pid == 0) {
			execl("/bin/sh", "sh", "-c", "exit 12", NULL);
			_exit(127);
		}
		reap(pid, 12);
		pid = vfork();
		if (pid == 0) {
			shared = 13; /* a vfork child has our memory */
			execl("/nonexistent/program", "program", NULL);
			_exit(errno == ENOENT ? 14 : 1);
		}
		CHECK(shared == 13);
		reap(pid, 14);
	}
	return arg;
}

int main(void)
{
	pthread_t t[6];

	for (int i = 0; i < 6; i++)
		t[i] = thread_start(run, NULL);
	run(NULL);
	for (int i = 0; i < 6; i++)
		thread_join(t[i]);
	puts("ok");
	return 0;
}
