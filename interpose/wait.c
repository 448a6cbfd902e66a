/* SPDX-License-Identifier: MIT */
/*
 * Is a call going to wait? See wait.h.
 *
 * A call that waits gives its P away at once, and the next G runs without delay; one that does not
 * keeps it, for to get a P back costs more than most calls. The kernel knows which it will be: it is
 * asked by a poll that does not wait, about 100 ns. Descriptors that never make one wait (files,
 * O_NONBLOCK) look ready, or are asked for their flags once they do not.
 */
#include "interpose/wait.h"

#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "sched/base/raw.h"

/* A time limit of zero. */
static bool zero_timespec(long user)
{
	struct timespec ts;

	/* struct timeval has the same shape */
	return user && arch_copy_user(&ts, (void *)user, sizeof ts) == 0 && ts.tv_sec == 0 &&
	       ts.tv_nsec == 0;
}

static bool told_not_to(const struct seam *s)
{
	switch (s->nr) {
	case __NR_recvfrom:
	case __NR_sendto:
	case __NR_recvmmsg:
	case __NR_sendmmsg:
		return s->arg[3] & MSG_DONTWAIT;
	case __NR_recvmsg:
	case __NR_sendmsg:
		return s->arg[2] & MSG_DONTWAIT;
	case __NR_epoll_wait:
	case __NR_epoll_pwait:
		return s->arg[3] == 0;
	case __NR_epoll_pwait2:
		return zero_timespec(s->arg[3]);
	case __NR_poll:
	case __NR_ppoll:
		/* What is ready now ends it at once. */
		return (s->nr == __NR_poll ? (int)s->arg[2] == 0 : zero_timespec(s->arg[2])) ||
		       raw3(SYS_poll, s->arg[0], s->arg[1], 0) != 0;
	case __NR_select:
	case __NR_pselect6:
	case __NR_io_getevents:
	case __NR_io_pgetevents:
		return zero_timespec(s->arg[4]);
	case __NR_wait4:
		return s->arg[2] & WNOHANG;
	case __NR_waitid:
		return s->arg[3] & WNOHANG;
	case __NR_msgrcv:
		return s->arg[4] & 04000; /* IPC_NOWAIT */
	case __NR_futex:
		switch (s->arg[1] & FUTEX_CMD_MASK) {
		case FUTEX_WAIT:
		case FUTEX_WAIT_BITSET:
		case FUTEX_LOCK_PI:
		case FUTEX_LOCK_PI2:
			return false;
		}
		return true;
	case __NR_io_uring_enter:
		return s->arg[2] == 0 || !(s->arg[3] & IORING_ENTER_GETEVENTS);
	}
	return false;
}

bool wait_expected(const struct seam *s, const struct row *row)
{
	struct pollfd fd = {.fd = (int)s->arg[0]};
	long flags;

	if (!row || !(row->flags & (READS | WRITES | WAITS)))
		return false;
	if (row->flags & WAITS)
		return !told_not_to(s);
	fd.events = row->flags & READS ? POLLIN : POLLOUT;
	/* Ready, in error, hung up or no descriptor at all: the call returns. */
	if (raw3(SYS_poll, &fd, 1, 0) != 0 || told_not_to(s))
		return false;
	if (s->nr == __NR_epoll_wait || s->nr == __NR_epoll_pwait || s->nr == __NR_epoll_pwait2)
		return true;
	flags = raw2(SYS_fcntl, s->arg[0], F_GETFL);
	return !raw_failed(flags) && !(flags & O_NONBLOCK);
}
