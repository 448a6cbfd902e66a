/* SPDX-License-Identifier: MIT */
/*
 * io_room - datagrams to a receiver that has no room for more: who sends them, with or without being connected
 * to it, waits until it has
 *
 * uses: sendto recvfrom write poll socket bind
 */
#include "prog.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { MANY = 2000 };

static struct sockaddr_un at = { .sun_family = AF_UNIX };
static socklen_t at_len;
static int receiver;

static void *send_to(void *arg)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	CHECK(fd >= 0);
	for (int i = 0; i < MANY; i++)
		CHECK(sendto(fd, &i, sizeof i, 0, (struct sockaddr *)&at, at_len) == sizeof i);
	close(fd);
	return arg;
}

static void *send_connected(void *arg)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&at, at_len) == 0);
	for (int i = 0; i < MANY; i++)
		CHECK((i & 1 ? write(fd, &i, sizeof i) : send(fd, &i, sizeof i, 0)) == sizeof i);
	close(fd);
	return arg;
}

static void *receive(void *arg)
{
	int n;

	for (int i = 0; i < MANY; i++) {
		/* Slower than who sends. */
		if (i % 64 == 0)
			usleep(1000);
		CHECK(recv(receiver, &n, sizeof n, 0) == sizeof n && n == i);
	}
	return arg;
}

int main(void)
{
	static void *(*const senders[])(void *) = { send_to, send_connected };

	/* Of the abstract names, one that no other process has. */
	snprintf(at.sun_path + 1, sizeof at.sun_path - 1, "io_room.%d", (int)getpid());
	at_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(at.sun_path + 1));
	receiver = socket(AF_UNIX, SOCK_DGRAM, 0);
	CHECK(receiver >= 0 && bind(receiver, (struct sockaddr *)&at, at_len) == 0);
	for (int i = 0; i < 2; i++) {
		pthread_t r = thread_start(receive, NULL), s = thread_start(senders[i], NULL);

		thread_join(s);
		thread_join(r);
	}
	puts("ok");
	return 0;
}
