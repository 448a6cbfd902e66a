/* SPDX-License-Identifier: MIT */
/*
 * Files of threads below /proc.
 *
 * The kernel has no directory for a G. A path that leads through one, by /proc/self/task/TID, /proc/TID or
 * /proc/thread-self, is led to that of a kernel thread instead: the G's own, if it has one, the calling one
 * for the calling G, else that of the process's first. So what is the process's, its memory, files and
 * limits, is what the program would have found.
 *
 * What is the thread's own is written anew, into a file in memory: comm (sys_name.c), stat, status and
 * schedstat. These are as of the time at which they were opened, and what we do not count (faults,
 * switches, priorities) is the kernel thread's. The stat and status of the process itself, too, are
 * written anew, for they tell how many threads it has: Gs, not Ms.
 *
 * A path relative to an open directory is not looked at.
 */
#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stddef.h>

#include "interpose/seam.h"
#include "interpose/table.h"
#include "sched/base/fatal.h"
#include "sched/base/mem.h"
#include "sched/base/raw.h"
#include "sched/cputime.h"
#include "sched/gtab.h"
#include "sched/proc.h"
#include "sched/signal.h"

enum {
	PATH = 128, /* longer ones are left alone */
	TEXT = 2560,
	NS_A_TICK = 10000000, /* of the clock that stat counts by */
};

struct task_path {
	struct g *g; /* whose file it is; the main G's may be the kernel's as it is */
	bool process; /* not the thread's, but the process's */
	const char *rest; /* in TEXT, from the slash on, or empty */
	char text[PATH];
};

/* ---- paths --------------------------------------------------------------------------------- */

/* *S without WORD at its beginning. */
static bool skip(const char **s, const char *word)
{
	const char *at = *s;

	while (*word && *at == *word)
		at++, word++;
	if (*word)
		return false;
	*s = at;
	return true;
}

static bool is(const char *s, const char *word)
{
	return skip(&s, word) && !*s;
}

static int32_t number(const char **s)
{
	int64_t n = 0;

	if (**s < '1' || **s > '9')
		return -1;
	while (**s >= '0' && **s <= '9' && n <= INT32_MAX)
		n = 10 * n + *(*s)++ - '0';
	return n <= INT32_MAX ? (int32_t)n : -1;
}

/* Does the path at USER, of SELF's, lead to a file of a G's or of the process? */
static bool find(struct g *self, const char *user, struct task_path *t)
{
	const char *s = t->text;
	int32_t pid, tid;

	/* Nearly all end here. */
	if (arch_copy_user(t->text, user, 6))
		return false;
	t->text[6] = '\0';
	if (!skip(&s, "/proc/"))
		return false;
	for (size_t i = 6;; i++) {
		if (i == sizeof t->text || arch_copy_user(&t->text[i], user + i, 1))
			return false;
		if (!t->text[i])
			break;
	}
	t->process = false;
	t->g = self;
	if (!skip(&s, "thread-self")) {
		pid = (int32_t)raw0(SYS_getpid);
		tid = skip(&s, "self") ? pid : number(&s);
		if (tid != pid && (tid < GTAB_TID_FIRST || !gtab_find(tid)))
			return false;
		if (skip(&s, "/task/")) {
			t->g = gtab_find(number(&s));
		} else {
			t->process = true;
			t->g = gtab_find(tid);
		}
	}
	t->rest = s;
	return t->g && (!*s || *s == '/');
}

/* The kernel's thread that stands for T's where SELF asks. Main's name is that of the process. */
static int32_t stand_in(const struct g *self, const struct task_path *t)
{
	const struct m *own = atomic_load(&t->g->own_m);
	int32_t tid = -1;

	if (t->g == self && !(t->g->main && is(t->rest, "/comm")))
		tid = (int32_t)raw0(SYS_gettid);
	else if (t->g != self && own)
		tid = own->tid;
	return tid > 0 ? tid : (int32_t)raw0(SYS_getpid);
}

/* The path that the kernel knows; *S is to be asked for it in argument N. */
static void lead(const struct g *self, const struct task_path *t, char path[PATH + 32], struct seam *s, int n)
{
	struct print p;

	print_init(&p, path, PATH + 32);
	if (t->process)
		print_add(&p, "/proc/self%s%c", t->rest, 0);
	else
		print_add(&p, "/proc/self/task/%d%s%c", stand_in(self, t), t->rest, 0);
	s->arg[n] = (long)path;
}

/* ---- what is in the files -------------------------------------------------------------------- */

/* The file NAME of the kernel's that stands for T, into TEXT: its length, or -errno. */
static long read_kernels(const struct g *self, const struct task_path *t, char text[TEXT])
{
	char path[PATH + 32];
	struct seam at;
	long fd, n;

	lead(self, t, path, &at, 0);
	fd = raw3(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (raw_failed(fd))
		return fd;
	n = raw3(SYS_read, fd, text, TEXT - 1);
	raw1(SYS_close, fd);
	text[n > 0 ? n : 0] = '\0';
	return n;
}

/* The threads of the process: the kernel's COUNT without the Ms, and the Gs. */
static int threads(int count)
{
	for (const struct m *m = sched.all_ms; m; m = m->all_link)
		count -= m->tid > 0;
	/* The kernel keeps its first thread, though it may have ended. */
	return count + (int)gtab_alive() + !gtab_find((int32_t)raw0(SYS_getpid));
}

static char state(const struct g *g)
{
	const uint32_t status = atomic_load(&g->status);

	return status == G_RUNNING || status == G_RUNNABLE ? 'R' : 'S';
}

static int64_t cpu_time(const struct g *g)
{
	if (!atomic_load(&cputime_counted))
		cputime_begin();
	return cputime_of(g);
}

static void put(struct print *p, const char *from, const char *to)
{
	for (; from < to; from++)
		print_add(p, "%c", *from);
}

/* proc_pid_stat(5) */
static void make_stat(struct print *p, const struct task_path *t, const char *text)
{
	enum { STATE = 3, UTIME = 14, STIME = 15, THREADS = 20 };
	const char *s = text, *at, *end;

	for (at = text; *at; at++)
		if (*at == ')')
			s = at + 1;
	if (t->process)
		put(p, text, s);
	else
		print_add(p, "%d (%s)", t->g->tid, seam_name(t->g));
	for (int field = STATE; *s; field++, s = end) {
		for (at = s; *at == ' '; at++)
			;
		for (end = at; *end && *end != ' '; end++)
			;
		if (field == THREADS)
			print_add(p, " %d", threads(number(&at)));
		else if (t->process || (field != STATE && field != UTIME && field != STIME))
			put(p, s, end);
		else if (field == STATE)
			print_add(p, " %c", state(t->g));
		else
			print_add(p, " %ld", field == UTIME ? cpu_time(t->g) / NS_A_TICK : 0);
	}
}

static void make_status(struct print *p, const struct task_path *t, const char *text)
{
	const struct g *g = t->g;
	const char *s = text, *end;
	uint64_t ign, caught;

	sig_dispositions(&ign, &caught);
	for (; *s; s = end) {
		const char *at = s;

		for (end = s; *end && *end++ != '\n';)
			;
		if (skip(&at, "Threads:\t"))
			print_add(p, "Threads:\t%d\n", threads(number(&at)));
		else if (skip(&at, "SigIgn:"))
			print_add(p, "SigIgn:\t%016lx\n", ign);
		else if (skip(&at, "SigCgt:"))
			print_add(p, "SigCgt:\t%016lx\n", caught);
		else if (skip(&at, "SigPnd:"))
			print_add(p, "SigPnd:\t%016lx\n", atomic_load(&g->pending.set));
		else if (skip(&at, "ShdPnd:"))
			print_add(p, "ShdPnd:\t%016lx\n", sig_pending(g) & ~atomic_load(&g->pending.set));
		else if (skip(&at, "SigBlk:"))
			print_add(p, "SigBlk:\t%016lx\n", atomic_load(&g->sigmask));
		else if (!t->process && skip(&at, "Name:"))
			print_add(p, "Name:\t%s\n", seam_name(t->g));
		else if (!t->process && skip(&at, "State:"))
			print_add(p, "State:\t%s\n", state(g) == 'R' ? "R (running)" : "S (sleeping)");
		else if (!t->process && skip(&at, "Pid:"))
			print_add(p, "Pid:\t%d\n", g->tid);
		else
			put(p, s, end);
	}
}

static long in_memory(const struct print *p, const char *name, long flags)
{
	long fd = raw2(SYS_memfd_create, name, flags & O_CLOEXEC ? MFD_CLOEXEC : 0);

	if (raw_failed(fd))
		return fd;
	raw3(SYS_write, fd, p->buf, p->len);
	raw3(SYS_lseek, fd, 0, 0);
	return fd;
}

/* A file of T's that is written anew; -ENOENT if that is none of those. */
static long open_made(const struct g *self, const struct task_path *t, long flags)
{
	const char *name = *t->rest ? t->rest + 1 : "";
	char from[TEXT], to[TEXT];
	struct print p;
	long n;

	if ((flags & O_ACCMODE) != O_RDONLY || (flags & (O_PATH | O_DIRECTORY)))
		return -ENOENT;
	print_init(&p, to, sizeof to);
	if (!t->process && is(name, "schedstat")) {
		print_add(&p, "%ld 0 0\n", cpu_time(t->g));
		return in_memory(&p, name, flags);
	}
	if (!is(name, "stat") && !is(name, "status"))
		return -ENOENT;
	n = read_kernels(self, t, from);
	if (n < 0)
		return n;
	if (is(name, "stat"))
		make_stat(&p, t, from);
	else
		make_status(&p, t, from);
	return in_memory(&p, name, flags);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static long open_path(struct g *g, struct seam *s, int n)
{
	const long flags = s->arg[n + 1];
	struct task_path t;
	char path[PATH + 32];
	struct seam call = *s;
	long r;

	if (!find(g, (const char *)s->arg[n], &t))
		return seam_call(g, s, INTR | RESTART);
	if (!t.process && is(t.rest, "/comm")) {
		if (!t.g->main)
			return seam_open_name(t.g, flags);
		seam_main_name_opened(flags);
	}
	r = open_made(g, &t, flags);
	if (r != -ENOENT)
		return r;
	lead(g, &t, path, &call, n);
	return seam_call(g, &call, INTR | RESTART);
}

long sys_open(struct g *g, struct seam *s)
{
	return open_path(g, s, 0);
}

long sys_openat(struct g *g, struct seam *s)
{
	return open_path(g, s, 1);
}

/* Calls whose first argument, or second behind a directory's descriptor, is a path. */
static long with_path(struct g *g, struct seam *s, int n)
{
	struct task_path t;
	char path[PATH + 32];
	struct seam call = *s;

	if (!s->arg[n] || !find(g, (const char *)s->arg[n], &t) || (t.process && t.g->main))
		return seam_call(g, s, 0);
	lead(g, &t, path, &call, n);
	return seam_call(g, &call, 0);
}

/* stat, lstat, access */
long sys_path(struct g *g, struct seam *s)
{
	return with_path(g, s, 0);
}

/* newfstatat, statx, faccessat, faccessat2 */
long sys_path_at(struct g *g, struct seam *s)
{
	return with_path(g, s, 1);
}

static long read_link(struct g *g, struct seam *s, int n)
{
	struct task_path t;
	struct print p;
	char to[32];
	size_t len = (size_t)s->arg[n + 2];

	if (!find(g, (const char *)s->arg[n], &t) || *t.rest || t.process || t.g != g || t.text[6] != 't')
		return with_path(g, s, n);
	/* /proc/thread-self */
	if ((int)len <= 0)
		return -EINVAL;
	print_init(&p, to, sizeof to);
	print_add(&p, "%d/task/%d", (int)raw0(SYS_getpid), g->tid);
	if (len > p.len)
		len = p.len;
	return arch_copy_user((void *)s->arg[n + 1], to, len) ? -EFAULT : (long)len;
}

long sys_readlink(struct g *g, struct seam *s)
{
	return read_link(g, s, 0);
}

long sys_readlinkat(struct g *g, struct seam *s)
{
	return read_link(g, s, 1);
}
