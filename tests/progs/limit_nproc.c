/* SPDX-License-Identifier: MIT */
/*
 * limit_nproc - where the user may have no more kernel threads than the program's own, calls that block in the
 * kernel still come to their end, and a thread too many is refused, not fatal
 *
 * uses: prlimit64 flock clone3 futex
 */
#include "prog.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { THREADS = 12, USERS = 100000 };

static int file;
static char path[] = "/tmp/limit_nproc.XXXXXX";

/* Each has the file open for itself: only one at a time has the lock. */
static void *lock(void *arg)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	CHECK(fd >= 0);
	CHECK(flock(fd, LOCK_EX) == 0);
	usleep(1000);
	CHECK(flock(fd, LOCK_UN) == 0);
	close(fd);
	return arg;
}

static int run(void)
{
	struct rlimit lim = { THREADS + 1, THREADS + 1 };
	pthread_t t[THREADS];

	/* A user that nobody else is, not even another run of this. */
	CHECK(setuid((uid_t)(USERS + getpid())) == 0);
	CHECK(setrlimit(RLIMIT_NPROC, &lim) == 0);
	CHECK(flock(file, LOCK_EX) == 0);
	for (int i = 0; i < THREADS; i++)
		t[i] = thread_start(lock, NULL);
	usleep(20000);
	CHECK(flock(file, LOCK_UN) == 0);
	for (int i = 0; i < THREADS; i++)
		thread_join(t[i]);
	puts("ok");
	return 0;
}

int main(void)
{
	int status;
	pid_t pid;

	if (geteuid() != 0)
		prog_skip("not root");
	file = mkstemp(path);
	CHECK(file >= 0 && fchmod(file, 0666) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		exit(run());
	CHECK(waitpid(pid, &status, 0) == pid);
	unlink(path);
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}
