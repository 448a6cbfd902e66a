/* SPDX-License-Identifier: MIT */
/*
 * echoserver.c - a thread per connection that sends back what it gets, with plain blocking calls
 *
 *	echoserver
 *
 * Listens on a port of 127.0.0.1 that the kernel chose, prints it, and serves until standard input ends.
 * tests/bench/goecho.go is the same in Go, tests/bench/echoclient.c asks both.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096, BUFFER = 4096 };

static noreturn void die(const char *what, int err)
{
	fprintf(stderr, "echoserver: %s: %s\n", what, strerror(err));
	_exit(1);
}

static void *serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char buffer[BUFFER];
	ssize_t got;

	while ((got = read(fd, buffer, sizeof buffer)) > 0) {
		for (ssize_t done = 0, r; done < got; done += r) {
			r = write(fd, buffer + done, (size_t)(got - done));
			if (r < 0)
				die("write", errno);
		}
	}
	if (got < 0 && errno != ECONNRESET)
		die("read", errno);
	close(fd);
	return NULL;
}

static void *accept_all(void *arg)
{
	int listener = (int)(intptr_t)arg, on = 1, err;
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			die("accept", errno);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		err = pthread_create(&thread, &attr, serve, (void *)(intptr_t)fd);
		if (err)
			die("pthread_create", err);
	}
	return NULL;
}

int main(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	struct rlimit files;
	pthread_t thread;
	int listener, err;
	char end;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&at, len) ||
	    listen(listener, BACKLOG) || getsockname(listener, (struct sockaddr *)&at, &len))
		die("listen", errno);
	err = pthread_create(&thread, NULL, accept_all, (void *)(intptr_t)listener);
	if (err)
		die("pthread_create", err);
	printf("%d\n", ntohs(at.sin_port));
	fflush(stdout);
	while (read(STDIN_FILENO, &end, 1) > 0)
		;
	return 0;
}
