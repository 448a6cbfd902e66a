/* SPDX-License-Identifier: MIT */
/*
 * fork_thread - threads fork at the same time; in each child the forking thread goes on and creates
 * threads anew
 *
 * uses: fork clone3 wait4 futex
 */
#include "prog.h"

#include <sys/wait.h>

static __thread int mine;

static void *in_child(void *arg)
{
	usleep(500);
	return (char *)arg + 1;
}

static void *forker(void *arg)
{
	mine = (int)(intptr_t)arg;
	for (int i = 0; i < 5; i++) {
		int status;
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			pthread_t t[4];

			CHECK(mine == (intptr_t)arg && gettid() == getpid());
			for (int j = 0; j < 4; j++)
				t[j] = thread_start(in_child, arg);
			for (int j = 0; j < 4; j++)
				CHECK(thread_join(t[j]) == (char *)arg + 1);
			exit(mine);
		}
		CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
		CHECK(WEXITSTATUS(status) == mine);
	}
	return NULL;
}

int main(void)
{
	pthread_t t[6];

	for (intptr_t i = 0; i < 6; i++)
		t[i] = thread_start(forker, (void *)(i + 10));
	for (int i = 0; i < 6; i++)
		thread_join(t[i]);
	puts("ok");
	return 0;
}
