/* SPDX-License-Identifier: MIT */
/*
 * block_wait - eight threads blocked in waitpid, waitid and wait4 leave the processor to one that
 * computes
 *
 * uses: wait4 waitid fork
 */
#include "blocked.h"

#include <sys/resource.h>
#include <sys/wait.h>

static int fds[BLOCKED][2];
static pid_t pids[BLOCKED];

static void *wait_child(void *arg)
{
	pid_t pid = pids[(intptr_t)arg];
	struct rusage usage;
	siginfo_t info;
	int status;

	blocked_now();
	switch ((intptr_t)arg % 3) {
	case 0:
		CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 9);
		break;
	case 1:
		CHECK(waitid(P_PID, pid, &info, WEXITED) == 0 && info.si_status == 9);
		break;
	case 2:
		CHECK(wait4(pid, &status, 0, &usage) == pid && WEXITSTATUS(status) == 9);
		break;
	}
	return arg;
}

static void release(intptr_t i)
{
	CHECK(write(fds[i][1], "x", 1) == 1);
}

int main(void)
{
	char c;

	for (int i = 0; i < BLOCKED; i++) {
		CHECK(pipe(fds[i]) == 0);
		pids[i] = fork();
		CHECK(pids[i] >= 0);
		if (pids[i] == 0) {
			CHECK(read(fds[i][0], &c, 1) == 1);
			_exit(9);
		}
	}
	blocked_run(wait_child, release);
	CHECK_ERRNO(waitpid(-1, NULL, 0), ECHILD);
	return 0;
}
