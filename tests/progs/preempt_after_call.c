/* SPDX-License-Identifier: MIT */
/*
 * preempt_after_call - threads that come out of a short sleep, a read or a poll and then only spin are
 * interrupted, however long the call took
 *
 * uses: clock_nanosleep read poll
 */
#include "prog.h"

#include <poll.h>
#include <stdatomic.h>

enum { SPINNERS = 3 };

static atomic_bool go;
static atomic_int spinning;
static int fds[2], after_us;

static void *spin(void *arg)
{
	intptr_t way = (intptr_t)arg;
	char byte;

	if (way == 0)
		usleep((unsigned)after_us);
	else if (way == 1)
		CHECK(read(fds[0], &byte, 1) == 1);
	else
		CHECK(poll(&(struct pollfd){ .fd = -1 }, 1, after_us / 1000) == 0);
	spinning++;
	while (!go)
		;
	return NULL;
}

int main(void)
{
	pthread_t t[SPINNERS];

	CHECK(pipe(fds) == 0);
	for (after_us = 1; after_us < 5000; after_us *= 3) {
		go = false;
		spinning = 0;
		for (intptr_t i = 0; i < SPINNERS; i++)
			t[i] = thread_start(spin, (void *)i);
		CHECK(write(fds[1], "", 1) == 1);
		/* Without a call: main, too, is interrupted and goes on. */
		while (spinning < SPINNERS)
			;
		go = true;
		for (int i = 0; i < SPINNERS; i++)
			thread_join(t[i]);
	}
	puts("ok");
	return 0;
}
