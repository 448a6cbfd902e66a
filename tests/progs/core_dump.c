/* SPDX-License-Identifier: MIT */
/*
 * core_dump - a process whose threads wait dies of a signal that one of them, or another process, sends, and
 * its status says that a core was dumped
 *
 * uses: tgkill kill
 * limit: 60
 */
#include "prog.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { BY_RAISE, BY_ABORT, BY_FAULT, BY_KILL, WAYS };

static int begun[2], waits[2];
static volatile int *volatile nowhere = (int *)8;

static void *wait_for_ever(void *arg)
{
	CHECK(write(begun[1], "x", 1) == 1);
	pause();
	return arg;
}

static void *die(void *arg)
{
	switch ((intptr_t)arg) {
	case BY_RAISE:
		raise(SIGQUIT);
		break;
	case BY_ABORT:
		abort();
	case BY_FAULT:
		*nowhere = 1;
		break;
	case BY_KILL:
		CHECK(write(waits[1], "x", 1) == 1);
		pause();
	}
	return arg;
}

static void child(intptr_t way)
{
	pthread_t t;
	char c;

	for (int i = 0; i < 3; i++)
		thread_start(wait_for_ever, NULL);
	for (int i = 0; i < 3; i++)
		CHECK(read(begun[0], &c, 1) == 1);
	t = thread_start(die, (void *)way);
	thread_join(t);
	_exit(1);
}

int main(void)
{
	static const int sigs[] = { SIGQUIT, SIGABRT, SIGSEGV, SIGQUIT };
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
	char dir[] = "/tmp/core_dumpXXXXXX", command[64];

	if (setrlimit(RLIMIT_CORE, &limit) != 0)
		prog_skip("no cores here");
	CHECK(mkdtemp(dir) && chdir(dir) == 0);
	for (int way = 0; way < WAYS; way++) {
		int status;
		pid_t pid;
		char c;

		CHECK(pipe(begun) == 0 && pipe(waits) == 0);
		pid = fork();
		if (pid == 0)
			child(way);
		if (way == BY_KILL) {
			CHECK(read(waits[0], &c, 1) == 1);
			CHECK(kill(pid, SIGQUIT) == 0);
		}
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == sigs[way]);
		printf("%d: core %s\n", way, WCOREDUMP(status) ? "dumped" : "not dumped");
		for (int i = 0; i < 2; i++) {
			close(begun[i]);
			close(waits[i]);
		}
	}
	CHECK(chdir("/") == 0);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	CHECK(system(command) == 0);
	puts("ok");
	return 0;
}
