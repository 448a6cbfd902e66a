/* SPDX-License-Identifier: MIT */
/*
 * spawn - posix_spawn from threads: status, file actions, signal mask and defaults, PATH search,
 * missing program
 *
 * uses: vfork clone execve wait4 rt_sigprocmask
 */
#include "prog.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

/* What the child sees of its signals, read from the kernel; the spawner's own mask is another. */
static const char script[] =
	"while read a b; do case $a in SigBlk:|SigIgn:) echo $a $b;; esac; done </proc/self/status";

static void *run(void *arg)
{
	char *argv[] = { "sh", "-c", (char *)script, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t set;
	int fd[2], status;
	char buf[100];
	ssize_t len;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK0(pthread_sigmask(SIG_BLOCK, &set, NULL));
	for (int with_attr = 0; with_attr < 2; with_attr++) {
		CHECK(pipe(fd) == 0);
		CHECK0(posix_spawn_file_actions_init(&actions));
		CHECK0(posix_spawn_file_actions_adddup2(&actions, fd[1], 1));
		CHECK0(posix_spawnattr_init(&attr));
		sigemptyset(&set);
		sigaddset(&set, SIGHUP);
		CHECK0(posix_spawnattr_setsigmask(&attr, &set));
		sigaddset(&set, SIGPIPE);
		CHECK0(posix_spawnattr_setsigdefault(&attr, &set));
		CHECK0(posix_spawnattr_setflags(&attr,
						POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
		CHECK0(posix_spawnp(&pid, "sh", &actions, with_attr ? &attr : NULL, argv, environ));
		CHECK(close(fd[1]) == 0);
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
		len = read(fd[0], buf, sizeof(buf));
		CHECK(len > 0 && close(fd[0]) == 0);
		printf("%.*s", (int)len, buf);
	}
	CHECK_RET(posix_spawn(&pid, "/nonexistent/program", NULL, NULL, argv, environ), ENOENT);
	return arg;
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 3; i++)
		thread_join(thread_start(run, NULL));
	return 0;
}
