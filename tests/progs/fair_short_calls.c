/* SPDX-License-Identifier: MIT */
/*
 * fair_short_calls - a thread that makes one system call after the other lets sleepers wake
 *
 * uses: read, sleep
 */
#include "prog.h"

#include <fcntl.h>
#include <stdatomic.h>

static atomic_bool stop;

static void *caller(void *arg)
{
	static char buf[1 << 19];
	int fd = open("/dev/zero", O_RDONLY);

	CHECK(fd >= 0);
	while (!stop)
		CHECK(read(fd, buf, sizeof(buf)) == sizeof(buf));
	CHECK0(close(fd));
	return arg;
}

int main(void)
{
	pthread_t t = thread_start(caller, NULL);

	for (int i = 0; i < 20; i++)
		CHECK0(usleep(1000));
	stop = true;
	thread_join(t);
	printf("ok\n");
	return 0;
}
