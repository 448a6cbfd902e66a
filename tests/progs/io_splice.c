/* SPDX-License-Identifier: MIT */
/*
 * io_splice - splice, tee, vmsplice and sendfile wait for pipes that are empty or full like read and write
 *
 * uses: splice tee vmsplice sendfile
 */
#include "blocked.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

static int in[BLOCKED][2], out[BLOCKED][2], file;

static void *move(void *arg)
{
	int from = in[(intptr_t)arg][0], to = out[(intptr_t)arg][1];

	blocked_now();
	if ((intptr_t)arg % 2)
		CHECK(splice(from, NULL, to, NULL, 4096, 0) == 5);
	else
		CHECK(tee(from, to, 4096, 0) == 5);
	return arg;
}

static void release(intptr_t i)
{
	struct iovec iov = { "hello", 5 };
	char buf[8];
	off_t at = 0;

	if (i % 3)
		CHECK(vmsplice(in[i][1], &iov, 1, 0) == 5);
	else
		CHECK(sendfile(in[i][1], file, &at, 5) == 5);
	CHECK(read(out[i][0], buf, sizeof(buf)) == 5 && memcmp(buf, "hello", 5) == 0);
}

int main(void)
{
	char path[] = "/tmp/progs-splice-XXXXXX";

	file = mkstemp(path);
	CHECK(file >= 0 && unlink(path) == 0 && write(file, "hello", 5) == 5);
	for (int i = 0; i < BLOCKED; i++)
		CHECK(pipe(in[i]) == 0 && pipe(out[i]) == 0);
	blocked_run(move, release);
	return 0;
}
