/* SPDX-License-Identifier: MIT */
/*
 * signal_stop - SIGTSTP that was blocked stops the process when it is let in, each time anew, and the
 * process goes on
 *
 * uses: rt_sigprocmask kill wait4
 */
#include "prog.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { STOPS = 5 };

static void *stop_self(void *arg)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	for (int i = 0; i < STOPS; i++) {
		CHECK0(pthread_sigmask(SIG_BLOCK, &set, NULL));
		CHECK(kill(getpid(), SIGTSTP) == 0);
		CHECK0(pthread_sigmask(SIG_UNBLOCK, &set, NULL));
	}
	return arg;
}

int main(void)
{
	sigset_t set;
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* In a group of its own, whose parent is in another of the session: not orphaned. */
		CHECK(setpgid(0, 0) == 0);
		sigemptyset(&set);
		sigaddset(&set, SIGTSTP);
		CHECK0(pthread_sigmask(SIG_BLOCK, &set, NULL));
		thread_join(thread_start(stop_self, NULL));
		_exit(7);
	}
	for (int i = 0; i < STOPS; i++) {
		CHECK(waitpid(pid, &status, WUNTRACED) == pid);
		CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP);
		CHECK(kill(pid, SIGCONT) == 0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7);
	puts("ok");
	return 0;
}
