/* SPDX-License-Identifier: MIT */
/* The table of system calls: against the kernel headers that are installed, and signal(7). */
#include "interpose/table.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

struct number {
	long nr;
	const char *name;
};

/* The rows as they are written, so that two of one number are two here. */
static const struct number written[] = {
#define ROW(class_, name_, flags_, note_) { __NR_##name_, #name_ },
#include "interpose/table.h"
};

enum { WRITTEN = sizeof(written) / sizeof(written[0]) };

static FILE *open_header(void)
{
	static const char *const paths[] = {
		"/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
		"/usr/include/asm/unistd_64.h",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		FILE *f = fopen(paths[i], "r");

		if (f)
			return f;
	}
	return NULL;
}

Test(table, every_number_of_the_headers_has_one_row)
{
	FILE *f = open_header();
	char line[256], name[128];
	unsigned seen = 0;
	long nr;

	if (!f)
		cr_skip_test("no asm/unistd_64.h below /usr/include");
	while (fgets(line, sizeof(line), f)) {
		unsigned found = 0;

		if (sscanf(line, "#define __NR_%127s %ld", name, &nr) != 2)
			continue;
		seen++;
		for (size_t i = 0; i < WRITTEN; i++) {
			if (written[i].nr != nr)
				continue;
			found++;
			cr_expect_str_eq(written[i].name, name);
		}
		cr_expect_eq(found, 1, "%s (%ld) has %u rows", name, nr, found);
	}
	fclose(f);
	/* Linux 5.0 had 335: less means that the header was not understood. */
	cr_expect_geq(seen, 335, "only %u numbers found", seen);
}

Test(table, rows_are_in_order_and_found_by_number)
{
	for (size_t i = 0; i < WRITTEN; i++) {
		const struct row *r = table_row(written[i].nr);

		if (i)
			cr_expect_lt(written[i - 1].nr, written[i].nr, "%s", written[i].name);
		cr_assert_not_null(r, "%s", written[i].name);
		cr_expect_str_eq(r->name, written[i].name);
	}
}

Test(table, other_numbers_have_no_row)
{
	const long last = written[WRITTEN - 1].nr;

	cr_expect_null(table_row(-1));
	cr_expect_null(table_row(LONG_MIN));
	cr_expect_null(table_row(400), "a gap");
	cr_expect_null(table_row(last + 1));
	cr_expect_null(table_row(__NR_read | 1L << 32), "64 bits count");
	cr_expect(table_wants(-1), "not known: may block");
	cr_expect(table_wants((int)last + 1));
}

Test(table, rows_say_what_they_should)
{
	for (size_t i = 0; i < WRITTEN; i++) {
		const struct row *r = table_row(written[i].nr);
		bool left = r->class == CLASS_PASS || r->class == CLASS_NEVER;

		cr_expect(r->note && strlen(r->note) >= 10, "%s: a reason is missing", r->name);
		cr_expect_eq(table_wants((int)written[i].nr), !left, "%s", r->name);
		if (left)
			cr_expect_eq(r->flags, 0, "%s: no body, nothing to flag", r->name);
		if (r->flags & RESTART)
			cr_expect(r->flags & INTR, "%s: restarts what is never ended", r->name);
		if (r->flags & SOTIMEO)
			cr_expect(r->flags & RESTART, "%s", r->name);
	}
}

/*
 * What signal(7) says, "Interruption of system calls ... by signal handlers", and
 * the variants of the calls it lists that it leaves out (openat, accept4, sendmmsg ...).
 */
static const struct expected {
	long nr;
	unsigned flags;
} expected[] = {
	/* Restarted with SA_RESTART. */
	{ __NR_read, INTR | RESTART | SOTIMEO },
	{ __NR_readv, INTR | RESTART | SOTIMEO },
	{ __NR_write, INTR | RESTART | SOTIMEO },
	{ __NR_writev, INTR | RESTART | SOTIMEO },
	{ __NR_ioctl, INTR | RESTART },
	{ __NR_open, INTR | RESTART },
	{ __NR_openat, INTR | RESTART },
	{ __NR_wait4, INTR | RESTART },
	{ __NR_waitid, INTR | RESTART },
	{ __NR_accept, INTR | RESTART | SOTIMEO },
	{ __NR_accept4, INTR | RESTART | SOTIMEO },
	{ __NR_connect, INTR | RESTART | SOTIMEO },
	{ __NR_recvfrom, INTR | RESTART | SOTIMEO },
	{ __NR_recvmmsg, INTR | RESTART | SOTIMEO },
	{ __NR_recvmsg, INTR | RESTART | SOTIMEO },
	{ __NR_sendto, INTR | RESTART | SOTIMEO },
	{ __NR_sendmsg, INTR | RESTART | SOTIMEO },
	{ __NR_sendmmsg, INTR | RESTART | SOTIMEO },
	{ __NR_flock, INTR | RESTART },
	{ __NR_fcntl, INTR | RESTART },
	{ __NR_mq_timedreceive, INTR | RESTART },
	{ __NR_mq_timedsend, INTR | RESTART },
	{ __NR_futex, INTR | RESTART },
	{ __NR_getrandom, INTR | RESTART },
	/* Never restarted. */
	{ __NR_pause, INTR },
	{ __NR_rt_sigsuspend, INTR },
	{ __NR_rt_sigtimedwait, INTR },
	{ __NR_epoll_wait, INTR },
	{ __NR_epoll_pwait, INTR },
	{ __NR_poll, INTR },
	{ __NR_ppoll, INTR },
	{ __NR_select, INTR },
	{ __NR_pselect6, INTR },
	{ __NR_msgrcv, INTR },
	{ __NR_msgsnd, INTR },
	{ __NR_semop, INTR },
	{ __NR_semtimedop, INTR },
	{ __NR_clock_nanosleep, INTR },
	{ __NR_nanosleep, INTR },
	{ __NR_io_getevents, INTR },
};

Test(table, interruption_is_that_of_signal_7)
{
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		const struct row *r = table_row(expected[i].nr);

		cr_expect(table_wants((int)expected[i].nr), "%s blocks, it must be patched",
			  r->name);
		cr_expect_eq(r->flags & (INTR | RESTART | SOTIMEO), expected[i].flags,
			     "%s: flags %#x", r->name, r->flags);
	}
}
