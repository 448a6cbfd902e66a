/* SPDX-License-Identifier: MIT */
/*
 * cond_destroy - a condition may be destroyed and its memory used again as soon as its waiters are
 * released
 *
 * uses: futex
 */
#include "prog.h"

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool open;
	int left;
};

static void *pass(void *arg)
{
	struct gate *g = arg;

	pthread_mutex_lock(&g->lock);
	while (!g->open)
		pthread_cond_wait(&g->cond, &g->lock);
	g->left--;
	pthread_mutex_unlock(&g->lock);
	return NULL;
}

int main(void)
{
	for (int round = 0; round < 300; round++) {
		struct gate *g = calloc(1, sizeof(*g));
		pthread_t t[4];

		CHECK(g);
		CHECK0(pthread_mutex_init(&g->lock, NULL));
		CHECK0(pthread_cond_init(&g->cond, NULL));
		g->left = 4;
		for (int i = 0; i < 4; i++)
			t[i] = thread_start(pass, g);
		pthread_mutex_lock(&g->lock);
		g->open = true;
		pthread_cond_broadcast(&g->cond);
		pthread_mutex_unlock(&g->lock);
		CHECK0(pthread_cond_destroy(&g->cond)); /* waits until nobody uses it */
		memset(&g->cond, 0xff, sizeof(g->cond));
		for (int i = 0; i < 4; i++)
			thread_join(t[i]);
		CHECK(g->left == 0);
		CHECK0(pthread_mutex_destroy(&g->lock));
		free(g);
	}
	puts("ok");
	return 0;
}
