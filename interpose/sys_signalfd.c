/* SPDX-License-Identifier: MIT */
/*
 * signalfd: what is pending for the process, the kernel shows; what is pending for a G, we do (see signal.c).
 */
#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <sys/uio.h>

#include "interpose/seam.h"
#include "sched/base/fatal.h"
#include "sched/base/procfile.h"
#include "sched/base/raw.h"
#include "sched/netpoll.h"
#include "sched/signal.h"

enum { ENTRY = sizeof(struct signalfd_siginfo) };

static long signalfd_made(struct g *g, struct seam *s)
{
	uint64_t set;
	long r = seam_raw(s);

	if (!raw_failed(r) && arch_copy_user(&set, (void *)s->arg[1], sizeof set) == 0)
		sig_mirror(g, set);
	return r;
}

long sys_signalfd(struct g *g, struct seam *s)
{
	return signalfd_made(g, s);
}

long sys_signalfd4(struct g *g, struct seam *s)
{
	return signalfd_made(g, s);
}

/* The signals that FD shows; 0 if it is no signalfd. */
static uint64_t shown_by(const struct g *g, int fd)
{
	char path[48];
	struct print p;

	/* What is known of numbers is not of those in a table of its own. */
	if (!g->own_files && netpoll_kind(fd) != KIND_OTHER)
		return 0;
	print_init(&p, path, sizeof path);
	print_add(&p, "/proc/thread-self/fdinfo/%d%c", fd, 0);
	return procfile_set(path, "\nsigmask:\t");
}

/* The state of a file, be it told by itself (F_SETOWN_EX) or by SIGIO as of old. */
static bool of_file(const siginfo_t *info)
{
	return info->si_code == SI_SIGIO || (info->si_code > 0 && info->si_code < SI_KERNEL);
}

static struct signalfd_siginfo entry_of(const siginfo_t *info)
{
	struct signalfd_siginfo e = {
		.ssi_signo = (uint32_t)info->si_signo,
		.ssi_errno = info->si_errno,
		.ssi_code = info->si_code,
	};

	if (of_file(info)) {
		e.ssi_band = (uint32_t)info->si_band;
		e.ssi_fd = info->si_fd;
		return e;
	}
	if (info->si_code == SI_TIMER) {
		e.ssi_tid = (uint32_t)info->si_timerid;
		e.ssi_overrun = (uint32_t)info->si_overrun;
	} else {
		e.ssi_pid = (uint32_t)info->si_pid;
		e.ssi_uid = info->si_uid;
	}
	if (info->si_code < 0 && info->si_code != SI_TKILL) {
		e.ssi_ptr = (uint64_t)info->si_ptr;
		e.ssi_int = info->si_int;
	}
	return e;
}

/* What of the process's there is besides, for the N bytes at BUF: bytes, or 0. */
static long read_rest(int fd, char *buf, size_t n)
{
	struct iovec v = { buf, n };
	long r;

	if (n < ENTRY)
		return 0;
	r = raw6(SYS_preadv2, fd, (long)&v, 1, -1, -1, RWF_NOWAIT);
	/* Linux before 6.10 */
	if (r == -EOPNOTSUPP && (raw2(SYS_fcntl, fd, F_GETFL) & O_NONBLOCK))
		r = raw3(SYS_read, fd, buf, n);
	return r > 0 ? r : 0;
}

bool seam_signalfd_read(struct g *g, const struct seam *s, long *r)
{
	const int fd = (int)s->arg[0];
	struct iovec v = { (void *)s->arg[1], (size_t)s->arg[2] };
	size_t done = 0;
	siginfo_t info;
	uint64_t set;

	if (s->nr != __NR_read && s->nr != __NR_readv)
		return false;
	if (s->nr == __NR_readv &&
	    (s->arg[2] < 1 || arch_copy_user(&v, (void *)s->arg[1], sizeof v)))
		return false;
	if (v.iov_len < ENTRY)
		return false;
	set = shown_by(g, fd);
	while (v.iov_len - done >= ENTRY && sig_take_shown(g, set, &info)) {
		struct signalfd_siginfo e = entry_of(&info);

		if (arch_copy_user((char *)v.iov_base + done, &e, sizeof e)) {
			*r = done ? (long)done : -EFAULT;
			return true;
		}
		done += ENTRY;
	}
	if (!done)
		return false;
	*r = (long)done + read_rest(fd, (char *)v.iov_base + done, v.iov_len - done);
	return true;
}
