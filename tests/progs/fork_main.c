/* SPDX-License-Identifier: MIT */
/*
 * fork_main - a child of main, forked while threads run, is whole: it has its memory, files and one
 * thread
 *
 * uses: fork wait4 getpid gettid
 */
#include "prog.h"

#include <sys/wait.h>

static int stop;

static void *busy(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		usleep(500);
	return arg;
}

int main(void)
{
	pthread_t t[6];
	int fd[2], status;

	CHECK(pipe(fd) == 0);
	for (int i = 0; i < 6; i++)
		t[i] = thread_start(busy, NULL);
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork(), said;

		CHECK(pid >= 0);
		if (pid == 0) {
			said = getpid();
			CHECK(gettid() == said);
			CHECK(write(fd[1], &said, sizeof(said)) == sizeof(said));
			exit(i);
		}
		CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == i);
		CHECK(read(fd[0], &said, sizeof(said)) == sizeof(said) && said == pid);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < 6; i++)
		thread_join(t[i]);
	puts("ok");
	return 0;
}
