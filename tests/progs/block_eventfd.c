/* SPDX-License-Identifier: MIT */
/*
 * block_eventfd - eight threads blocked in reading an eventfd leave the processor to one that
 * computes
 *
 * uses: eventfd2 read write
 */
#include "blocked.h"

#include <sys/eventfd.h>

static int fd;

static void *wait_unit(void *arg)
{
	eventfd_t val;

	blocked_now();
	CHECK(eventfd_read(fd, &val) == 0 && val == 1);
	return arg;
}

static void release(intptr_t i)
{
	if (i == 0)
		CHECK(eventfd_write(fd, BLOCKED) == 0);
}

int main(void)
{
	fd = eventfd(0, EFD_SEMAPHORE);
	CHECK(fd >= 0);
	blocked_run(wait_unit, release);
	return 0;
}
