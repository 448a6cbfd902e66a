/* SPDX-License-Identifier: MIT */
/* How many Ps the machine grants us as time goes by. See follow.h. */
#include "sched/follow.h"

#include <fcntl.h>
#include <stddef.h>

#include "sched/base/lock.h"
#include "sched/base/raw.h"
#include "sched/netpoll.h"
#include "sched/procs.h"

enum { QUOTAS = 8, TEXT = 64 };

struct quota {
	_Atomic int fd[2]; /* QUOTA, PERIOD: -1 if it has none; fd[0] -1: given up [lock], read by all */
	bool v2;
};

static struct lock lock;
static struct quota quotas[QUOTAS];
static uint32_t n_quotas; /* does not change after the beginning */

static int keep_open(int dir, const char *name)
{
	return netpoll_high((int)raw4(SYS_openat, dir, name, O_RDONLY | O_CLOEXEC, 0));
}

static void give_up(struct quota *q)
{
	for (int i = 0; i < 2; i++) {
		int fd = atomic_exchange(&q->fd[i], -1);

		if (fd >= 0)
			raw1(SYS_close, fd);
	}
}

static void keep(const char *path, bool v2, void *arg)
{
	struct quota *q = &quotas[n_quotas];
	long dir;

	(void)arg;
	if (n_quotas == QUOTAS)
		return;
	dir = raw4(SYS_openat, AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (raw_failed(dir))
		return;
	q->v2 = v2;
	for (int i = 0; i < 2; i++)
		q->fd[i] = procs_quota_files[v2][i] ? keep_open((int)dir, procs_quota_files[v2][i]) : -1;
	raw1(SYS_close, dir);
	if (q->fd[0] < 0 || (!v2 && q->fd[1] < 0))
		give_up(q);
	else
		n_quotas++;
}

static bool read_again(int fd, char text[TEXT])
{
	long n = raw4(SYS_pread64, fd, text, TEXT - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static uint32_t quota_now(struct quota *q)
{
	char text[TEXT], period[TEXT];

	if (q->fd[0] < 0 || !read_again(q->fd[0], text) || (!q->v2 && !read_again(q->fd[1], period)))
		return PROCS_UNLIMITED;
	return procs_quota_parse(text, q->v2 ? NULL : period);
}

uint32_t follow_begin(const char *root)
{
	procs_dirs(root, keep, NULL);
	return follow_now();
}

uint32_t follow_now(void)
{
	uint32_t least = PROCS_UNLIMITED;

	lock_acquire(&lock);
	for (uint32_t i = 0; i < n_quotas; i++) {
		uint32_t n = quota_now(&quotas[i]);

		if (n < least)
			least = n;
	}
	lock_release(&lock);
	return procs_least(procs_affinity(), least);
}

static struct quota *owner(int fd)
{
	for (uint32_t i = 0; i < n_quotas; i++)
		if (fd >= 0 && (atomic_load(&quotas[i].fd[0]) == fd || atomic_load(&quotas[i].fd[1]) == fd))
			return &quotas[i];
	return NULL;
}

bool follow_owns(int fd)
{
	return owner(fd) != NULL;
}

void follow_release(int fd)
{
	struct quota *q;

	if (!follow_owns(fd))
		return;
	lock_acquire(&lock);
	q = owner(fd);
	if (q)
		give_up(q);
	lock_release(&lock);
}

void follow_forked(void)
{
	atomic_store_explicit(&lock.word, 0, memory_order_relaxed);
}
