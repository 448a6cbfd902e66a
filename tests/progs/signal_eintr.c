/* SPDX-License-Identifier: MIT */
/*
 * signal_eintr - without SA_RESTART a signal ends read, recv, poll, nanosleep, sem_wait, wait,
 * futex … with EINTR
 *
 * uses: tgkill rt_sigaction read recvfrom poll select epoll_wait clock_nanosleep futex wait4 accept
 * rt_sigsuspend pause
 */
#include "signalled.h"

#include <linux/futex.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

static int fd[2], sk[2], listener, ep, word;
static pid_t child;
static sem_t sem;

static int call(int which)
{
	struct timespec day = { 86400, 0 }, end = clock_after(CLOCK_REALTIME, 86400000);
	struct pollfd p = { fd[0], POLLIN, 0 };
	struct epoll_event ev;
	fd_set set;
	char c;

	FD_ZERO(&set);
	FD_SET(fd[0], &set);
	switch (which) {
	case 0:
		return (int)read(fd[0], &c, 1);
	case 1:
		return (int)recv(sk[0], &c, 1, 0);
	case 2:
		return accept(listener, NULL, NULL);
	case 3:
		return poll(&p, 1, -1);
	case 4:
		return ppoll(&p, 1, &day, NULL);
	case 5:
		return select(fd[0] + 1, &set, NULL, NULL, NULL);
	case 6:
		return epoll_wait(ep, &ev, 1, 86400000);
	case 7:
		return nanosleep(&day, NULL);
	case 8:
		return sem_wait(&sem);
	case 9:
		return sem_timedwait(&sem, &end);
	case 10:
		return waitpid(child, NULL, 0);
	case 11:
		return (int)syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &day, NULL, 0);
	case 12:
		return pause();
	case 13:
		errno = clock_nanosleep(CLOCK_MONOTONIC, 0, &day, NULL);
		return errno ? -1 : 0;
	default:
		return (int)usleep(1000000000);
	}
}

static void *run(void *arg)
{
	CHECK_ERRNO(call((int)(intptr_t)arg), EINTR);
	CHECK(signalled_mine > 0);
	signalled_done = 1;
	return NULL;
}

int main(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	signalled_install(0);
	CHECK(pipe(fd) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, sk) == 0);
	ep = epoll_create1(0);
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(bind(listener, (struct sockaddr *)&addr, sizeof(sa_family_t)) == 0 &&
	      listen(listener, 1) == 0);
	sem_init(&sem, 0, 0);
	child = fork();
	if (child == 0) {
		signal(SIGUSR1, SIG_DFL);
		for (;;)
			pause();
	}
	for (intptr_t i = 0; i < 15; i++) {
		thread_join(signalled_run(run, (void *)i, 0));
		printf("%d ", (int)i);
	}
	puts("");
	CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
	return 0;
}
