/* SPDX-License-Identifier: MIT */
/*
 * signal_restart - with SA_RESTART a signal's handler runs and read, recv, wait and sem_wait go on;
 * poll and sleep do not
 *
 * uses: tgkill rt_sigaction read recvfrom wait4 futex poll
 */
#include "signalled.h"

#include <poll.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <sys/wait.h>

static int fd[2], sk[2];
static sem_t sem;
static pid_t child;

static void *run(void *arg)
{
	char c = 0;

	switch ((intptr_t)arg) {
	case 0:
		CHECK(read(fd[0], &c, 1) == 1 && c == 'x');
		break;
	case 1:
		CHECK(recv(sk[0], &c, 1, 0) == 1 && c == 'x');
		break;
	case 2:
		CHECK(waitpid(child, NULL, 0) == child);
		break;
	case 3:
		CHECK(sem_wait(&sem) == 0);
		break;
	}
	CHECK(signalled_mine >= 5);
	return NULL;
}

static void *not_restarted(void *arg)
{
	struct timespec day = { 86400, 0 };

	if (arg)
		CHECK_ERRNO(poll(NULL, 0, -1), EINTR);
	else
		CHECK_ERRNO(nanosleep(&day, NULL), EINTR);
	signalled_done = 1;
	return NULL;
}

int main(void)
{
	signalled_install(SA_RESTART);
	CHECK(pipe(fd) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, sk) == 0);
	sem_init(&sem, 0, 0);
	child = fork();
	CHECK(child >= 0);
	if (child == 0)
		for (;;)
			pause();
	for (intptr_t i = 0; i < 4; i++) {
		pthread_t t = signalled_run(run, (void *)i, 5);

		if (i == 0)
			CHECK(write(fd[1], "x", 1) == 1);
		else if (i == 1)
			CHECK(send(sk[1], "x", 1, 0) == 1);
		else if (i == 2)
			CHECK(kill(child, SIGKILL) == 0);
		else
			CHECK(sem_post(&sem) == 0);
		thread_join(t);
	}
	thread_join(signalled_run(not_restarted, NULL, 0));
	thread_join(signalled_run(not_restarted, &sem, 0));
	puts("ok");
	return 0;
}
