/* SPDX-License-Identifier: MIT */
/*
 * mutex_robust_main - main ends as a thread and leaves a robust mutex locked: who waits for it is told
 *
 * uses: set_robust_list futex exit
 */
#include "prog.h"

static pthread_mutex_t mutex, early;
static pthread_t main_thread;

static void *heir(void *arg)
{
	CHECK_RET(pthread_mutex_lock(&mutex), EOWNERDEAD);
	CHECK0(pthread_mutex_consistent(&mutex));
	CHECK0(pthread_mutex_unlock(&mutex));
	CHECK_RET(pthread_mutex_lock(&early), EOWNERDEAD);
	CHECK0(pthread_join(main_thread, NULL));
	puts("ok");
	exit(0);
	return arg;
}

int main(void)
{
	pthread_mutexattr_t attr;

	CHECK0(pthread_mutexattr_init(&attr));
	CHECK0(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST));
	CHECK0(pthread_mutex_init(&mutex, &attr));
	CHECK0(pthread_mutex_init(&early, &attr));
	main_thread = pthread_self();
	/* One from before there were threads. */
	CHECK0(pthread_mutex_lock(&early));
	CHECK0(pthread_mutex_lock(&mutex));
	CHECK0(pthread_detach(thread_start(heir, NULL)));
	pthread_exit(NULL);
}
