/* SPDX-License-Identifier: MIT */
/*
 * io_connect - threads whose connect takes long, for the listener's queue is full, are connected once there is
 * room; a limit of the socket's own is kept; and with goroutines they hold no kernel thread each
 *
 * uses: connect accept4 setsockopt
 * limit: 120
 */
#include "prog.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { N = 40, FEW = 24, FULL = 4, ROOM = 128 };

static struct sockaddr_in address;
static sem_t entering, done;

static void *client(void *arg)
{
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char c = 0;

	CHECK(s >= 0);
	sem_post(&entering);
	CHECK(connect(s, (void *)&address, sizeof address) == 0);
	CHECK((fcntl(s, F_GETFL) & O_NONBLOCK) == 0);
	CHECK(write(s, "x", 1) == 1 && read(s, &c, 1) == 1 && c == 'y');
	close(s);
	return arg;
}

static void *limited(void *arg)
{
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval tv = { 0, 50000 };

	CHECK(setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv) == 0);
	CHECK_ERRNO(connect(s, (void *)&address, sizeof address), EINPROGRESS);
	close(s);
	sem_post(&done);
	return arg;
}

int main(void)
{
	socklen_t len = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), refused, filler[FULL];
	pthread_t t[N], l;
	uint64_t sum = 0;

	address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	CHECK(bind(listener, (void *)&address, len) == 0 && getsockname(listener, (void *)&address, &len) == 0);
	refused = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_ERRNO(connect(refused, (void *)&address, len), ECONNREFUSED);
	CHECK(listen(listener, 1) == 0);
	for (int i = 0; i < FULL; i++) {
		filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		CHECK_ERRNO(connect(filler[i], (void *)&address, len), EINPROGRESS);
	}
	CHECK(sem_init(&entering, 0, 0) == 0 && sem_init(&done, 0, 0) == 0);
	for (intptr_t i = 0; i < N; i++)
		t[i] = thread_start(client, (void *)i);
	for (int i = 0; i < N; i++)
		sem_wait(&entering);
	l = thread_start(limited, NULL);
	for (int i = 0; i < 10; i++) {
		sum = compute(sum, 100000);
		sched_yield();
	}
	sem_wait(&done);
	thread_join(l);
	for (int i = 0; i < FULL; i++)
		close(filler[i]);
	CHECK(listen(listener, ROOM) == 0);
	for (int i = 0; i < N;) {
		int s = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		char c;

		CHECK(s >= 0);
		/* Those that filled the queue say nothing. */
		if (read(s, &c, 1) == 1) {
			CHECK(c == 'x' && write(s, "y", 1) == 1);
			i++;
		}
		close(s);
	}
	for (intptr_t i = 0; i < N; i++)
		CHECK(thread_join(t[i]) == (void *)i);
	CHECK(few_kernel_threads(FEW));
	puts("connected");
	return 0;
}
