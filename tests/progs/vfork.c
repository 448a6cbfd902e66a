/* SPDX-License-Identifier: MIT */
/*
 * vfork - a vfork child runs on the memory of the thread that made it, while the other threads go on:
 * with its mask and its dispositions, handlers too, up to the exec or the exit
 *
 * uses: vfork execve wait4 exit_group rt_sigprocmask rt_sigaction read write
 */
#include "prog.h"

#include <signal.h>
#include <sys/wait.h>

static const char script[] =
	"while read a b; do case $a in SigBlk:|SigIgn:|SigCgt:) echo $a $b;; esac; done "
	"</proc/self/status; exit 7";

static volatile sig_atomic_t handled;

static void on_signal(int sig)
{
	CHECK(sig == SIGUSR2);
	handled++;
}

static void *feed(void *arg)
{
	CHECK(write(*(int *)arg, "x", 1) == 1);
	return arg;
}

static int status_of(pid_t pid)
{
	int status;

	CHECK(pid > 0);
	while (waitpid(pid, &status, 0) != pid)
		CHECK(errno == EINTR);
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void exec(void)
{
	char *argv[] = { "sh", "-c", (char *)script, NULL };
	char buf[200];
	ssize_t len;
	int fd[2];
	pid_t pid;

	CHECK(pipe(fd) == 0);
	pid = vfork();
	if (pid == 0) {
		dup2(fd[1], 1);
		execv("/bin/sh", argv);
		_exit(127);
	}
	CHECK(close(fd[1]) == 0);
	CHECK(status_of(pid) == 7);
	while ((len = read(fd[0], buf, sizeof(buf))) > 0)
		printf("%.*s", (int)len, buf);
	CHECK(close(fd[0]) == 0);
}

static void *run(void *arg)
{
	volatile int seen = 0;
	pthread_t feeder;
	sigset_t set;
	int fd[2];
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	CHECK0(pthread_sigmask(SIG_BLOCK, &set, NULL));
	exec();

	pid = vfork();
	if (pid == 0) {
		execl("/nonexistent/program", "program", NULL);
		seen = errno;
		raise(SIGUSR2);
		_exit(3);
	}
	CHECK(status_of(pid) == 3 && seen == ENOENT && handled == 1);
	handled = 0;

	/* The parent is in the kernel until another of its threads has let the child go. */
	CHECK(pipe(fd) == 0);
	feeder = thread_start(feed, &fd[1]);
	pid = vfork();
	if (pid == 0) {
		char c = 0;

		seen = read(fd[0], &c, 1) == 1 && c == 'x';
		_exit(4);
	}
	CHECK(status_of(pid) == 4 && seen == 1);
	thread_join(feeder);
	CHECK(close(fd[0]) == 0 && close(fd[1]) == 0);
	return arg;
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	CHECK(sigaction(SIGUSR2, &sa, NULL) == 0);
	signal(SIGTERM, SIG_IGN);
	signal(SIGSEGV, SIG_IGN);
	exec();
	for (int i = 0; i < 3; i++)
		thread_join(thread_start(run, NULL));
	run(NULL);
	puts("ok");
	return 0;
}
