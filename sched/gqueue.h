/* SPDX-License-Identifier: MIT */
/*
 * A first-in first-out list of Gs, linked through g->link.
 *
 * It has no lock: whoever owns the queue guards it (the global run queue is under sched.lock). A G
 * on the queue belongs to it: nobody else may touch g->link. A zeroed gqueue is an empty one.
 */
#ifndef GOTHREADS_GQUEUE_H
#define GOTHREADS_GQUEUE_H

#include "sched/types.h"

struct gqueue {
	struct g *head, *tail; /* tail is meaningless while head is NULL */
	uint32_t n;
};

/* Puts G at the end. G must be on no list. */
static inline void gqueue_push(struct gqueue *q, struct g *g)
{
	g->link = NULL;
	if (q->head)
		q->tail->link = g;
	else
		q->head = g;
	q->tail = g;
	q->n++;
}

/* Puts G at the beginning. G must be on no list. */
static inline void gqueue_push_front(struct gqueue *q, struct g *g)
{
	g->link = q->head;
	if (!q->head)
		q->tail = g;
	q->head = g;
	q->n++;
}

/* Puts the N Gs of LIST, linked and ended by NULL, at the end in their order. LIST may be NULL,
 * then N is 0. Takes N steps, to find the end. */
static inline void gqueue_push_list(struct gqueue *q, struct g *list, uint32_t n)
{
	struct g *last = list;

	if (!list)
		return;
	while (last->link)
		last = last->link;
	if (q->head)
		q->tail->link = list;
	else
		q->head = list;
	q->tail = last;
	q->n += n;
}

/* Takes the first G, its link cleared; NULL when there is none. */
static inline struct g *gqueue_pop(struct gqueue *q)
{
	struct g *g = q->head;

	if (!g)
		return NULL;
	q->head = g->link;
	q->n--;
	g->link = NULL;
	return g;
}

#endif
