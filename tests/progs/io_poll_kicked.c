/* SPDX-License-Identifier: MIT */
/*
 * io_poll_kicked - poll and select say nothing of signals where the program sends none, though threads
 * that compute and sleep make the library interrupt those that ask
 *
 * uses: poll, select, pipe
 */
#include "prog.h"

#include <poll.h>
#include <stdatomic.h>
#include <sys/select.h>

enum { PAIRS = 4, ROUNDS = 150, HOGS = 3 };

static int pipes[2 * PAIRS][2];
static atomic_int playing = 2 * PAIRS;

static void wait_for(int fd, bool by_select)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	fd_set set;

	if (!by_select) {
		CHECK(poll(&p, 1, -1) == 1);
		return;
	}
	FD_ZERO(&set);
	FD_SET(fd, &set);
	CHECK(select(fd + 1, &set, NULL, NULL, NULL) == 1);
}

static void *player(void *arg)
{
	int me = (int)(intptr_t)arg, other = me ^ 1;
	char c = 0;

	for (int i = 0; i < ROUNDS; i++) {
		if (!(me & 1))
			CHECK(write(pipes[other][1], &c, 1) == 1);
		wait_for(pipes[me][0], me & 2);
		CHECK(read(pipes[me][0], &c, 1) == 1);
		if (me & 1)
			CHECK(write(pipes[other][1], &c, 1) == 1);
	}
	playing--;
	return NULL;
}

static void *hog(void *arg)
{
	while (playing > 0)
		*(uint64_t *)arg = compute(*(uint64_t *)arg, 1000);
	return NULL;
}

static void *sleeper(void *arg)
{
	while (playing > 0)
		CHECK0(usleep(300));
	return arg;
}

int main(void)
{
	pthread_t t[2 * PAIRS + HOGS + 1];
	uint64_t work[HOGS] = { 0 };
	int n = 0;

	for (intptr_t i = 0; i < 2 * PAIRS; i++)
		CHECK0(pipe(pipes[i]));
	for (intptr_t i = 0; i < 2 * PAIRS; i++)
		t[n++] = thread_start(player, (void *)i);
	for (int i = 0; i < HOGS; i++)
		t[n++] = thread_start(hog, &work[i]);
	t[n++] = thread_start(sleeper, NULL);
	for (int i = 0; i < n; i++)
		thread_join(t[i]);
	printf("ok\n");
	return 0;
}
