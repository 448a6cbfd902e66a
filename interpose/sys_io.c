/* SPDX-License-Identifier: MIT */
/* Calls that wait for files: those that need more than a hand-off. */
#include <errno.h>
#include <stddef.h>

#include "interpose/seam.h"
#include "interpose/table.h"
#include "sched/signal.h"

/* The call in S with the signal mask at USER in force, which is a G's and not the kernel's. */
static long with_mask(struct g *g, struct seam *s, const void *user)
{
	uint64_t mask, old = atomic_load(&g->sigmask);
	long r;

	if (!user)
		return seam_call(g, s, INTR);
	if (arch_copy_user(&mask, user, sizeof mask))
		return -EFAULT;
	g->sigsaved = old;
	g->sigsaved_valid = true;
	sig_set_mask(g, mask);
	/* What the mask lets in now ends the call, as natively. */
	r = sig_deliver(g, NULL) ? -EINTR : seam_call(g, s, INTR);
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
	return with_mask(g, &t, (void *)s->arg[3]);
}

long sys_epoll_pwait(struct g *g, struct seam *s)
{
	struct seam t = *s;

	t.arg[4] = 0;
	return with_mask(g, &t, (void *)s->arg[4]);
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
	return with_mask(g, &t, m.mask);
}

/* A kick that finds the kernel half way through a write makes it return what is done so far, which
 * no signal of the program's has asked for: the rest follows. Where the rest would block and the
 * descriptor does not, or fails, the short count stands, as natively. */
static long all_of_it(struct g *g, struct seam *s)
{
	struct seam t = *s;
	long done = 0, r;

	for (;;) {
		r = seam_call(g, &t, INTR | RESTART);
		if (r <= 0)
			return done ? done : r;
		done += r;
		if (r >= t.arg[2] || !atomic_load(&g->m->attn))
			return done;
		sig_drain(g->m);
		if (sig_deliverable(g))
			return done;
		t.arg[1] += r;
		t.arg[2] -= r;
	}
}

long sys_write(struct g *g, struct seam *s)
{
	return all_of_it(g, s);
}

long sys_sendto(struct g *g, struct seam *s)
{
	return all_of_it(g, s);
}
