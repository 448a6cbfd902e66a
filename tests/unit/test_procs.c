/* SPDX-License-Identifier: MIT */
/* The default number of Ps, on made-up /proc and cgroup trees. */
#define _GNU_SOURCE
#include "sched/follow.h"
#include "sched/procs.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[] = "/tmp/procs.XXXXXX";

/* A file below root, with the folders on the way to it. */
static void file(const char *path, const char *text)
{
	char full[512];
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *p = full + sizeof(root); *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		mkdir(full, 0700);
		*p = '/';
	}
	f = fopen(full, "w");
	cr_assert_not_null(f, "%s", full);
	fputs(text, f);
	fclose(f);
}

static void v2(const char *group, const char *mountinfo)
{
	file("/proc/self/cgroup", group);
	file("/proc/self/mountinfo", mountinfo);
}

#define V2_MOUNT                                                                                   \
	"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"                                  \
	"31 22 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"

static void make_root(void)
{
	cr_assert_not_null(mkdtemp(root));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void remove_root(void)
{
	nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(procs_quota, .init = make_root, .fini = remove_root);

Test(procs_quota, nothing_to_read_is_no_limit)
{
	cr_assert_eq(procs_quota(root), PROCS_UNLIMITED);
	file("/proc/self/cgroup", "0::/a\n");
	cr_assert_eq(procs_quota(root), PROCS_UNLIMITED);
	file("/proc/self/mountinfo", "");
	cr_assert_eq(procs_quota(root), PROCS_UNLIMITED);
}

Test(procs_quota, v2_rounds_up)
{
	static const struct {
		const char *max;
		uint32_t want;
	} row[] = {
		{ "max 100000\n", PROCS_UNLIMITED },
		{ "100000 100000\n", 1 },
		{ "100001 100000\n", 2 },
		{ "250000 100000\n", 3 },
		{ "1000 100000\n", 1 },
		{ "400000 50000\n", 8 },
		{ "100000 0\n", PROCS_UNLIMITED },
		{ "99999999999999999999999 1\n", PROCS_UNLIMITED },
		{ "", PROCS_UNLIMITED },
		{ "200000", PROCS_UNLIMITED },
	};

	v2("0::/a\n", V2_MOUNT);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		file("/sys/fs/cgroup/a/cpu.max", row[i].max);
		cr_expect_eq(procs_quota(root), row[i].want, "%s", row[i].max);
	}
}

Test(procs_quota, v2_takes_the_least_of_all_ancestors)
{
	v2("0::/a/b/c\n", V2_MOUNT);
	file("/sys/fs/cgroup/a/b/c/cpu.max", "800000 100000\n");
	cr_expect_eq(procs_quota(root), 8);
	file("/sys/fs/cgroup/a/cpu.max", "300000 100000\n");
	cr_expect_eq(procs_quota(root), 3);
	file("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
	cr_expect_eq(procs_quota(root), 3);
	file("/sys/fs/cgroup/cpu.max", "200000 100000\n");
	cr_expect_eq(procs_quota(root), 2);
	/* Above the mount, and beside our path: none of ours. */
	file("/sys/fs/cpu.max", "100000 100000\n");
	file("/sys/fs/cgroup/a/d/cpu.max", "100000 100000\n");
	cr_expect_eq(procs_quota(root), 2);
}

Test(procs_quota, v2_root_group)
{
	v2("0::/\n", V2_MOUNT);
	file("/sys/fs/cgroup/cpu.max", "500000 100000\n");
	cr_expect_eq(procs_quota(root), 5);
}

Test(procs_quota, v2_mount_of_a_subtree)
{
	v2("0::/box/one/in\n", "31 22 0:26 /box/one /cg rw - cgroup2 cgroup2 rw\n");
	file("/cg/in/cpu.max", "600000 100000\n");
	cr_expect_eq(procs_quota(root), 6);
	file("/cg/cpu.max", "400000 100000\n");
	cr_expect_eq(procs_quota(root), 4);
	v2("0::/box/oneself\n", "31 22 0:26 /box/one /cg rw - cgroup2 cgroup2 rw\n");
	cr_expect_eq(procs_quota(root), PROCS_UNLIMITED);
	v2("0::/../other\n", "31 22 0:26 / /cg rw - cgroup2 cgroup2 rw\n");
	cr_expect_eq(procs_quota(root), PROCS_UNLIMITED);
}

Test(procs_quota, v2_mount_point_with_blanks)
{
	v2("0::/a\n", "31 22 0:26 / /my\\040cgroups\\134x rw - cgroup2 none rw\n");
	file("/my cgroups\\x/a/cpu.max", "700000 100000\n");
	cr_expect_eq(procs_quota(root), 7);
}

Test(procs_quota, v1)
{
	v2("9:cpuset:/a/b\n4:cpu,cpuacct:/a/b\n0::/\n",
	   "31 30 0:26 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
	   "32 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:4 - cgroup cgroup rw,cpu,cpuacct\n"
	   "33 30 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
	file("/sys/fs/cgroup/cpuset/a/b/cpu.cfs_quota_us", "100000\n");
	file("/sys/fs/cgroup/cpuset/a/b/cpu.cfs_period_us", "100000\n");
	file("/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n");
	file("/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n");
	cr_expect_eq(procs_quota(root), PROCS_UNLIMITED);
	file("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "150000\n");
	file("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "50000\n");
	cr_expect_eq(procs_quota(root), 3);
	file("/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "150000\n");
	cr_expect_eq(procs_quota(root), 2);
}

/* A container's overlay mount has lines longer than any buffer. */
Test(procs_quota, long_lines_are_passed_over)
{
	static char text[20000];
	size_t n = (size_t)sprintf(text, "22 1 0:20 / / rw - overlay overlay lowerdir=");

	for (; n < 15000; n++)
		text[n] = n % 50 ? 'x' : '/';
	strcpy(text + n, "\n" V2_MOUNT);
	v2("0::/a\n", text);
	file("/sys/fs/cgroup/a/cpu.max", "200000 100000\n");
	cr_expect_eq(procs_quota(root), 2);
}

/* What changes afterwards is seen; a file whose number the program wants is given up. */
Test(procs_quota, is_followed)
{
	cpu_set_t set;
	uint32_t all;

	cr_assert_eq(sched_getaffinity(0, sizeof(set), &set), 0);
	all = (uint32_t)CPU_COUNT(&set);
	file("/proc/self/cgroup", "0::/a\n1:cpu:/b\n");
	file("/proc/self/mountinfo", V2_MOUNT "32 22 0:30 / /v1 rw - cgroup cgroup rw,cpu\n");
	file("/sys/fs/cgroup/a/cpu.max", "max 100000\n");
	file("/v1/b/cpu.cfs_quota_us", "-1\n");
	file("/v1/b/cpu.cfs_period_us", "100000\n");
	cr_expect_eq(follow_begin(root), all);
	file("/sys/fs/cgroup/a/cpu.max", "100000 100000\n");
	cr_expect_eq(follow_now(), 1);
	file("/sys/fs/cgroup/a/cpu.max", "9000000 100000\n");
	cr_expect_eq(follow_now(), all);
	file("/v1/b/cpu.cfs_quota_us", "50000\n");
	cr_expect_eq(follow_now(), 1);
	for (int fd = 0; fd < 1 << 16; fd++)
		if (follow_owns(fd)) {
			follow_release(fd);
			cr_expect_lt(fcntl(fd, F_GETFD), 0);
			cr_expect_not(follow_owns(fd));
		}
	cr_expect_eq(follow_now(), all);
}

Test(procs, default_is_within_affinity)
{
	cpu_set_t set;
	uint32_t n = procs_default();

	cr_assert_eq(sched_getaffinity(0, sizeof(set), &set), 0);
	cr_expect_geq(n, 1);
	cr_expect_leq(n, (uint32_t)CPU_COUNT(&set));
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, &set)) {
			CPU_ZERO(&set);
			CPU_SET(i, &set);
			break;
		}
	}
	cr_assert_eq(sched_setaffinity(0, sizeof(set), &set), 0);
	cr_expect_eq(procs_default(), 1);
}

Test(procs, parse)
{
	static const char *const bad[] = { "",   "0",  "00", "-1",  "+4",  " 4",
					   "4 ", "4x", "x",  "0x4", "1.5", "4\n" };
	uint32_t n = 77;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_not(procs_parse(bad[i], &n), "'%s'", bad[i]);
	cr_expect_eq(n, 77);
	cr_expect(procs_parse("1", &n) && n == 1);
	cr_expect(procs_parse("007", &n) && n == 7);
	cr_expect(procs_parse("1024", &n) && n == 1024);
	cr_expect(procs_parse("1025", &n) && n == PROCS_MAX);
	cr_expect(procs_parse("4294967297", &n) && n == PROCS_MAX);
	cr_expect(procs_parse("184467440737095516160000000001", &n) && n == PROCS_MAX);
}
