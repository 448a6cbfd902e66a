/* SPDX-License-Identifier: MIT */
/*
 * fork_hammer - fork from main while threads hammer malloc, stdio and a mutex leaves every child
 * able to use them
 *
 * uses: fork clone3 wait4 futex
 */
#include "prog.h"

#include <sys/wait.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int stop;
static FILE *null;

static void lock_it(void)
{
	pthread_mutex_lock(&lock);
}

static void unlock_it(void)
{
	pthread_mutex_unlock(&lock);
}

static void *hammer(void *arg)
{
	for (size_t n = 0; !__atomic_load_n(&stop, __ATOMIC_ACQUIRE); n++) {
		char *mem = malloc(n % 5000 + 1);

		pthread_mutex_lock(&lock);
		fprintf(null, "%zu %p\n", n, (void *)mem);
		pthread_mutex_unlock(&lock);
		free(mem);
		if (n % 64 == 0)
			sched_yield();
	}
	return arg;
}

int main(void)
{
	pthread_t t[4];
	int status;

	null = fopen("/dev/null", "w");
	CHECK(null);
	CHECK0(pthread_atfork(lock_it, unlock_it, unlock_it));
	for (int i = 0; i < 4; i++)
		t[i] = thread_start(hammer, NULL);
	for (int i = 0; i < 30; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			pthread_t h = thread_start(hammer, NULL);

			for (int j = 0; j < 100; j++)
				free(malloc(j * 100 + 1));
			__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
			thread_join(h);
			_exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < 4; i++)
		thread_join(t[i]);
	puts("ok");
	return 0;
}
