/* SPDX-License-Identifier: MIT */
/*
 * exit_from_thread - exit from a thread ends the process with its status while others block and
 * compute, and flushes
 *
 * uses: exit_group read futex
 * status: 3
 */
#include "prog.h"

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t bar;
static int fd[2];

static void at_exit(void)
{
	puts("atexit ran");
}

static void *reader(void *arg)
{
	char c;

	pthread_barrier_wait(&bar);
	CHECK(read(fd[0], &c, 1) == 9);
	return arg;
}

static void *locker(void *arg)
{
	pthread_barrier_wait(&bar);
	pthread_mutex_lock(&held);
	return arg;
}

static void *quitter(void *arg)
{
	pthread_barrier_wait(&bar);
	usleep(10000);
	printf("unflushed");
	exit(3);
	return arg;
}

int main(void)
{
	CHECK(pipe(fd) == 0);
	atexit(at_exit);
	pthread_mutex_lock(&held);
	pthread_barrier_init(&bar, NULL, 4);
	thread_start(reader, NULL);
	thread_start(locker, NULL);
	thread_start(quitter, NULL);
	pthread_barrier_wait(&bar);
	for (;;)
		pause();
}
