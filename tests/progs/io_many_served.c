/* SPDX-License-Identifier: MIT */
/*
 * io_many_served - of many threads that read one pipe, or accept from one socket, each gets its share
 *
 * uses: read write accept connect
 */
#include "prog.h"

#include <semaphore.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { READERS = 100, ACCEPTORS = 40 };

static int fds[2], listener;
static sem_t entering;

static void *reader(void *arg)
{
	char c;

	sem_post(&entering);
	CHECK(read(fds[0], &c, 1) == 1);
	return arg;
}

static void *acceptor(void *arg)
{
	int s;

	sem_post(&entering);
	CHECK((s = accept(listener, NULL, NULL)) >= 0);
	CHECK(write(s, "hello", 5) == 5);
	close(s);
	return arg;
}

static void readers(bool at_once)
{
	pthread_t t[READERS];
	char bytes[READERS] = {0};

	for (intptr_t i = 0; i < READERS; i++)
		t[i] = thread_start(reader, (void *)i);
	for (int i = 0; i < READERS; i++)
		sem_wait(&entering);
	if (at_once)
		CHECK(write(fds[1], bytes, READERS) == READERS);
	for (int i = 0; !at_once && i < READERS; i++)
		CHECK(write(fds[1], bytes, 1) == 1);
	for (intptr_t i = 0; i < READERS; i++)
		CHECK(thread_join(t[i]) == (void *)i);
}

static void acceptors(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	socklen_t len = sizeof a.sun_family;
	pthread_t t[ACCEPTORS];
	int client[ACCEPTORS];
	char hello[8];

	/* The kernel chooses an abstract name. */
	CHECK((listener = socket(AF_UNIX, SOCK_STREAM, 0)) >= 0);
	CHECK(bind(listener, (struct sockaddr *)&a, len) == 0 && listen(listener, ACCEPTORS) == 0);
	len = sizeof a;
	CHECK(getsockname(listener, (struct sockaddr *)&a, &len) == 0);
	for (intptr_t i = 0; i < ACCEPTORS; i++)
		t[i] = thread_start(acceptor, (void *)i);
	for (int i = 0; i < ACCEPTORS; i++)
		sem_wait(&entering);
	for (int i = 0; i < ACCEPTORS; i++) {
		CHECK((client[i] = socket(AF_UNIX, SOCK_STREAM, 0)) >= 0);
		CHECK(connect(client[i], (struct sockaddr *)&a, len) == 0);
	}
	for (int i = 0; i < ACCEPTORS; i++) {
		CHECK(recv(client[i], hello, 5, MSG_WAITALL) == 5);
		close(client[i]);
	}
	for (intptr_t i = 0; i < ACCEPTORS; i++)
		CHECK(thread_join(t[i]) == (void *)i);
}

int main(void)
{
	CHECK(pipe(fds) == 0 && sem_init(&entering, 0, 0) == 0);
	readers(false);
	readers(true);
	acceptors();
	puts("served");
	return 0;
}
