/* SPDX-License-Identifier: MIT */
/* model - every interleaving of a few threads, each a small state machine */
#include "model.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Open addressing; doubled when half full. A slot is a flag and the state. */
struct seen {
	unsigned char *slot;
	size_t cap, n, size;
};

static uint64_t hash(const unsigned char *s, size_t n)
{
	uint64_t h = 0xcbf29ce484222325; /* FNV-1a */

	while (n--)
		h = (h ^ *s++) * 0x100000001b3;
	return h ^ h >> 29;
}

static bool insert(struct seen *t, const void *state);

static void grow(struct seen *t)
{
	struct seen old = *t;

	t->cap = old.cap ? 2 * old.cap : 1024;
	t->n = 0;
	t->slot = calloc(t->cap, t->size + 1);
	cr_assert_not_null(t->slot);
	for (size_t i = 0; i < old.cap; i++)
		if (old.slot[i * (t->size + 1)])
			insert(t, old.slot + i * (t->size + 1) + 1);
	free(old.slot);
}

/* False: it was there. */
static bool insert(struct seen *t, const void *state)
{
	size_t i;
	unsigned char *at;

	if (2 * t->n >= t->cap)
		grow(t);
	for (i = hash(state, t->size) & (t->cap - 1);; i = (i + 1) & (t->cap - 1)) {
		at = t->slot + i * (t->size + 1);
		if (!at[0])
			break;
		if (!memcmp(at + 1, state, t->size))
			return false;
	}
	at[0] = 1;
	memcpy(at + 1, state, t->size);
	t->n++;
	return true;
}

static bool explore(const struct model *m, struct seen *seen, const unsigned char *state,
		    size_t depth, struct model_verdict *v)
{
	unsigned char next[MODEL_MAX];
	bool over = true;

	if (!insert(seen, state))
		return true;
	v->states++;
	for (int t = 0; t < m->threads; t++) {
		memcpy(next, state, m->size);
		if (!m->step(next, t))
			continue;
		over = false;
		if (depth < sizeof(v->schedule) - 1) {
			v->schedule[depth] = (char)('0' + t);
			v->schedule[depth + 1] = '\0';
		}
		if (!explore(m, seen, next, depth + 1, v))
			return false;
	}
	v->endings += over;
	v->wrong = m->wrong(state, over);
	if (v->wrong && depth < sizeof(v->schedule))
		v->schedule[depth] = '\0';
	return !v->wrong;
}

struct model_verdict model_explore(const struct model *m, const void *start)
{
	struct seen seen = { .size = m->size };
	struct model_verdict v = { 0 };

	cr_assert_leq(m->size, MODEL_MAX);
	explore(m, &seen, start, 0, &v);
	free(seen.slot);
	return v;
}
