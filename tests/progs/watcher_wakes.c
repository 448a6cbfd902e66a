/* SPDX-License-Identifier: MIT */
/*
 * watcher_wakes - after all threads have been asleep, one that waits in a way that only the system
 * knows still lets the others run
 *
 * uses: poll, fifo
 */
#include "prog.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

static char path[] = "/tmp/gothreads-fifo-XXXXXX/fifo";

static void *writer(void *arg)
{
	int fd = open(path, O_WRONLY);

	CHECK(fd >= 0);
	CHECK(write(fd, "x", 1) == 1);
	CHECK0(close(fd));
	return arg;
}

static void *nothing(void *arg)
{
	return arg;
}

int main(void)
{
	char *slash = strrchr(path, '/'), c;
	pthread_t t;
	int fd;

	*slash = 0;
	CHECK(mkdtemp(path));
	*slash = '/';
	CHECK0(mkfifo(path, 0600));
	thread_join(thread_start(nothing, NULL));
	CHECK0(poll(NULL, 0, 100));
	t = thread_start(writer, NULL);
	fd = open(path, O_RDONLY);
	CHECK(fd >= 0);
	CHECK(read(fd, &c, 1) == 1 && c == 'x');
	thread_join(t);
	CHECK0(unlink(path));
	*slash = 0;
	CHECK0(rmdir(path));
	printf("ok\n");
	return 0;
}
