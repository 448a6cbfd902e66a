/* SPDX-License-Identifier: MIT */
/*
 * aio - POSIX asynchronous reads and writes, whose helper threads glibc makes itself
 *
 * uses: pread64 pwrite64 futex clone3
 */
#include "prog.h"

#include <aio.h>
#include <fcntl.h>

enum { PARTS = 16, SIZE = 4096 };

static char bufs[PARTS][SIZE];

static void transfer(int fd, int op)
{
	static struct aiocb cbs[PARTS];
	struct aiocb *list[PARTS];

	memset(cbs, 0, sizeof(cbs));
	for (int i = 0; i < PARTS; i++) {
		cbs[i].aio_fildes = fd;
		cbs[i].aio_buf = bufs[i];
		cbs[i].aio_nbytes = SIZE;
		cbs[i].aio_offset = i * SIZE;
		cbs[i].aio_lio_opcode = op;
		list[i] = &cbs[i];
	}
	CHECK(lio_listio(LIO_WAIT, list, PARTS, NULL) == 0);
	for (int i = 0; i < PARTS; i++)
		CHECK(aio_error(&cbs[i]) == 0 && aio_return(&cbs[i]) == SIZE);
}

int main(void)
{
	char path[] = "/tmp/progs-aio-XXXXXX";
	const struct aiocb *one[1];
	struct aiocb cb = { 0 };
	int fd = mkstemp(path);

	CHECK(fd >= 0 && unlink(path) == 0);
	for (int i = 0; i < PARTS; i++)
		memset(bufs[i], i + 1, SIZE);
	transfer(fd, LIO_WRITE);
	memset(bufs, 0, sizeof(bufs));
	transfer(fd, LIO_READ);
	for (int i = 0; i < PARTS; i++)
		for (int j = 0; j < SIZE; j++)
			CHECK(bufs[i][j] == i + 1);
	cb.aio_fildes = fd;
	cb.aio_buf = bufs[0];
	cb.aio_nbytes = SIZE;
	cb.aio_offset = 5 * SIZE;
	one[0] = &cb;
	CHECK(aio_read(&cb) == 0);
	while (aio_error(&cb) == EINPROGRESS)
		CHECK(aio_suspend(one, 1, NULL) == 0 || errno == EINTR);
	CHECK(aio_return(&cb) == SIZE && bufs[0][0] == 6);
	puts("ok");
	return 0;
}
