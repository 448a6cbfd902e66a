/* SPDX-License-Identifier: MIT */
/* The time limit of a call that is made again. See limit.h. */
#include "interpose/limit.h"

#include <asm/unistd.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "sched/base/raw.h"

enum { NS_MAX_S = 1000000000 }; /* limits beyond 30 years need no counting */

/* The argument of S that is a relative limit, -1 if there is none. */
static int which(const struct seam *s, enum limit_kind *kind)
{
	*kind = LIMIT_TS;
	switch (s->nr) {
	case __NR_poll:
		*kind = LIMIT_MS;
		return 2;
	case __NR_epoll_wait:
	case __NR_epoll_pwait:
		*kind = LIMIT_MS;
		return 3;
	case __NR_epoll_pwait2:
	case __NR_semtimedop:
		return 3;
	case __NR_io_getevents:
	case __NR_io_pgetevents:
		return 4;
	case __NR_futex:
		return (s->arg[1] & FUTEX_CMD_MASK) == FUTEX_WAIT ? 3 : -1;
	case __NR_recvmmsg:
		*kind = LIMIT_TS_LEFT;
		return 4;
	case __NR_ppoll:
		*kind = LIMIT_TS_LEFT;
		return 2;
	case __NR_pselect6:
		*kind = LIMIT_TS_LEFT;
		return 4;
	case __NR_select:
		*kind = LIMIT_TV_LEFT;
		return 4;
	}
	return -1;
}

void limit_begin(struct limit *l, struct seam *s)
{
	enum limit_kind kind;
	int arg = which(s, &kind);
	long unit = kind == LIMIT_TV_LEFT ? 1000000 : 1000000000;
	int64_t ns;

	l->deadline = 0;
	if (arg < 0)
		return;
	l->arg = (unsigned char)arg;
	l->kind = (unsigned char)kind;
	if (kind == LIMIT_MS) {
		int ms = (int)s->arg[arg];

		if (ms > 0)
			l->deadline = raw_now() + ms * 1000000LL;
		return;
	}
	l->user = (void *)s->arg[arg];
	/* What is wrong with it the kernel says. */
	if (!l->user || arch_copy_user(&l->left, l->user, sizeof l->left) || l->left.tv_sec < 0 ||
	    l->left.tv_nsec < 0 || l->left.tv_nsec >= unit || l->left.tv_sec > NS_MAX_S)
		return;
	ns = l->left.tv_sec * 1000000000LL + l->left.tv_nsec * (1000000000 / unit);
	if (!ns)
		return;
	l->deadline = raw_now() + ns;
	s->arg[arg] = (long)&l->left;
}

void limit_again(struct limit *l, struct seam *s)
{
	int64_t ns;

	if (!l->deadline)
		return;
	ns = l->deadline - raw_now();
	if (ns < 0)
		ns = 0;
	if (l->kind == LIMIT_MS) {
		s->arg[l->arg] = (long)((ns + 999999) / 1000000);
		return;
	}
	l->left.tv_sec = ns / 1000000000;
	l->left.tv_nsec = ns % 1000000000;
	if (l->kind == LIMIT_TV_LEFT)
		l->left.tv_nsec /= 1000;
}

void limit_end(struct limit *l)
{
	/* The kernel, too, ignores that it cannot be written. */
	if (l->deadline && (l->kind == LIMIT_TS_LEFT || l->kind == LIMIT_TV_LEFT))
		(void)!arch_copy_user(l->user, &l->left, sizeof l->left);
}

int64_t limit_deadline(const struct limit *l, const struct seam *s)
{
	if (l->deadline)
		return l->deadline;
	if (l->kind == LIMIT_MS)
		return (int)s->arg[l->arg] < 0 ? INT64_MAX : 0;
	return s->arg[l->arg] ? 0 : INT64_MAX;
}

int64_t limit_of_socket(const struct seam *s, const struct row *row)
{
	struct timeval tv = {0, 0};
	uint32_t len = sizeof tv;
	int which = row->flags & READS ? SO_RCVTIMEO : SO_SNDTIMEO;

	if (raw6(SYS_getsockopt, s->arg[0], SOL_SOCKET, which, (long)&tv, (long)&len, 0) != 0)
		return 0;
	return tv.tv_sec > NS_MAX_S ? 0 : tv.tv_sec * 1000000000LL + tv.tv_usec * 1000LL;
}
