/* SPDX-License-Identifier: MIT */
/*
 * stack_fork - a child of a process with many threads makes as many of its own, in its memory and
 * not in the parent's, and so does its child
 *
 * uses: fork wait4 clone3 mmap munmap
 */
#include "prog.h"

#include <sys/wait.h>

enum { THREADS = 60 };

static pthread_barrier_t all_here;

static uint64_t deep(volatile char *above, int depth)
{
	volatile char frame[3000];

	memset((char *)frame, depth, sizeof(frame));
	frame[1] += above[0];
	return depth ? deep(frame, depth - 1) + (unsigned char)frame[2] : 0;
}

static void *run(void *arg)
{
	char first = 0;

	CHECK(deep(&first, 100) == 5050);
	pthread_barrier_wait(&all_here);
	return arg;
}

static void *wait_for_word(void *arg)
{
	pthread_mutex_t *lock = arg;

	CHECK0(pthread_mutex_lock(lock));
	CHECK0(pthread_mutex_unlock(lock));
	return arg;
}

static void many(void)
{
	pthread_t t[THREADS];

	CHECK0(pthread_barrier_init(&all_here, NULL, THREADS));
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < THREADS; i++)
			t[i] = thread_start(run, &t[i]);
		for (int i = 0; i < THREADS; i++)
			CHECK(thread_join(t[i]) == &t[i]);
	}
}

static void child_of(int left)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_t t[THREADS];
	int status = 0;
	pid_t pid;

	many();
	CHECK0(pthread_mutex_lock(&lock));
	for (int i = 0; i < THREADS; i++)
		t[i] = thread_start(wait_for_word, &lock);
	pid = left ? fork() : -1;
	if (pid == 0) {
		child_of(left - 1);
		exit(left);
	}
	if (left) {
		CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == left);
	}
	many();
	CHECK0(pthread_mutex_unlock(&lock));
	for (int i = 0; i < THREADS; i++)
		CHECK(thread_join(t[i]) == &lock);
}

int main(void)
{
	child_of(3);
	puts("ok");
	return 0;
}
