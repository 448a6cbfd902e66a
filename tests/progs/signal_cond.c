/* SPDX-License-Identifier: MIT */
/*
 * signal_cond - a signal for a thread in cond_wait, mutex_lock or join runs its handler there, and
 * the wait goes on
 *
 * uses: tgkill futex
 */
#include "signalled.h"

#include <semaphore.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static sem_t told;
static bool flag;

static void *in_cond(void *arg)
{
	pthread_mutex_lock(&lock);
	while (!flag)
		CHECK0(pthread_cond_wait(&cond, &lock));
	pthread_mutex_unlock(&lock);
	CHECK(signalled_mine >= 5);
	return arg;
}

static void *in_mutex(void *arg)
{
	CHECK0(pthread_mutex_lock(&lock));
	CHECK(signalled_mine >= 5);
	pthread_mutex_unlock(&lock);
	return arg;
}

static void *until_told(void *arg)
{
	sem_wait(&told);
	return arg;
}

static void *in_join(void *arg)
{
	thread_join(*(pthread_t *)arg);
	CHECK(signalled_mine >= 5);
	return NULL;
}

int main(void)
{
	pthread_t t, waiting;

	sem_init(&told, 0, 0);
	signalled_install(0);
	t = signalled_run(in_cond, NULL, 5);
	pthread_mutex_lock(&lock);
	flag = true;
	pthread_cond_signal(&cond);
	pthread_mutex_unlock(&lock);
	thread_join(t);

	pthread_mutex_lock(&lock);
	t = signalled_run(in_mutex, NULL, 5);
	pthread_mutex_unlock(&lock);
	thread_join(t);

	waiting = thread_start(until_told, NULL);
	t = signalled_run(in_join, &waiting, 5);
	sem_post(&told);
	thread_join(t);
	puts("ok");
	return 0;
}
