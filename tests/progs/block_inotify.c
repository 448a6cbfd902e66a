/* SPDX-License-Identifier: MIT */
/*
 * block_inotify - eight threads blocked in reading inotify leave the processor to one that computes
 * and makes a file
 *
 * uses: inotify_init1 inotify_add_watch read
 */
#include "blocked.h"

#include <fcntl.h>
#include <sys/inotify.h>

static char dir[] = "/tmp/progs-inotify-XXXXXX";

static void *wait_event(void *arg)
{
	char buf[1024];
	struct inotify_event *ev = (struct inotify_event *)(void *)buf;
	int fd = inotify_init1(IN_CLOEXEC);

	CHECK(fd >= 0 && inotify_add_watch(fd, dir, IN_CREATE) >= 0);
	blocked_now();
	CHECK(read(fd, buf, sizeof(buf)) > 0);
	CHECK(ev->mask == IN_CREATE && strcmp(ev->name, "file") == 0);
	CHECK(close(fd) == 0);
	return arg;
}

static void release(intptr_t i)
{
	char path[64];
	int fd;

	if (i != 0)
		return;
	snprintf(path, sizeof(path), "%s/file", dir);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	CHECK(fd >= 0 && close(fd) == 0 && unlink(path) == 0);
}

int main(void)
{
	CHECK(mkdtemp(dir));
	blocked_run(wait_event, release);
	CHECK(rmdir(dir) == 0);
	return 0;
}
