/* SPDX-License-Identifier: MIT */
/*
 * The list of threads: the directory /proc/self/task.
 *
 * The kernel lists its own threads there, which are Ms. Who reads the directory, to count the threads or
 * to do something to each, wants those that it has made, by the tids that they have for it. So the
 * kernel's list is shown without the Ms, and when it is at its end, the Gs that it does not know follow.
 * Main is in the first part, as are threads that are no Gs.
 *
 * Where a reader is in the second part lies in the position of the open directory, as in the first:
 * GS_BEGIN and the number of a slot in the table of Gs. So it is the same for all who share the
 * descriptor, for seekdir() and for rewinddir(), and nothing has to be remembered about descriptors.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

#include "interpose/seam.h"
#include "sched/base/fatal.h"
#include "sched/base/mem.h"
#include "sched/base/raw.h"
#include "sched/gtab.h"
#include "sched/signal.h"

enum {
	GS_BEGIN = 1 << 30, /* above the kernel's positions, of which there is one a thread */
	BUF = 2048,
	NAME_MAX_TASK = 12, /* digits of an int32_t and a NUL */
};

/* The kernel's struct linux_dirent64. */
struct entry {
	uint64_t ino;
	int64_t next; /* the position after it */
	uint16_t size;
	uint8_t type;
	char name[];
};

enum { DIRECTORY = 4 }; /* DT_DIR */

/* Is FD the open directory /proc/self/task, by whichever path? */
static bool is_task_dir(int fd)
{
	char link[32], is[32], want[32];
	struct print p;
	long n;

	print_init(&p, link, sizeof link);
	print_add(&p, "/proc/self/fd/%d%c", fd, 0);
	n = raw4(SYS_readlinkat, AT_FDCWD, link, is, sizeof is);
	if (raw_failed(n))
		return false;
	print_init(&p, want, sizeof want);
	print_add(&p, "/proc/%d/task", (int)raw0(SYS_getpid));
	if ((size_t)n != p.len)
		return false;
	for (size_t i = 0; i < p.len; i++)
		if (is[i] != want[i])
			return false;
	return true;
}

/* The tid that is the name of E; 0 for the directory itself and the one above it. */
static int32_t tid_of(const struct entry *e)
{
	int32_t n = 0;

	for (const char *s = e->name; *s >= '0' && *s <= '9'; s++)
		n = 10 * n + *s - '0';
	return n;
}

/* Is the kernel's thread TID one of ours, and no G bears its name? */
static bool hidden(int32_t tid)
{
	return tid && tid != (int32_t)raw0(SYS_getpid) && sig_is_m(tid) && !gtab_find(tid);
}

/* Pack the entries that lie in the first N bytes of BUF, without the hidden ones. */
static long show(char *buf, long n)
{
	long from = 0, to = 0;

	while (from < n) {
		const struct entry *e = (const struct entry *)(buf + from);
		uint16_t size = e->size;

		if (!hidden(tid_of(e))) {
			mem_copy(buf + to, buf + from, size);
			to += size;
		}
		from += size;
	}
	return to;
}

/* An entry for the G with TID, which is in SLOT. */
static void make_entry(struct entry *e, uint16_t size, int32_t tid, uint32_t slot)
{
	struct print p;

	mem_zero(e, size);
	e->ino = (uint64_t)(uint32_t)tid;
	e->next = (int64_t)GS_BEGIN + slot + 1;
	e->size = size;
	e->type = DIRECTORY;
	print_init(&p, e->name, NAME_MAX_TASK);
	print_add(&p, "%d%c", tid, 0);
}

/* The Gs from SLOT on, as many as fit into N bytes at BUF; *SLOT becomes the next one's. */
static long list_gs(char *buf, long n, uint32_t *slot)
{
	const uint16_t size = (uint16_t)mem_round(offsetof(struct entry, name) + NAME_MAX_TASK, 8);
	uint32_t top = gtab_top();
	long at = 0;

	for (; *slot < top; ++*slot) {
		const struct g *g = gtab_slot(*slot);
		int32_t tid = g->tid;

		/* By its tid, for a slot may come to be another's. */
		if (tid < GTAB_TID_FIRST || gtab_find(tid) != g)
			continue;
		if (at + size > n)
			return at ? at : -EINVAL;
		make_entry((struct entry *)(buf + at), size, tid, *slot);
		at += size;
	}
	return at;
}

static long list(struct seam *s, char *buf, long n)
{
	long pos = raw3(SYS_lseek, s->arg[0], 0, SEEK_CUR), r;
	uint32_t slot;

	if (raw_failed(pos))
		return pos;
	while (pos < GS_BEGIN) {
		r = raw3(SYS_getdents64, s->arg[0], buf, n);
		if (raw_failed(r))
			return r;
		if (r == 0)
			break;
		r = show(buf, r);
		if (r > 0)
			return r;
	}
	slot = pos < GS_BEGIN ? 0 : (uint32_t)(pos - GS_BEGIN);
	r = list_gs(buf, n, &slot);
	raw3(SYS_lseek, s->arg[0], (long)GS_BEGIN + slot, SEEK_SET);
	return r;
}

long sys_getdents64(struct g *g, struct seam *s)
{
	char buf[BUF] __attribute__((aligned(8)));
	unsigned n = (unsigned)s->arg[2];
	long r;

	if (!is_task_dir((int)s->arg[0]))
		return seam_call(g, s, 0);
	r = list(s, buf, n < BUF ? (long)n : BUF);
	if (r > 0 && arch_copy_user((void *)s->arg[1], buf, (size_t)r))
		return -EFAULT;
	return r;
}
