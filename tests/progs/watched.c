/* SPDX-License-Identifier: MIT */
/*
 * watched - for tests/watch.c: threads that wait in different ways until its input ends
 *
 * With a number, that many threads that compute. Says "ready" once all have begun; the runner looks at
 * what the library prints about them, then ends the input and gets "bye".
 */
#include "prog.h"

#include <sys/syscall.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t begun;
static bool over;
static int fd[2];

static void *in_cond_wait(void *arg)
{
	pthread_barrier_wait(&begun);
	pthread_mutex_lock(&lock);
	while (!over)
		pthread_cond_wait(&cond, &lock);
	pthread_mutex_unlock(&lock);
	return arg;
}

static void *in_read(void *arg)
{
	char c;

	pthread_barrier_wait(&begun);
	CHECK(read(fd[0], &c, 1) == 0);
	return arg;
}

/* In a system call that is not libc's. */
static void *in_unseen_read(void *arg)
{
	long ret;
	char c;

	pthread_barrier_wait(&begun);
	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(SYS_read), "D"(fd[0]), "S"(&c), "d"(1)
			 : "rcx", "r11", "memory");
	CHECK(ret == 0);
	return arg;
}

static void *in_sleep(void *arg)
{
	pthread_barrier_wait(&begun);
	sleep(1000);
	return arg;
}

enum { COMPUTING = 16 };

static bool stop;

static void *computing(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		;
	return arg;
}

/* N threads that compute instead. */
static int compute_by(int n)
{
	pthread_t t[COMPUTING];
	char c;

	CHECK(n <= COMPUTING);
	for (int i = 0; i < n; i++)
		t[i] = thread_start(computing, NULL);
	puts("ready");
	fflush(stdout);
	CHECK(read(STDIN_FILENO, &c, 1) == 0);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < n; i++)
		thread_join(t[i]);
	puts("bye");
	return 0;
}

int main(int argc, char **argv)
{
	pthread_t waiter, reader, unseen;
	char c;

	if (argc > 1)
		return compute_by(atoi(argv[1]));
	CHECK(pipe(fd) == 0);
	CHECK0(pthread_barrier_init(&begun, NULL, 5));
	waiter = thread_start(in_cond_wait, NULL);
	reader = thread_start(in_read, NULL);
	unseen = thread_start(in_unseen_read, NULL);
	thread_start(in_sleep, NULL);
	pthread_barrier_wait(&begun);
	puts("ready");
	fflush(stdout);

	CHECK(read(STDIN_FILENO, &c, 1) == 0);
	pthread_mutex_lock(&lock);
	over = true;
	pthread_cond_signal(&cond);
	pthread_mutex_unlock(&lock);
	CHECK(close(fd[1]) == 0);
	thread_join(waiter);
	thread_join(reader);
	thread_join(unseen);
	puts("bye");
	return 0;
}
