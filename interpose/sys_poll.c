/* SPDX-License-Identifier: MIT */
/*
 * poll, select and epoll_wait: waits for several descriptors, or for one that stands for many.
 *
 * The kernel is asked without waiting; if nothing is there, the G parks on all the descriptors, for
 * epoll_wait on that of the epoll instance itself, and asks again. Sets larger than the poller takes, and
 * those that it cannot wait for, are left to the kernel under hand-off. Of a large set, most are still armed from
 * the last call, and a program that polls in a loop pays for the others alone; after TRUST_NS all are armed anew.
 */
#include <asm/unistd.h>
#include <errno.h>
#include <poll.h>
#include <stddef.h>

#include "interpose/limit.h"
#include "interpose/seam.h"
#include "interpose/table.h"
#include "sched/base/mem.h"
#include "sched/base/raw.h"
#include "sched/netpoll.h"
#include "sched/signal.h"

enum {
	ROUNDS = 100,	   /* in vain, after which the kernel shall wait: epoll reports hang-ups that nobody asked for */
	TRUST_NS = 10000000, /* for so long a large set relies on what it has armed before */
	SET_BITS = 1024,   /* larger sets are the kernel's */
	SET_LONGS = SET_BITS / 64,
};

/* A call that waits for several descriptors. */
struct many {
	struct seam ask; /* the call, its time limit zero, so that it does not wait */
	struct netpoll_want *want, few[NETPOLL_ANY_FEW];
	int n;
	bool sets;	 /* select: what it writes over must be there again for the next */
	uint64_t in[3][SET_LONGS], out[3][SET_LONGS];
	size_t set_size, want_size;
	const struct seam *program; /* the call as it was made */
};

/* The sets of select as the program gave them, or as the kernel left them. */
static long sets_from_program(struct many *m)
{
	for (int i = 0; i < 3; i++)
		if (m->program->arg[1 + i] &&
		    arch_copy_user(m->in[i], (void *)m->program->arg[1 + i], m->set_size))
			return -EFAULT;
	return 0;
}

static long sets_to_program(struct many *m)
{
	for (int i = 0; i < 3; i++)
		if (m->program->arg[1 + i] &&
		    arch_copy_user((void *)m->program->arg[1 + i], m->out[i], m->set_size))
			return -EFAULT;
	return 0;
}

/* Who asks an epoll set takes out what is not ready for him: the poller, which is no G, must not ask one while G's
 * signals are lent. */
static long ask_kernel(struct g *g, const struct seam *s)
{
	bool mine = (s->nr == __NR_epoll_wait || s->nr == __NR_epoll_pwait || s->nr == __NR_epoll_pwait2) &&
		    sig_shown(g);
	uint64_t lent;
	long r;

	if (mine)
		netpoll_disarm((int)s->arg[0]);
	lent = sig_lend(g);
	r = seam_raw(s);
	sig_unlend(g->m, lent);
	if (mine)
		netpoll_rearm((int)s->arg[0]);
	return r;
}

static long ask(struct g *g, struct many *m)
{
	long r;

	if (!m->sets)
		return ask_kernel(g, &m->ask);
	for (int i = 0; i < 3; i++) {
		m->ask.arg[1 + i] = m->program->arg[1 + i] ? (long)m->out[i] : 0;
		mem_copy(m->out[i], m->in[i], m->set_size);
	}
	r = ask_kernel(g, &m->ask);
	return r > 0 && sets_to_program(m) ? -EFAULT : r;
}

/* What is left of M's time is in L: the kernel waits for it. */
static long hand_over(struct g *g, struct many *m, struct limit *l, const struct seam *first)
{
	struct seam t = *m->program;

	if (l->deadline) {
		struct seam left = *first;

		limit_again(l, &left);
		t.arg[l->arg] = left.arg[l->arg];
	}
	return seam_call(g, &t, INTR);
}

/* The way of all of them. */
static long wait_many(struct g *g, struct many *m)
{
	struct seam first = *m->program, whole = first;
	struct timespec zero = {0, 0}; /* a timeval has its shape */
	struct limit l;
	int64_t deadline;
	long r, end;

	limit_begin(&l, &first);
	deadline = limit_deadline(&l, m->program);
	if (!deadline || atomic_load(&g->own_m))
		return seam_call(g, &whole, INTR);
	m->ask = *m->program;
	m->ask.arg[l.arg] = l.kind == LIMIT_MS ? 0 : (long)&zero;
	for (unsigned round = 0;; round++) {
		bool restart = false;
		uint32_t seen = netpoll_seen(m->want->fd);

		r = ask(g, m);
		/* poll(2) says so though it was not to wait, if a kick comes just then. */
		if (r == -EINTR) {
			r = 0;
			end = -EINTR;
		} else if (r != 0 || raw_now() >= deadline) {
			break;
		} else {
			bool trust = m->n > NETPOLL_ANY_FEW && !round;
			int64_t until = trust ? raw_now() + TRUST_NS : deadline;

			end = round < ROUNDS ? netpoll_wait_any(g, m->want, m->n,
								until < deadline ? until : deadline,
								m->want->events & POLLOUT ? NULL : &seen, trust)
					     : -EBUSY;
		}
		if (end == 0 || end == -ETIMEDOUT || end == -EBADF)
			continue;
		if (end != -EINTR) {
			r = hand_over(g, m, &l, &first);
			break;
		}
		/* In vain for others' signals only. */
		round--;
		sig_drain(g->m);
		if (sig_deliver(g, &restart)) {
			r = -EINTR;
			break;
		}
	}
	/* Nothing came in time. */
	if (r == 0 && m->sets && sets_to_program(m))
		r = -EFAULT;
	limit_again(&l, &first);
	limit_end(&l);
	return r;
}

/* M for a call that waits for at most N descriptors. What is more than a few is kept in memory of the call's own. */
static bool begin_many(struct many *m, struct seam *s, size_t n, bool sets)
{
	m->n = 0;
	m->sets = sets;
	m->program = s;
	m->want = m->few;
	m->want_size = 0;
	if (n <= NETPOLL_ANY_FEW)
		return true;
	m->want_size = mem_round(sizeof *m->want * n, MEM_PAGE);
	m->want = mem_pages(m->want_size);
	return m->want;
}

static long end_many(struct many *m, long r)
{
	if (m->want_size)
		mem_release(m->want, m->want_size);
	return r;
}

long sys_poll(struct g *g, struct seam *s)
{
	const struct pollfd *at = (void *)s->arg[0];
	unsigned long n = (unsigned int)s->arg[1];
	struct many m;

	if (!n || n > NETPOLL_ANY_MAX || !begin_many(&m, s, n, false))
		return seam_call(g, s, INTR);
	for (unsigned long i = 0; i < n; i++) {
		struct pollfd p;

		if (arch_copy_user(&p, &at[i], sizeof p)) {
			m.n = 0;
			break;
		}
		if (p.fd >= 0)
			m.want[m.n++] = (struct netpoll_want){p.fd, p.events};
	}
	return end_many(&m, m.n ? wait_many(g, &m) : seam_call(g, s, INTR));
}

long sys_select(struct g *g, struct seam *s)
{
	static const short events[] = {POLLIN, POLLOUT, POLLPRI};
	struct many m;
	int n = (int)s->arg[0];

	if (n <= 0 || n > SET_BITS || !begin_many(&m, s, (size_t)n, true))
		return seam_call(g, s, INTR);
	m.set_size = (size_t)(n + 63) / 64 * 8;
	mem_zero(m.in, sizeof m.in);
	if (sets_from_program(&m))
		return end_many(&m, seam_call(g, s, INTR));
	for (int fd = 0; fd < n; fd++) {
		short want = 0;

		for (int i = 0; i < 3; i++)
			if (m.in[i][fd / 64] >> fd % 64 & 1)
				want |= events[i];
		if (!want)
			continue;
		m.want[m.n++] = (struct netpoll_want){fd, want};
	}
	return end_many(&m, m.n ? wait_many(g, &m) : seam_call(g, s, INTR));
}

long sys_epoll_wait(struct g *g, struct seam *s)
{
	struct many m;

	begin_many(&m, s, 1, false);
	m.n = 1;
	m.want[0] = (struct netpoll_want){(int)s->arg[0], POLLIN};
	return wait_many(g, &m);
}

/* BODY with the signal mask at USER in force, which is a G's and not the kernel's. */
static long with_mask(struct g *g, struct seam *s, const void *user, seam_body *body)
{
	uint64_t mask, old = atomic_load(&g->sigmask);
	long r;

	if (!user)
		return body(g, s);
	if (arch_copy_user(&mask, user, sizeof mask))
		return -EFAULT;
	g->sigsaved = old;
	g->sigsaved_valid = true;
	sig_set_mask(g, mask);
	/* What the mask lets in now ends the call, as natively. */
	r = sig_deliver(g, NULL) ? -EINTR : body(g, s);
	if (g->sigsaved_valid) {
		g->sigsaved_valid = false;
		sig_set_mask(g, old);
	}
	return r;
}

long sys_ppoll(struct g *g, struct seam *s)
{
	struct seam t = *s;

	t.arg[3] = 0;
	return with_mask(g, &t, (void *)s->arg[3], sys_poll);
}

long sys_epoll_pwait(struct g *g, struct seam *s)
{
	struct seam t = *s;

	t.arg[4] = 0;
	return with_mask(g, &t, (void *)s->arg[4], sys_epoll_wait);
}

long sys_pselect6(struct g *g, struct seam *s)
{
	struct seam t = *s;
	struct {
		void *mask;
		size_t size;
	} m = {NULL, 0};

	if (s->arg[5] && arch_copy_user(&m, (void *)s->arg[5], sizeof m))
		return -EFAULT;
	t.arg[5] = 0;
	return with_mask(g, &t, m.mask, sys_select);
}
