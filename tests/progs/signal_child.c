/* SPDX-License-Identifier: MIT */
/*
 * signal_child - SIGCHLD's handler reaps children that threads made, by waitpid
 *
 * uses: wait4 rt_sigaction fork rt_sigsuspend
 */
#include "prog.h"

#include <signal.h>
#include <sys/wait.h>

static volatile sig_atomic_t reaped, sum;

static void on_child(int sig)
{
	int status, saved = errno;

	(void)sig;
	while (waitpid(-1, &status, WNOHANG) > 0) {
		reaped++;
		sum += WEXITSTATUS(status);
	}
	errno = saved;
}

static void *forker(void *arg)
{
	for (int i = 0; i < 4; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0)
			_exit((int)(intptr_t)arg);
		usleep(300);
	}
	return NULL;
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_child, .sa_flags = SA_RESTART };
	sigset_t block, old;
	pthread_t t[5];

	CHECK(sigaction(SIGCHLD, &sa, NULL) == 0);
	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	CHECK0(pthread_sigmask(SIG_BLOCK, &block,
			       &old)); /* the threads inherit it: main alone reaps */
	for (intptr_t i = 0; i < 5; i++)
		t[i] = thread_start(forker, (void *)(i + 1));
	while (reaped < 20)
		sigsuspend(&old);
	for (int i = 0; i < 5; i++)
		thread_join(t[i]);
	printf("%d %d\n", (int)reaped, (int)sum);
	return 0;
}
