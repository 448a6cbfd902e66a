/* SPDX-License-Identifier: MIT */
/*
 * file_io - threads that read regular files, /dev/null and /proc get what is there without blocking
 *
 * uses: read pread64 pwrite64 openat lseek
 */
#include "prog.h"

#include <fcntl.h>

static int fd;

static void *run(void *arg)
{
	off_t at = (intptr_t)arg * 4096;
	char mine[4096], buf[4096];

	memset(mine, 'a' + (int)(intptr_t)arg, sizeof(mine));
	for (int i = 0; i < 50; i++) {
		int proc = open("/proc/self/stat", O_RDONLY);

		CHECK(pwrite(fd, mine, sizeof(mine), at) == sizeof(mine));
		CHECK(pread(fd, buf, sizeof(buf), at) == sizeof(buf));
		CHECK(memcmp(buf, mine, sizeof(buf)) == 0);
		CHECK(read(0, buf, 10) == 0);
		CHECK(proc >= 0 && read(proc, buf, sizeof(buf)) > 0);
		CHECK(strtol(buf, NULL, 10) == getpid() && close(proc) == 0);
	}
	return NULL;
}

int main(void)
{
	char path[] = "/tmp/progs-file-XXXXXX";
	pthread_t t[8];

	fd = mkstemp(path);
	CHECK(fd >= 0 && unlink(path) == 0);
	for (intptr_t i = 0; i < 8; i++)
		t[i] = thread_start(run, (void *)i);
	for (int i = 0; i < 8; i++)
		thread_join(t[i]);
	printf("%ld\n", (long)lseek(fd, 0, SEEK_END));
	return 0;
}
