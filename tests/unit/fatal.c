/* SPDX-License-Identifier: MIT */
/* The formatting that messages use where there is no stdio. */
#include "sched/base/fatal.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>

/* What printf() makes of a format that both know is what print_add() must make of it. */
#define SAME(...)                                                                                  \
	do {                                                                                       \
		char want_[128], got_[128];                                                        \
		struct print p_;                                                                   \
		int len_ = snprintf(want_, sizeof(want_), __VA_ARGS__);                            \
                                                                                                   \
		print_init(&p_, got_, sizeof(got_));                                               \
		print_add(&p_, __VA_ARGS__);                                                       \
		cr_assert_eq(p_.len, (size_t)len_);                                                \
		cr_assert_arr_eq(got_, want_, p_.len);                                             \
	} while (0)

Test(print, numbers)
{
	SAME("%d %d %d", 0, -1, INT_MAX);
	SAME("%u %u", 0U, UINT_MAX);
	SAME("%x %lx", 0xbeefU, ULONG_MAX);
	SAME("%ld %lu", LONG_MAX, ULONG_MAX);
	SAME("%5d|%05d|%2d", 42, 42, 12345);
}

Test(print, lowest_numbers)
{
	SAME("%d", INT_MIN);
	SAME("%ld", LONG_MIN);
}

Test(print, texts)
{
	SAME("%s%c%s %%", "go", '-', "threads");
	SAME("%p", (void *)0x1234);
}

Test(print, keeps_to_its_buffer)
{
	char buf[8] = "1234567";
	struct print p;

	print_init(&p, buf, 4);
	print_add(&p, "%s", "abcdefgh");
	cr_assert_eq(p.len, 4);
	cr_assert_str_eq(buf, "abcd567");
}
