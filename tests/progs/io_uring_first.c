/* SPDX-License-Identifier: MIT */
/*
 * io_uring_first - a kernel thread that polls an io_uring of the program's is no thread of the
 * program's, and in nobody's way when the first of these is made
 *
 * uses: io_uring_setup clone3
 */
#include "prog.h"

#include <linux/io_uring.h>
#include <sys/syscall.h>

static void *run(void *arg)
{
	return arg;
}

int main(void)
{
	struct io_uring_params params = { .flags = IORING_SETUP_SQPOLL, .sq_thread_idle = 1000 };
	int fd = (int)syscall(SYS_io_uring_setup, 4, &params);

	if (fd < 0)
		prog_skip("no io_uring here");
	for (int i = 0; i < 10; i++)
		thread_join(thread_start(run, NULL));
	CHECK(close(fd) == 0);
	puts("ok");
	return 0;
}
