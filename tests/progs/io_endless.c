/* SPDX-License-Identifier: MIT */
/*
 * io_endless - what brings bytes without end brings as many as asked for, though threads that compute
 * and sleep make the library interrupt those that read
 *
 * uses: read, getrandom
 */
#include "prog.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/random.h>

enum { SIZE = 1 << 20, ROUNDS = 60 };

static atomic_int reading = 3;

static void *reader(void *arg)
{
	char *buf = malloc(SIZE);
	int fd = open(arg, O_RDONLY);

	CHECK(buf && fd >= 0);
	for (int i = 0; i < ROUNDS; i++)
		CHECK(read(fd, buf, SIZE) == SIZE);
	CHECK0(close(fd));
	free(buf);
	reading--;
	return NULL;
}

static void *roller(void *arg)
{
	char *buf = malloc(SIZE);

	CHECK(buf);
	for (int i = 0; i < ROUNDS; i++)
		CHECK(getrandom(buf, SIZE, 0) == SIZE);
	free(buf);
	reading--;
	return arg;
}

static void *sleeper(void *arg)
{
	while (reading > 0)
		CHECK0(usleep(500));
	return arg;
}

int main(void)
{
	pthread_t t[] = {
		thread_start(reader, "/dev/zero"), thread_start(reader, "/dev/urandom"),
		thread_start(roller, NULL),	   thread_start(sleeper, NULL),
		thread_start(sleeper, NULL),
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		thread_join(t[i]);
	printf("ok\n");
	return 0;
}
