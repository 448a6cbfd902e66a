/* SPDX-License-Identifier: MIT */
/*
 * exec_signalled - a thread that is signalled again and again by others becomes one program after the other, and
 * none of them gets what was meant for the threads before it
 *
 * uses: execve tgkill
 */
#include "prog.h"

#include <semaphore.h>
#include <signal.h>

enum { THREADS = 2, PROGRAMS = 100 };

static sem_t ready;
static pthread_t main_thread;

static void nothing(int sig)
{
	(void)sig;
}

static void *hammer(void *arg)
{
	uint64_t val = 1;

	sem_post(&ready);
	/* A signal that the next program, which has no handler yet, ignores. The thread must get on with it. */
	for (;;) {
		val = compute(val, 20000);
		CHECK(val != 0); /* or the compiler leaves it out */
		CHECK0(pthread_kill(main_thread, SIGWINCH));
	}
	return arg;
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 0;
	char next[16];

	if (n == PROGRAMS) {
		puts("ok");
		return 0;
	}
	signal(SIGWINCH, nothing);
	sem_init(&ready, 0, 0);
	main_thread = pthread_self();
	for (int i = 0; i < THREADS; i++)
		thread_start(hammer, NULL);
	for (int i = 0; i < THREADS; i++)
		while (sem_wait(&ready) != 0)
			CHECK(errno == EINTR);
	CHECK_ERRNO(execl("/nonexistent/program", "program", NULL), ENOENT);
	snprintf(next, sizeof next, "%d", n + 1);
	execl("/proc/self/exe", argv[0], next, NULL);
	CHECK(!"exec");
	return 1;
}
