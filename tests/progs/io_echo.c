/* SPDX-License-Identifier: MIT */
/*
 * io_echo - a thread a connection: 40 clients each echo 50 messages over TCP
 *
 * uses: accept4 connect recvfrom sendto
 */
#include "prog.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum { CLIENTS = 40, MESSAGES = 50 };

static struct sockaddr_in addr = { .sin_family = AF_INET };

static void *serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char buf[64];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		CHECK(write(fd, buf, n) == n);
	CHECK(n == 0 && close(fd) == 0);
	return NULL;
}

static void *client(void *arg)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char out[64], in[64];

	CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	for (int i = 0; i < MESSAGES; i++) {
		memset(out, (int)(intptr_t)arg + i, sizeof(out));
		CHECK(send(fd, out, sizeof(out), 0) == sizeof(out));
		CHECK(recv(fd, in, sizeof(in), MSG_WAITALL) == sizeof(in));
		CHECK(memcmp(in, out, sizeof(in)) == 0);
	}
	CHECK(close(fd) == 0);
	return NULL;
}

int main(void)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	pthread_t servers[CLIENTS], clients[CLIENTS];
	socklen_t len = sizeof(addr);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(listener >= 0 && bind(listener, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	CHECK(listen(listener, CLIENTS) == 0);
	CHECK(getsockname(listener, (struct sockaddr *)&addr, &len) == 0);
	for (intptr_t i = 0; i < CLIENTS; i++)
		clients[i] = thread_start(client, (void *)i);
	for (int i = 0; i < CLIENTS; i++) {
		int fd = accept(listener, NULL, NULL);

		CHECK(fd >= 0);
		servers[i] = thread_start(serve, (void *)(intptr_t)fd);
	}
	for (int i = 0; i < CLIENTS; i++) {
		thread_join(clients[i]);
		thread_join(servers[i]);
	}
	puts("ok");
	return 0;
}
