/* SPDX-License-Identifier: MIT */
/*
 * io_talk - two threads that talk through pipes and sockets, then to another than they have talked to, one of
 * them while the other computes, and one with two to hear each word
 *
 * uses: read write
 * limit: 120
 */
#include "prog.h"

#include <sys/socket.h>
#include <sys/wait.h>

enum { TRIPS = 2000, ROUNDS = 20 };

static int there[2], back[2];
static int heard, stop; /* by __atomic_ */

static void put(int fd)
{
	CHECK(write(fd, "x", 1) == 1);
}

static void get(int fd)
{
	char c;

	CHECK(read(fd, &c, 1) == 1 && c == 'x');
}

static void *answer(void *arg)
{
	for (int i = 0; i < TRIPS; i++) {
		get(there[0]);
		put(back[1]);
	}
	return arg;
}

static void talk(void)
{
	pthread_t t = thread_start(answer, NULL);

	for (int i = 0; i < TRIPS; i++) {
		put(there[1]);
		get(back[0]);
	}
	thread_join(t);
}

/* Waits for a word of another process, right after it has woken the other thread. */
static void *ask_child(void *arg)
{
	put(there[1]);
	get(back[0]);
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	return arg;
}

static void child_answers(void)
{
	pid_t child;
	pthread_t t;
	uint64_t sum = 0;
	int status;

	stop = 0;
	t = thread_start(ask_child, NULL);
	get(there[0]);
	child = fork();
	CHECK(child >= 0);
	if (!child) {
		put(back[1]);
		_exit(0);
	}
	/* Computes until the other has heard it. */
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		sum = compute(sum, 1000);
	thread_join(t);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void *hear(void *arg)
{
	get(there[0]);
	__atomic_fetch_add(&heard, 1, __ATOMIC_RELAXED);
	return arg;
}

/* Two words at once, each for another. */
static void two_hear(void)
{
	pthread_t a = thread_start(hear, NULL), b = thread_start(hear, NULL);

	sched_yield();
	CHECK(write(there[1], "xx", 2) == 2);
	thread_join(a);
	thread_join(b);
}

static void all(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		talk();
		child_answers();
		two_hear();
	}
	CHECK(heard == 2 * ROUNDS);
	heard = 0;
}

int main(void)
{
	CHECK(pipe(there) == 0 && pipe(back) == 0);
	all();
	puts("pipes");
	for (int i = 0; i < 2; i++)
		close(there[i]), close(back[i]);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, there) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, back) == 0);
	all();
	puts("sockets");
	return 0;
}
