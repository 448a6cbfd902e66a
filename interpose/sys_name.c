/* SPDX-License-Identifier: MIT */
/*
 * The names of threads.
 *
 * A G's name is its own and costs no system call. Others read and write it through the file
 * /proc/self/task/TID/comm, which the kernel does not have for a G: who opens it to read gets a
 * file in memory with the name. Who opens it to write gets an empty one that we keep an eye on, for
 * the page that is mapped here shows what is written: whenever a name matters, those files are
 * looked at first, in the order in which they were opened.
 *
 * Main's name is what the kernel shows for the process, and its file is the kernel's; once somebody
 * has opened that to write, the kernel is asked.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <linux/prctl.h>
#include <stddef.h>
#include <sys/mman.h>

#include "interpose/seam.h"
#include "sched/base/lock.h"
#include "sched/base/mem.h"
#include "sched/base/raw.h"
#include "sched/gtab.h"

enum { NAME = 16, WATCHED_MAX = 32, PATH = 64 };

static struct lock name_lock; /* of all names, but a creator's own as long as no file is watched */

/* Files opened to write a name, oldest first. [name_lock] */
static struct {
	int32_t tid;
	char *page;
} watched[WATCHED_MAX];
static _Atomic uint32_t n_watched; /* read by all */
static _Atomic bool main_opened;

/* ---- watched files ------------------------------------------------------------------------- */

static void unwatch_locked(uint32_t i)
{
	mem_release(watched[i].page, MEM_PAGE);
	for (n_watched--; i < n_watched; i++)
		watched[i] = watched[i + 1];
}

/* What has been written becomes the name of G. */
static void look_locked(struct g *g)
{
	for (uint32_t i = 0; i < n_watched;) {
		if (watched[i].tid != g->tid || !watched[i].page[0]) {
			i++;
			continue;
		}
		mem_copy(g->name, watched[i].page, NAME - 1);
		g->named = true;
		unwatch_locked(i);
	}
}

static void watch_locked(int32_t tid, char *page)
{
	if (n_watched == WATCHED_MAX) {
		struct g *g = gtab_find(watched[0].tid);

		if (g)
			look_locked(g);
		if (n_watched == WATCHED_MAX)
			unwatch_locked(0);
	}
	watched[n_watched].tid = tid;
	watched[n_watched].page = page;
	n_watched++;
}

/* ---- files --------------------------------------------------------------------------------- */

static long open_main(const struct g *g, int flags)
{
	char path[PATH] = "/proc/self/task/", digits[12];
	char *at = path + sizeof "/proc/self/task/" - 1;
	int n = 0;

	for (uint32_t v = (uint32_t)g->tid; v; v /= 10)
		digits[n++] = (char)('0' + v % 10);
	while (n)
		*at++ = digits[--n];
	mem_copy(at, "/comm", sizeof "/comm");
	return raw3(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC);
}

/* The kernel's name of the process. */
static void ask_main_locked(struct g *g)
{
	long fd = open_main(g, O_RDONLY), n;

	if (raw_failed(fd))
		return;
	n = raw3(SYS_read, fd, g->name, NAME);
	raw1(SYS_close, fd);
	if (n > 0)
		g->name[n - 1] = '\0'; /* was a newline */
}

static void tell_main_locked(struct g *g)
{
	long fd = open_main(g, O_WRONLY);

	if (raw_failed(fd))
		return;
	raw3(SYS_write, fd, g->name, NAME);
	raw1(SYS_close, fd);
}

static size_t length(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

long seam_open_name(struct g *g, long flags)
{
	long fd = raw2(SYS_memfd_create, "comm", flags & O_CLOEXEC ? MFD_CLOEXEC : 0), page;
	char line[NAME + 1];
	size_t n;

	if (raw_failed(fd))
		return fd;
	if ((flags & O_ACCMODE) == O_RDONLY) {
		mem_copy(line, seam_name(g), NAME);
		n = length(line);
		line[n++] = '\n';
		raw3(SYS_write, fd, line, n);
		raw3(SYS_lseek, fd, 0, 0);
		return fd;
	}
	raw2(SYS_ftruncate, fd, NAME);
	page = raw6(SYS_mmap, 0, MEM_PAGE, PROT_READ, MAP_SHARED, fd, 0);
	if (raw_failed(page)) {
		raw1(SYS_close, fd);
		return page;
	}
	lock_acquire(&name_lock);
	watch_locked(g->tid, (char *)page);
	lock_release(&name_lock);
	return fd;
}

void seam_main_name_opened(long flags)
{
	if ((flags & O_ACCMODE) != O_RDONLY)
		main_opened = true;
}

/* ---- names --------------------------------------------------------------------------------- */

const char *seam_name(struct g *g)
{
	if (!n_watched && !main_opened)
		return g->name;
	lock_acquire(&name_lock);
	look_locked(g);
	if (g->main && main_opened)
		ask_main_locked(g);
	lock_release(&name_lock);
	return g->name;
}

long seam_set_name(struct g *g, const void *user)
{
	char name[NAME] = { 0 };

	for (int i = 0; i < NAME - 1; i++) {
		if (arch_copy_user(&name[i], (const char *)user + i, 1))
			return -EFAULT;
		if (!name[i])
			break;
	}
	lock_acquire(&name_lock);
	look_locked(g);
	mem_copy(g->name, name, NAME);
	g->named = true;
	/* Where a kernel thread is this G's alone, it may bear its name. */
	if (g->m->locked_g == g || (g->main && g->m->tid == g->tid))
		raw2(SYS_prctl, PR_SET_NAME, g->name);
	if (g->main && g->m->tid != g->tid)
		tell_main_locked(g);
	lock_release(&name_lock);
	return 0;
}

void seam_name_forked(struct g *g)
{
	atomic_store(&name_lock.word, 0);
	while (n_watched)
		unwatch_locked(n_watched - 1);
	main_opened = false;
	raw2(SYS_prctl, PR_SET_NAME, g->name);
}
