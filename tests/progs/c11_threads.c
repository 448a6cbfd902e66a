/* SPDX-License-Identifier: MIT */
/*
 * c11_threads - C11: threads, results, mutexes, conditions, thread storage with destructors, once,
 * sleep
 *
 * uses: clone3 futex clock_nanosleep
 */
#include "prog.h"

#include <threads.h>

static mtx_t lock;
static cnd_t turned;
static tss_t storage;
static once_flag flag = ONCE_FLAG_INIT;
static int turn, inits, dtors;

static void init(void)
{
	inits++;
}

static void dtor(void *val)
{
	CHECK(val == &turn);
	dtors++;
}

static int run(void *arg)
{
	int me = *(int *)arg;

	call_once(&flag, init);
	CHECK(tss_set(storage, &turn) == thrd_success);
	CHECK(mtx_lock(&lock) == thrd_success);
	while (turn != me)
		CHECK(cnd_wait(&turned, &lock) == thrd_success);
	turn++;
	CHECK(cnd_broadcast(&turned) == thrd_success);
	CHECK(mtx_unlock(&lock) == thrd_success);
	thrd_exit(me * 10);
}

int main(void)
{
	struct timespec nap = { 0, 2000000 }, soon;
	int ids[10], res;
	thrd_t t[10];

	CHECK(mtx_init(&lock, mtx_timed) == thrd_success && cnd_init(&turned) == thrd_success);
	CHECK(tss_create(&storage, dtor) == thrd_success);
	for (int i = 9; i >= 0; i--) {
		ids[i] = i;
		CHECK(thrd_create(&t[i], run, &ids[i]) == thrd_success);
	}
	for (int i = 0; i < 10; i++)
		CHECK(thrd_join(t[i], &res) == thrd_success && res == i * 10);
	CHECK(mtx_lock(&lock) == thrd_success && mtx_trylock(&lock) == thrd_busy);
	soon = clock_after(CLOCK_REALTIME, 20);
	CHECK(mtx_timedlock(&lock, &soon) == thrd_timedout);
	CHECK(cnd_timedwait(&turned, &lock, &soon) == thrd_timedout);
	CHECK(thrd_sleep(&nap, NULL) == 0);
	thrd_yield();
	printf("turn %d, inits %d, dtors %d, equal %d\n", turn, inits, dtors,
	       thrd_equal(thrd_current(), thrd_current()) != 0);
	return 0;
}
