/* SPDX-License-Identifier: MIT */
/*
 * exit_many_stress - twenty children create threads and exit from different ones, each with its own
 * status
 *
 * uses: fork clone3 exit_group wait4
 */
#include "prog.h"

#include <sys/wait.h>

static void *quit(void *arg)
{
	usleep(((intptr_t)arg & 3) * 500);
	exit((int)(intptr_t)arg);
}

static void *sleeper(void *arg)
{
	sleep(1000);
	return arg;
}

int main(void)
{
	for (intptr_t i = 0; i < 20; i++) {
		int status;
		pid_t pid;

		fflush(stdout);
		pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			for (int j = 0; j < 10; j++)
				thread_start(sleeper, NULL);
			thread_start(quit, (void *)(i + 1));
			for (;;)
				pause();
		}
		CHECK(waitpid(pid, &status, 0) == pid);
		printf("%d ", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	}
	puts("");
	return 0;
}
