/* SPDX-License-Identifier: MIT */
/*
 * signal_limits - calls with a time limit end when it is over, though signals for another thread
 * come all the while
 *
 * uses: poll ppoll select pselect6 epoll_wait semtimedop futex recvfrom
 */
#include "storm.h"

#include <linux/futex.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>

enum { LIMIT_MS = 60, CALLS = 9 };

static int call(int which)
{
	static const struct timeval limit = { 0, LIMIT_MS * 1000 };
	struct timespec ts = { 0, LIMIT_MS * 1000000 };
	struct timeval tv = limit;
	struct sembuf down = { 0, -1, 0 };
	struct epoll_event ev;
	struct pollfd p = { -1, POLLIN, 0 };
	int fd[2], sem, *word, r;
	char c;

	switch (which) {
	case 0:
		return poll(&p, 1, LIMIT_MS);
	case 1:
		return ppoll(&p, 1, &ts, NULL);
	case 2:
		r = select(0, NULL, NULL, NULL, &tv);
		CHECK(tv.tv_sec == 0 && tv.tv_usec == 0);
		return r;
	case 3:
		r = pselect(0, NULL, NULL, NULL, &ts, NULL);
		CHECK(ts.tv_nsec == LIMIT_MS * 1000000);
		return r;
	case 4:
		return epoll_wait(epoll_create1(EPOLL_CLOEXEC), &ev, 1, LIMIT_MS);
	case 5:
		sem = semget(IPC_PRIVATE, 1, 0600);
		if (sem < 0)
			return 0;
		r = semtimedop(sem, &down, 1, &ts) == -1 && errno == EAGAIN ? 0 : -1;
		semctl(sem, 0, IPC_RMID);
		return r;
	case 6:
		word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		r = (int)syscall(SYS_futex, word, FUTEX_WAIT, 0, &ts, NULL, 0);
		return r == -1 && errno == ETIMEDOUT ? 0 : -1;
	case 7:
		return usleep(LIMIT_MS * 1000);
	default:
		CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
		CHECK(setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0);
		r = recv(fd[0], &c, 1, 0) == -1 && errno == EAGAIN ? 0 : -1;
		close(fd[0]);
		close(fd[1]);
		return r;
	}
}

static void *run(void *arg)
{
	int64_t start = now_ms();

	CHECK(call((int)(intptr_t)arg) == 0);
	CHECK(now_ms() - start >= LIMIT_MS - 1);
	return NULL;
}

int main(void)
{
	storm_start();
	for (intptr_t i = 0; i < CALLS; i++)
		storm_run(run, (void *)i);
	storm_stop();
	puts("ok");
	return 0;
}
