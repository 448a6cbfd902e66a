/* SPDX-License-Identifier: MIT */
/*
 * block_tty - eight threads blocked in reading terminals leave the processor to one that computes
 * and types
 *
 * uses: read write
 */
#include "blocked.h"

#include <fcntl.h>
#include <termios.h>

static int masters[BLOCKED], slaves[BLOCKED];

static void *wait_line(void *arg)
{
	char buf[16];

	blocked_now();
	CHECK(read(slaves[(intptr_t)arg], buf, sizeof(buf)) == 6 && memcmp(buf, "hello\n", 6) == 0);
	return arg;
}

static void release(intptr_t i)
{
	CHECK(write(masters[i], "hel", 3) == 3);
	CHECK(write(masters[i], "lo\n", 3) == 3);
}

int main(void)
{
	for (int i = 0; i < BLOCKED; i++) {
		char name[64];

		masters[i] = posix_openpt(O_RDWR | O_NOCTTY);
		if (masters[i] < 0)
			prog_skip("no terminals here");
		CHECK(grantpt(masters[i]) == 0 && unlockpt(masters[i]) == 0);
		CHECK0(ptsname_r(masters[i], name, sizeof(name)));
		slaves[i] = open(name, O_RDWR | O_NOCTTY);
		CHECK(slaves[i] >= 0);
	}
	blocked_run(wait_line, release);
	return 0;
}
