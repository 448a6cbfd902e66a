/* SPDX-License-Identifier: MIT */
/* The number of Ps: affinity, cgroup quotas, and GOMAXPROCS's text. */
#include "sched/procs.h"

#include <fcntl.h>
#include <stddef.h>

#include "sched/base/raw.h"

enum { LINE_SIZE = 4096, PATH_SIZE = 4096, READ_SIZE = 1024 };

/* ---- Texts ------------------------------------------------------------------------------- */

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

/* Cuts *S at the next SEP; what lay before it, with *S moved behind; "" at the end. */
static char *cut(char **s, char sep)
{
	char *word = *s, *p = word;

	while (*p && *p != sep)
		p++;
	*s = *p ? p + 1 : p;
	*p = '\0';
	return word;
}

/* Is WORD in the comma-separated LIST? Cuts LIST up. */
static bool in_list(char *list, const char *word)
{
	while (*list)
		if (same(cut(&list, ','), word))
			return true;
	return false;
}

/* mountinfo writes blanks, tabs, newlines and backslashes as \ooo. In place. */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

/* Digits up to anything else; false without a digit. Saturates. */
static bool number(const char *s, uint64_t *n)
{
	if (*s < '0' || *s > '9')
		return false;
	for (*n = 0; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(*n, 10, n) ||
		    __builtin_add_overflow(*n, (uint64_t)(*s - '0'), n))
			*n = UINT64_MAX / 16;
	return true;
}

struct path {
	size_t len;
	bool cut; /* did not fit: names nothing */
	char s[PATH_SIZE];
};

static void path_add(struct path *p, const char *s)
{
	while (*s && p->len + 1 < sizeof(p->s))
		p->s[p->len++] = *s++;
	if (*s)
		p->cut = true;
	p->s[p->len] = '\0';
}

static void path_trim(struct path *p, size_t len)
{
	p->len = len;
	p->s[len] = '\0';
}

static void path_start(struct path *p, const char *root, const char *s)
{
	p->cut = false;
	path_trim(p, 0);
	path_add(p, root);
	path_add(p, s);
}

/* ---- Files ------------------------------------------------------------------------------- */

struct reader {
	long fd;
	size_t pos, len;
	char buf[READ_SIZE];
};

static bool reader_open(struct reader *r, const struct path *p)
{
	r->pos = r->len = 0;
	r->fd = p->cut ? -1 : raw3(SYS_open, p->s, O_RDONLY | O_CLOEXEC, 0);
	return r->fd >= 0;
}

static void reader_close(struct reader *r)
{
	raw1(SYS_close, r->fd);
}

/* The next line without its newline, its tail dropped when it is longer than LINE: only file
 * systems with long option lists have such lines, and no cgroup does. */
static bool reader_line(struct reader *r, char line[LINE_SIZE])
{
	size_t n = 0;
	bool any = false;

	for (;;) {
		char c;

		if (r->pos == r->len) {
			long got = raw3(SYS_read, r->fd, r->buf, sizeof(r->buf));

			if (got <= 0)
				break;
			r->pos = 0;
			r->len = (size_t)got;
		}
		any = true;
		c = r->buf[r->pos++];
		if (c == '\n')
			break;
		if (n + 1 < LINE_SIZE)
			line[n++] = c;
	}
	line[n] = '\0';
	return any;
}

/* ---- Quotas ------------------------------------------------------------------------------ */

static uint32_t quota_cpus(uint64_t quota, uint64_t period)
{
	uint64_t cpus;

	if (!period)
		return PROCS_UNLIMITED;
	cpus = quota / period + (quota % period != 0);
	if (cpus > PROCS_MAX)
		return PROCS_UNLIMITED;
	return cpus ? (uint32_t)cpus : 1;
}

const char *const procs_quota_files[2][2] = {
	{ "cpu.cfs_quota_us", "cpu.cfs_period_us" },
	{ "cpu.max", NULL },
};

uint32_t procs_quota_parse(const char *text, const char *period)
{
	uint64_t of, per;

	if (!number(text, &of))
		return PROCS_UNLIMITED;
	while (!period && *text && *text++ != ' ')
		;
	return number(period ? period : text, &per) ? quota_cpus(of, per) : PROCS_UNLIMITED;
}

/* What is found at each of a walk's directories. */
struct walk {
	procs_dir *each;
	void *arg;
};

/* The cgroup at DIR and its ancestors up to the mount point, whose path is TOP bytes long. */
static void walk_upwards(const struct walk *w, struct path *dir, size_t top, bool v2)
{
	for (;;) {
		w->each(dir->s, v2, w->arg);
		if (dir->len <= top)
			return;
		while (dir->len > top && dir->s[dir->len - 1] != '/')
			dir->len--;
		while (dir->len > top && dir->s[dir->len - 1] == '/')
			dir->len--;
		path_trim(dir, dir->len);
	}
}

/* What of the cgroup GROUP lies below ROOT, the cgroup that a mount shows: "" or "/…". NULL when
 * GROUP lies elsewhere. */
static const char *below(const char *group, const char *root)
{
	if (root[0] == '/' && root[1] == '\0')
		root++;
	while (*root && *group == *root)
		group++, root++;
	if (*root || (*group && *group != '/'))
		return NULL;
	/* Seen from a cgroup namespace, "/.." is above what we may see. */
	if (group[0] == '/' && group[1] == '.' && group[2] == '.' &&
	    (group[3] == '/' || group[3] == '\0'))
		return NULL;
	return group[0] == '/' && group[1] == '\0' ? "" : group;
}

/* Finds where the hierarchy is mounted and asks there. A line of mountinfo, proc(5):
 *   36 35 98:0 /root /mount/point rw,noatime master:1 - cgroup cgroup rw,cpu,cpuacct */
static void walk_group(const struct walk *w, const char *root, const char *group, bool v2)
{
	struct reader r;
	struct path dir;
	char line[LINE_SIZE];

	path_start(&dir, root, "/proc/self/mountinfo");
	if (!reader_open(&r, &dir))
		return;
	while (reader_line(&r, line)) {
		char *s = line, *shown, *point;
		const char *rest, *type;
		size_t top;

		for (int i = 0; i < 3; i++)
			cut(&s, ' ');
		shown = cut(&s, ' ');
		point = cut(&s, ' ');
		while (*s && !same(cut(&s, ' '), "-"))
			;
		type = cut(&s, ' ');
		if (!same(type, v2 ? "cgroup2" : "cgroup"))
			continue;
		cut(&s, ' ');
		if (!v2 && !in_list(s, "cpu"))
			continue;
		unescape(shown);
		unescape(point);
		rest = below(group, shown);
		if (!rest)
			continue;
		path_start(&dir, root, point);
		top = dir.len;
		path_add(&dir, rest);
		if (!dir.cut)
			walk_upwards(w, &dir, top, v2);
	}
	reader_close(&r);
}

/* The lines of /proc/self/cgroup are "ID:CONTROLLER,…:PATH", and "0::PATH" for v2. Only one of
 * the two hierarchies has the cpu controller; the other has no such files. */
void procs_dirs(const char *root, procs_dir *each, void *arg)
{
	const struct walk w = { each, arg };
	struct reader r;
	struct path path;
	char line[LINE_SIZE];

	path_start(&path, root, "/proc/self/cgroup");
	if (!reader_open(&r, &path))
		return;
	while (reader_line(&r, line)) {
		char *s = line, *id = cut(&s, ':'), *controllers = cut(&s, ':');
		bool v2 = same(id, "0") && !*controllers;

		if (v2 || in_list(controllers, "cpu"))
			walk_group(&w, root, s, v2);
	}
	reader_close(&r);
}

static bool read_file(const char *dir, const char *name, char line[LINE_SIZE])
{
	struct reader r;
	struct path path;
	bool ok;

	path_start(&path, dir, "/");
	path_add(&path, name);
	if (!reader_open(&r, &path))
		return false;
	ok = reader_line(&r, line);
	reader_close(&r);
	return ok;
}

/* *ARG: the least so far. */
static void least_quota(const char *dir, bool v2, void *arg)
{
	const char *const *files = procs_quota_files[v2];
	char text[LINE_SIZE], period[LINE_SIZE];
	uint32_t n, *least = arg;

	if (!read_file(dir, files[0], text) || (files[1] && !read_file(dir, files[1], period)))
		return;
	n = procs_quota_parse(text, files[1] ? period : NULL);
	if (n < *least)
		*least = n;
}

uint32_t procs_quota(const char *root)
{
	uint32_t least = PROCS_UNLIMITED;

	procs_dirs(root, least_quota, &least);
	return least;
}

/* ---- Affinity, and the answer ------------------------------------------------------------ */

uint32_t procs_affinity(void)
{
	unsigned long mask[PROCS_MAX];
	long bytes = raw3(SYS_sched_getaffinity, 0, sizeof(mask), mask);
	uint32_t n = 0;

	for (long i = 0; i < bytes / (long)sizeof(mask[0]); i++)
		for (unsigned long w = mask[i]; w; w &= w - 1)
			n++;
	return n;
}

uint32_t procs_default(void)
{
	return procs_least(procs_affinity(), procs_quota(""));
}

bool procs_parse(const char *s, uint32_t *n)
{
	uint64_t v;

	for (const char *p = s; *p; p++)
		if (*p < '0' || *p > '9')
			return false;
	if (!number(s, &v) || !v)
		return false;
	*n = v > PROCS_MAX ? PROCS_MAX : (uint32_t)v;
	return true;
}
