/* SPDX-License-Identifier: MIT */
/*
 * io_ends - the other end's close and shutdown wake readers with 0, pollers with hang-up, writers
 * with EPIPE
 *
 * uses: read poll write shutdown
 */
#include "prog.h"

#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/socket.h>

static int a[2], b[2], c[2];
static sem_t entering;

static void *reader(void *arg)
{
	char ch;

	sem_post(&entering);
	CHECK(read(a[0], &ch, 1) == 0);
	return arg;
}

static void *receiver(void *arg)
{
	char ch;

	sem_post(&entering);
	CHECK(recv(b[0], &ch, 1, 0) == 0);
	return arg;
}

static void *poller(void *arg)
{
	struct pollfd p = { c[0], POLLIN, 0 };

	sem_post(&entering);
	CHECK(poll(&p, 1, -1) == 1 && (p.revents & POLLHUP));
	return arg;
}

int main(void)
{
	pthread_t t[3];

	signal(SIGPIPE, SIG_IGN);
	sem_init(&entering, 0, 0);
	CHECK(pipe(a) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, b) == 0 && pipe(c) == 0);
	t[0] = thread_start(reader, NULL);
	t[1] = thread_start(receiver, NULL);
	t[2] = thread_start(poller, NULL);
	for (int i = 0; i < 3; i++)
		sem_wait(&entering);
	usleep(5000);
	CHECK(close(a[1]) == 0 && shutdown(b[1], SHUT_WR) == 0 && close(c[1]) == 0);
	for (int i = 0; i < 3; i++)
		thread_join(t[i]);
	CHECK(pipe(a) == 0 && close(a[0]) == 0);
	CHECK_ERRNO(write(a[1], "x", 1), EPIPE);
	puts("ok");
	return 0;
}
