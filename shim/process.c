/* SPDX-License-Identifier: MIT */
/* What the process looks like. See process.h. */
#include "shim/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>

#include "sched/arch/arch.h"
#include "sched/base/procfile.h"
#include "sched/base/raw.h"

enum { BUF = 4096 };

static long open_proc(const char *path, int flags)
{
	return raw4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | flags, 0);
}

static int32_t number(const char *s)
{
	int32_t n = 0;

	for (; *s >= '0' && *s <= '9'; s++)
		n = n * 10 + (*s - '0');
	return n;
}

/* Is the thread one of the kernel's own, which works for an io_uring of ours? proc(5): in the file stat
 * the flags are the seventh field behind the name, which is in parentheses. */
static bool works_for_io_uring(const char *tid)
{
	enum { FLAGS = 7, PF_IO_WORKER = 0x10 };
	char path[64] = "/proc/self/task/", buf[512];
	const char *s = buf, *name_end = NULL;
	size_t n = strlen(path), k = strlen(tid);
	long fd, len;
	uint64_t flags = 0;

	if (n + k + sizeof "/stat" > sizeof path)
		return false;
	memcpy(path + n, tid, k);
	memcpy(path + n + k, "/stat", sizeof "/stat");
	fd = open_proc(path, 0);
	if (fd < 0)
		return false;
	len = raw3(SYS_read, fd, buf, sizeof buf - 1);
	raw1(SYS_close, fd);
	buf[len > 0 ? len : 0] = '\0';
	for (; *s; s++)
		if (*s == ')')
			name_end = s;
	s = name_end ? name_end : s;
	for (int field = 0; *s && field < FLAGS; s++)
		field += *s == ' ';
	for (; *s >= '0' && *s <= '9'; s++)
		flags = flags * 10 + (uint64_t)(*s - '0');
	return flags & PF_IO_WORKER;
}

bool process_tasks(void (*fn)(int32_t tid))
{
	char buf[BUF] __attribute__((aligned(8)));
	long fd = open_proc("/proc/self/task", O_DIRECTORY), len;
	bool first = true; /* the process's own: no need to look */

	if (fd < 0)
		return false;
	while ((len = raw3(SYS_getdents64, fd, buf, sizeof buf)) > 0)
		for (long at = 0; at < len;) {
			const struct dirent64 *d = (const void *)(buf + at);

			at += d->d_reclen;
			if (d->d_name[0] == '.')
				continue;
			if (first || !works_for_io_uring(d->d_name))
				fn(number(d->d_name));
			first = false;
		}
	raw1(SYS_close, fd);
	return len == 0;
}

static int tasks;

static void count_task(int32_t tid)
{
	(void)tid;
	tasks++;
}

bool process_has_others(void)
{
	tasks = 0;
	return !process_tasks(count_task) || tasks != 1;
}

/* Calls LINE for each line of the file, without its newline and cut off where it is long. */
static void each_line(const char *path, void (*line)(const char *s, void *arg), void *arg)
{
	char buf[BUF], text[128];
	long fd = open_proc(path, 0), len;
	size_t n = 0;

	if (fd < 0)
		return;
	while ((len = raw3(SYS_read, fd, buf, sizeof buf)) > 0)
		for (long i = 0; i < len; i++) {
			if (buf[i] != '\n') {
				if (n < sizeof text - 1)
					text[n++] = buf[i];
				continue;
			}
			text[n] = '\0';
			line(text, arg);
			n = 0;
		}
	raw1(SYS_close, fd);
}

static uintptr_t hex(const char **s)
{
	uintptr_t v = 0;

	for (;; (*s)++) {
		if (**s >= '0' && **s <= '9')
			v = v * 16 + (uintptr_t)(**s - '0');
		else if (**s >= 'a' && **s <= 'f')
			v = v * 16 + (uintptr_t)(**s - 'a' + 10);
		else
			return v;
	}
}

struct map_reader {
	void (*fn)(uintptr_t lo, uintptr_t hi, bool shared);
};

/* proc(5): 00400000-00452000 r-xp 00000000 08:02 173521  /usr/bin/dbus-daemon */
static void map_line(const char *s, void *arg)
{
	const struct map_reader *r = arg;
	uintptr_t lo = hex(&s), hi;

	if (*s++ != '-')
		return;
	hi = hex(&s);
	if (*s == ' ' && strlen(s) >= 5)
		r->fn(lo, hi, s[4] == 's');
}

void process_maps(void (*fn)(uintptr_t lo, uintptr_t hi, bool shared))
{
	struct map_reader r = { fn };

	each_line("/proc/self/maps", map_line, &r);
}

uint64_t process_signalfds(void)
{
	static const char is[] = "anon_inode:[signalfd]";
	char buf[BUF] __attribute__((aligned(8))), target[sizeof is];
	long fd = open_proc("/proc/self/fd", O_DIRECTORY), len;
	uint64_t all = 0;

	if (fd < 0)
		return 0;
	while ((len = raw3(SYS_getdents64, fd, buf, sizeof buf)) > 0)
		for (long at = 0; at < len;) {
			const struct dirent64 *d = (const void *)(buf + at);
			char path[64] = "/proc/self/fdinfo/";
			size_t n = strlen(path), k = strlen(d->d_name);

			at += d->d_reclen;
			if (n + k >= sizeof path ||
			    raw4(SYS_readlinkat, fd, d->d_name, target, sizeof target) !=
				    sizeof is - 1 ||
			    memcmp(target, is, sizeof is - 1) != 0)
				continue;
			memcpy(path + n, d->d_name, k + 1);
			all |= procfile_set(path, "\nsigmask:\t");
		}
	raw1(SYS_close, fd);
	return all;
}

/* ---- What we do not do -------------------------------------------------------------------- */

/* The seccomp filters when the process began: those of its container, which let threads be made. One
 * that the program has added since may know every call that its threads make, and none of ours. */
static int filters_first;

static void filters_line(const char *s, void *arg)
{
	static const char key[] = "Seccomp_filters:";

	if (strncmp(s, key, sizeof key - 1) != 0)
		return;
	for (s += sizeof key - 1; *s == '\t' || *s == ' '; s++)
		;
	*(int *)arg = number(s);
}

static int filters(void)
{
	int n = 1; /* before Linux 5.9 nobody says how many */

	if (raw2(SYS_prctl, PR_GET_SECCOMP, 0) != SECCOMP_MODE_FILTER)
		return 0;
	each_line("/proc/self/status", filters_line, &n);
	return n;
}

static void __attribute__((constructor)) process_began(void)
{
	filters_first = filters();
}

const char *process_unfit(void)
{
	if (filters() > filters_first)
		return "the program has installed a seccomp filter";
	if (arch_shadow_stack())
		return "the process has a user shadow stack";
	return NULL;
}
