/* SPDX-License-Identifier: MIT */
/*
 * exec_thread - exec from a thread replaces the whole process under its own id, with the thread's
 * signal mask
 *
 * uses: execve rt_sigprocmask
 */
#include "prog.h"

#include <signal.h>

static char *self;

static void print_signals(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[200];

	CHECK(f);
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, "SigBlk:", 7) == 0 || strncmp(line, "SigIgn:", 7) == 0 ||
		    strncmp(line, "ShdPnd:", 7) == 0)
			fputs(line, stdout);
	fclose(f);
}

static void *idle(void *arg)
{
	sleep(1000);
	return arg;
}

static void *noop(void *arg)
{
	return arg;
}

static void *re_exec(void *arg)
{
	char pid[16];
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGRTMIN + 5);
	CHECK0(pthread_sigmask(SIG_BLOCK, &set, NULL));
	CHECK_ERRNO(execl("/nonexistent/program", "program", NULL), ENOENT);
	snprintf(pid, sizeof(pid), "%d", getpid());
	execl(self, self, pid, NULL);
	CHECK(!"exec");
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t t;
	sigset_t set;

	if (argc > 1) {
		CHECK(getpid() == strtol(argv[1], NULL, 10) && gettid() == getpid());
		print_signals();
		thread_join(thread_start(noop, NULL));
		return 0;
	}
	self = argv[0];
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM); /* main's own mask, not the one that is inherited */
	for (int i = 0; i < 4; i++)
		thread_start(idle, NULL);
	t = thread_start(re_exec, NULL);
	CHECK0(pthread_sigmask(SIG_BLOCK, &set, NULL));
	thread_join(t);
	return 1;
}
