/* SPDX-License-Identifier: MIT */
/*
 * thread_comm - a thread's name is in its file below /proc, for reading and writing, main's too; the last who
 * sets it wins, children of either kind inherit it, and with the thread the file is gone
 *
 * uses: prctl openat read write fork wait4 clone3
 */
#include "prog.h"

#include <fcntl.h>
#include <semaphore.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static sem_t ready, go, done;
static pid_t tid;

static int open_comm(pid_t t, bool by_pid, int flags)
{
	char path[64];

	if (by_pid)
		snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", getpid(), t);
	else
		snprintf(path, sizeof(path), "/proc/self/task/%d/comm", t);
	return open(path, flags);
}

static void expect(pid_t t, const char *want)
{
	for (int by_pid = 0; by_pid < 2; by_pid++) {
		char buf[32] = "";
		int fd = open_comm(t, by_pid, O_RDONLY);
		ssize_t n = read(fd, buf, sizeof(buf));

		CHECK(fd >= 0 && n == (ssize_t)strlen(want) + 1);
		CHECK(buf[n - 1] == '\n' && strncmp(buf, want, (size_t)n - 1) == 0);
		CHECK(read(fd, buf, 1) == 0);
		CHECK(close(fd) == 0);
	}
}

static void expect_mine(const char *want)
{
	char name[16];

	CHECK(prctl(PR_GET_NAME, name) == 0);
	CHECK(strcmp(name, want) == 0);
}

static void set(pid_t t, const char *name)
{
	int fd = open_comm(t, false, O_WRONLY);

	CHECK(fd >= 0 && write(fd, name, strlen(name)) == (ssize_t)strlen(name));
	CHECK(close(fd) == 0);
}

static void *inherit(void *arg)
{
	expect_mine(arg);
	return NULL;
}

static void *run(void *arg)
{
	pid_t pid;
	int status;

	tid = gettid();
	expect_mine("start");
	expect(tid, "start");
	CHECK(prctl(PR_SET_NAME, "a name longer than 15") == 0);
	expect_mine("a name longer t");
	sem_post(&ready);
	sem_wait(&go);
	thread_join(thread_start(inherit, "from outside"));
	expect_mine("from outside");
	CHECK(prctl(PR_SET_NAME, "mine") == 0);
	sem_post(&ready);
	sem_wait(&go);
	expect_mine("second");
	CHECK_ERRNO(prctl(PR_SET_NAME, 1), EFAULT);
	CHECK_ERRNO(prctl(PR_GET_NAME, 1), EFAULT);
	pid = fork();
	if (pid == 0) {
		expect_mine("second");
		expect(getpid(), "second");
		thread_join(thread_start(inherit, "second"));
		_exit(3);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
	set(getpid(), "named by thread");
	sem_post(&done);
	return arg;
}

int main(void)
{
	pthread_t t;
	int fds[40];

	sem_init(&ready, 0, 0);
	sem_init(&go, 0, 0);
	sem_init(&done, 0, 0);
	CHECK(prctl(PR_SET_NAME, "start") == 0);
	t = thread_start(run, NULL);
	sem_wait(&ready);
	expect(tid, "a name longer t");
	set(tid, "from outside");
	expect(tid, "from outside");
	sem_post(&go);
	sem_wait(&ready);
	expect(tid, "mine");
	/* Opened and not written: changes nothing. */
	for (int i = 0; i < 40; i++)
		CHECK((fds[i] = open_comm(tid, i & 1, O_RDWR)) >= 0);
	for (int i = 0; i < 40; i++)
		close(fds[i]);
	expect(tid, "mine");
	set(tid, "first");
	set(tid, "second");
	sem_post(&go);
	sem_wait(&done);
	expect_mine("named by thread");
	expect(getpid(), "named by thread");
	thread_join(thread_start(inherit, "named by thread"));
	CHECK(prctl(PR_SET_NAME, "main again") == 0);
	expect_mine("main again");
	expect(getpid(), "main again");
	thread_join(t);
	CHECK_ERRNO(open_comm(tid, false, O_RDONLY), ENOENT);
	puts("ok");
	return 0;
}
