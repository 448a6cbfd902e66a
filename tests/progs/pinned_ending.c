/* SPDX-License-Identifier: MIT */
/*
 * pinned_ending - threads end, and others take their places, while their priorities are being set:
 * nobody is left behind
 *
 * uses: setpriority clone3 futex exit
 */
#include "prog.h"

#include <sys/resource.h>

enum { MAKERS = 8, PINNERS = 2, LIVES = 1000 };

static int tids[MAKERS];
static bool stop;

static void *live(void *arg)
{
	__atomic_store_n((int *)arg, gettid(), __ATOMIC_SEQ_CST);
	for (int i = 0; i < 3; i++)
		sched_yield();
	return arg;
}

static void *make(void *arg)
{
	for (int i = 0; i < LIVES; i++)
		CHECK(thread_join(thread_start(live, arg)) == arg);
	return arg;
}

/* Nobody knows which of them are still there. */
static void *pin(void *arg)
{
	for (int nice = 1; !__atomic_load_n(&stop, __ATOMIC_SEQ_CST); nice = nice % 5 + 1) {
		for (int i = 0; i < MAKERS; i++) {
			int tid = __atomic_load_n(&tids[i], __ATOMIC_SEQ_CST);

			if (tid)
				CHECK(setpriority(PRIO_PROCESS, (id_t)tid, nice) == 0 ||
				      errno == ESRCH);
		}
		sched_yield();
	}
	return arg;
}

int main(void)
{
	pthread_t makers[MAKERS], pinners[PINNERS];

	for (int i = 0; i < PINNERS; i++)
		pinners[i] = thread_start(pin, NULL);
	for (int i = 0; i < MAKERS; i++)
		makers[i] = thread_start(make, &tids[i]);
	for (int i = 0; i < MAKERS; i++)
		thread_join(makers[i]);
	__atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
	for (int i = 0; i < PINNERS; i++)
		thread_join(pinners[i]);
	puts("ok");
	return 0;
}
