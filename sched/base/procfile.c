/* SPDX-License-Identifier: MIT */
/* Sets of signals in files below /proc. See procfile.h. */
#include "sched/base/procfile.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>

#include "sched/base/raw.h"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

uint64_t procfile_set(const char *path, const char *key)
{
	char buf[512];
	uint64_t set = 0;
	const char *at = key;
	long fd, n;
	bool done = false;

	fd = raw4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	if (raw_failed(fd))
		return 0;
	while (!done && (n = raw3(SYS_read, fd, buf, sizeof buf)) > 0)
		for (long i = 0; i < n && !done; i++) {
			if (*at)
				at = buf[i] == *at ? at + 1 : key + (buf[i] == *key);
			else if (hex(buf[i]) >= 0)
				set = set << 4 | (uint64_t)hex(buf[i]);
			else
				done = true;
		}
	raw1(SYS_close, fd);
	return set;
}
