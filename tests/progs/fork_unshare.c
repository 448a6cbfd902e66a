/* SPDX-License-Identifier: MIT */
/*
 * fork_unshare - the child of a process with threads is a process of one thread: it may enter a user
 * namespace of its own, and what it does to itself it does to the process's first thread
 *
 * uses: fork unshare prctl wait4
 */
#include "prog.h"

#include <dirent.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static int tasks(void)
{
	DIR *d = opendir("/proc/self/task");
	int n = 0;

	CHECK(d);
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void *same(void *arg)
{
	return arg;
}

static void child(void)
{
	pthread_t t;

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(tasks() == 1);
	CHECK(unshare(CLONE_NEWUSER) == 0);
	CHECK(tasks() == 1 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	/* Threads that it makes then are as it is. */
	t = thread_start(same, &t);
	CHECK(thread_join(t) == &t);
	CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
}

static void *forker(void *arg)
{
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		child();
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return arg;
}

int main(void)
{
	int status;
	pid_t pid = fork();

	/* Where there are no user namespaces */
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(unshare(CLONE_NEWUSER) != 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	if (status != 0)
		return 77;
	thread_join(thread_start(forker, NULL));
	forker(NULL);
	puts("ok");
	return 0;
}
