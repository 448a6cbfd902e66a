/* SPDX-License-Identifier: MIT */
/*
 * io_pipe_stream - 4 MB run through a chain of five threads and pipes byte for byte
 *
 * uses: read write
 */
#include "prog.h"

enum { STAGES = 5, TOTAL = 4 << 20, CHUNK = 3000 };

static int fds[STAGES + 1][2];

static void *copy(void *arg)
{
	int in = fds[(intptr_t)arg][0], out = fds[(intptr_t)arg + 1][1];
	char buf[CHUNK];
	ssize_t n;

	while ((n = read(in, buf, sizeof(buf))) > 0)
		for (ssize_t done = 0, w; done < n; done += w) {
			w = write(out, buf + done, n - done);
			CHECK(w > 0);
		}
	CHECK(n == 0 && close(out) == 0);
	return NULL;
}

static void *produce(void *arg)
{
	char buf[4096];

	for (int at = 0; at < TOTAL; at += (int)sizeof(buf)) {
		for (size_t i = 0; i < sizeof(buf); i++)
			buf[i] = (char)((at + i) * 31 >> 3);
		CHECK(write(fds[0][1], buf, sizeof(buf)) == sizeof(buf));
	}
	CHECK(close(fds[0][1]) == 0);
	return arg;
}

int main(void)
{
	pthread_t t[STAGES + 1];
	char buf[8192];
	ssize_t n;
	int at = 0;

	for (int i = 0; i <= STAGES; i++)
		CHECK(pipe(fds[i]) == 0);
	t[STAGES] = thread_start(produce, NULL);
	for (intptr_t i = 0; i < STAGES; i++)
		t[i] = thread_start(copy, (void *)i);
	while ((n = read(fds[STAGES][0], buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++, at++)
			CHECK(buf[i] == (char)((size_t)at * 31 >> 3));
	for (int i = 0; i <= STAGES; i++)
		thread_join(t[i]);
	printf("%d\n", at);
	return 0;
}
