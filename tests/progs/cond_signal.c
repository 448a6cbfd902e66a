/* SPDX-License-Identifier: MIT */
/*
 * cond_signal - each signal releases one of the waiters, and all waiters are released by as many
 * signals
 *
 * uses: futex
 */
#include "prog.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER, back = PTHREAD_COND_INITIALIZER;
static int waiting, tokens, released;

static void *wait_token(void *arg)
{
	pthread_mutex_lock(&lock);
	waiting++;
	pthread_cond_signal(&back);
	while (tokens == 0)
		CHECK0(pthread_cond_wait(&cond, &lock));
	tokens--;
	released++;
	pthread_cond_signal(&back);
	pthread_mutex_unlock(&lock);
	return arg;
}

int main(void)
{
	pthread_t t[20];

	for (int i = 0; i < 20; i++)
		t[i] = thread_start(wait_token, NULL);
	pthread_mutex_lock(&lock);
	while (waiting < 20)
		pthread_cond_wait(&back, &lock);
	for (int i = 1; i <= 20; i++) {
		tokens++;
		CHECK0(pthread_cond_signal(&cond));
		while (released < i)
			pthread_cond_wait(&back, &lock);
		CHECK(released == i);
	}
	pthread_mutex_unlock(&lock);
	for (int i = 0; i < 20; i++)
		thread_join(t[i]);
	printf("%d\n", released);
	return 0;
}
