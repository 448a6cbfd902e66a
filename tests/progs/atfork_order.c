/* SPDX-License-Identifier: MIT */
/*
 * atfork_order - fork handlers run in their order: prepare backwards, parent and child forwards, in
 * the forking thread
 *
 * uses: fork wait4
 */
#include "prog.h"

#include <sys/wait.h>

static char log_text[200];

#define HANDLERS(n)                                                                                \
	static void prepare##n(void)                                                               \
	{                                                                                          \
		strcat(log_text, " prepare" #n);                                                   \
	}                                                                                          \
	static void parent##n(void)                                                                \
	{                                                                                          \
		strcat(log_text, " parent" #n);                                                    \
	}                                                                                          \
	static void child##n(void)                                                                 \
	{                                                                                          \
		strcat(log_text, " child" #n);                                                     \
	}

HANDLERS(1)
HANDLERS(2)

static void *forker(void *arg)
{
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		printf("child:%s\n", log_text);
		fflush(stdout);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	printf("parent:%s\n", log_text);
	fflush(stdout);
	log_text[0] = '\0';
	return arg;
}

int main(void)
{
	CHECK0(pthread_atfork(prepare1, parent1, child1));
	CHECK0(pthread_atfork(prepare2, parent2, child2));
	forker(NULL);
	thread_join(thread_start(forker, NULL));
	forker(NULL);
	return 0;
}
