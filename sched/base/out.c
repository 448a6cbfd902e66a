/* SPDX-License-Identifier: MIT */
/* Reports of any length. See out.h. */
#include "sched/base/out.h"

#include <errno.h>
#include <poll.h>

#include "sched/base/raw.h"

void out_init(struct out *o, int fd, int patience)
{
	print_init(&o->p, o->buf, sizeof(o->buf));
	o->fd = fd;
	o->deadline = patience ? raw_now() + patience * 1000000LL : 0;
	o->dropped = false;
}

static bool writable(const struct out *o)
{
	int64_t left = o->deadline ? o->deadline - raw_now() : 0;
	struct pollfd poll = { .fd = o->fd, .events = POLLOUT };
	struct timespec ts = { 0 };

	if (left > 0) {
		ts.tv_sec = left / 1000000000;
		ts.tv_nsec = left % 1000000000;
	}
	return raw4(SYS_ppoll, &poll, 1, &ts, NULL) == 1 &&
	       (poll.revents & (POLLOUT | POLLERR)) == POLLOUT;
}

void out_flush(struct out *o)
{
	for (size_t off = 0; off < o->p.len && !o->dropped;) {
		long n = -EAGAIN;

		if (writable(o))
			n = raw3(SYS_write, o->fd, o->buf + off, o->p.len - off);
		if (n > 0)
			off += (size_t)n;
		else if (n != -EINTR)
			o->dropped = true;
	}
	o->p.len = 0;
}

struct print *out_room(struct out *o)
{
	if (o->p.cap - o->p.len < OUT_PIECE)
		out_flush(o);
	return &o->p;
}

void out_add(struct out *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_v(out_room(o), fmt, ap);
	va_end(ap);
}
