/* SPDX-License-Identifier: MIT */
/*
 * io_fork_waiting - a process forked while threads wait for descriptors has threads of its own that wait,
 * and disturbs nobody who waits in its parent
 *
 * uses: fork read write wait4 poll
 */
#include "prog.h"

#include <poll.h>
#include <semaphore.h>
#include <sys/wait.h>

enum { WAITERS = 20, CHILDREN = 10 };

static int mine[WAITERS][2], pipes[WAITERS][2];
static sem_t entering;

static void *reader(void *arg)
{
	int *p = arg;
	char c;

	sem_post(&entering);
	CHECK(read(p[0], &c, 1) == 1 && c == 'x');
	return NULL;
}

static void *poller(void *arg)
{
	int *p = arg;
	struct pollfd f = { p[0], POLLIN, 0 };
	char c;

	sem_post(&entering);
	CHECK(poll(&f, 1, -1) == 1 && read(p[0], &c, 1) == 1 && c == 'x');
	return NULL;
}

static void start(pthread_t *t, int (*p)[2])
{
	for (int i = 0; i < WAITERS; i++)
		t[i] = thread_start(i & 1 ? reader : poller, p[i]);
	for (int i = 0; i < WAITERS; i++)
		sem_wait(&entering);
}

static void finish(pthread_t *t, int (*p)[2])
{
	for (int i = 0; i < WAITERS; i++)
		CHECK(write(p[i][1], "x", 1) == 1);
	for (int i = 0; i < WAITERS; i++)
		thread_join(t[i]);
}

/* The numbers that the parent's threads wait for name other pipes here. */
static void child(void)
{
	pthread_t t[WAITERS];

	for (int i = 0; i < WAITERS; i++) {
		close(pipes[i][0]);
		close(pipes[i][1]);
	}
	for (int i = 0; i < WAITERS; i++)
		CHECK(pipe(mine[i]) == 0);
	start(t, mine);
	finish(t, mine);
	_exit(7);
}

int main(void)
{
	pthread_t t[WAITERS];
	pid_t pid[CHILDREN];
	int status;

	CHECK(sem_init(&entering, 0, 0) == 0);
	for (int i = 0; i < WAITERS; i++)
		CHECK(pipe(pipes[i]) == 0);
	start(t, pipes);
	for (int i = 0; i < CHILDREN; i++) {
		CHECK((pid[i] = fork()) >= 0);
		if (pid[i] == 0)
			child();
	}
	for (int i = 0; i < CHILDREN; i++)
		CHECK(waitpid(pid[i], &status, 0) == pid[i] && WEXITSTATUS(status) == 7);
	finish(t, pipes);
	puts("forked");
	return 0;
}
