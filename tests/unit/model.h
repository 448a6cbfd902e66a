/* SPDX-License-Identifier: MIT */
/*
 * model - every interleaving of a few threads, each a small state machine
 *
 * A model is a flat state without padding that means anything, and a function that lets one thread
 * take one atomic step in it. The explorer tries every thread in every state that can be reached
 * (depth first; states that were seen are not followed again), so an invariant that it passes holds
 * in all orders of those steps. A thread that spins is one that is blocked: that others can always
 * go on is what is checked, not that they do.
 */
#ifndef GOTHREADS_TEST_MODEL_H
#define GOTHREADS_TEST_MODEL_H

#include <stdbool.h>
#include <stddef.h>

enum { MODEL_MAX = 64 }; /* bytes of a state */

struct model {
	size_t size;
	int threads;
	/* False, and nothing changed: THREAD cannot go on in this state, or has ended. */
	bool (*step)(void *state, int thread);
	/* What is wrong with the state, NULL if nothing. OVER: no thread can go on. */
	const char *(*wrong)(const void *state, bool over);
};

struct model_verdict {
	const char *wrong;     /* NULL: nothing, in all states */
	unsigned long states;  /* different ones */
	unsigned long endings; /* of them, those in which no thread can go on */
	char schedule[256];    /* which thread stepped, from the start to what is wrong */
};

struct model_verdict model_explore(const struct model *m, const void *start);

#endif
