/* SPDX-License-Identifier: MIT */
/*
 * table_blocked - every call of the table that can block, blocked: another thread computes to its
 * end meanwhile, lets it go on, and it brings what it should
 *
 * A row of interpose/table.h that can block, and has neither a case nor a reason in blocking.h, does
 * not compile. First each case by itself, then all of them at the same time.
 *
 * uses: every call of BLOCKING_CALLS
 * limit: 120
 */
#include "prog.h"

#include "blocking.h"

#include <semaphore.h>
#include <stdatomic.h>

#include "interpose/table.h"

/* ---- that nothing is missing ------------------------------------------------------------------- */

/* Every row, at first without a case ... */
enum {
#define ROW(class_, name_, flags_, note_) cover_##name_ = 0,
#include "interpose/table.h"
};

__attribute__((unused)) static void rows_are_covered(void)
{
	/* ... then, in here, those that the list has. */
	enum {
#define LISTED(name, what) cover_##name = 1,
		BLOCKING_CALLS(LISTED, LISTED)
	};
#define ROW(class_, name_, flags_, note_)                                                          \
	_Static_assert(cover_##name_ ||                                                            \
			       !(CLASS_##class_ == CLASS_POLL ||                                   \
				 CLASS_##class_ == CLASS_HANDOFF ||                                \
				 CLASS_##class_ == CLASS_TIMER || ((flags_) & (INTR | WAITS))),    \
		       #name_ ": it blocks, so blocking.h needs a case of it, or a reason");
#include "interpose/table.h"
}

#define C(name) extern const struct blocking blocking_##name;
#define BLOCKS(call, cases) cases
#define NOT(call, why)
BLOCKING_CALLS(BLOCKS, NOT)
BLOCKING_FUNCTIONS
#undef C

static const struct blocking *const cases[] = {
#define C(name) &blocking_##name,
	BLOCKING_CALLS(BLOCKS, NOT) BLOCKING_FUNCTIONS
};

enum { CASES = ARRAY_SIZE(cases) };

/* ---- blocked ----------------------------------------------------------------------------------- */

struct blocked {
	const struct blocking *c;
	struct blocking_at at;
	bool there;
	atomic_bool through;
	long r;
	int err;
};

static struct blocked all[CASES];
static sem_t entering;

static void *block(void *arg)
{
	struct blocked *b = arg;

	CHECK(sem_post(&entering) == 0);
	errno = 0;
	b->r = b->c->call(&b->at);
	b->err = errno;
	b->through = true;
	return NULL;
}

static void begin(struct blocked *b, const struct blocking *c)
{
	*b = (struct blocked){ .c = c };
	BLOCKING_AT(&b->at);
	b->there = c->prepare(&b->at);
	if (!b->there) {
		printf("%s: not here (%s)\n", c->name, strerrorname_np(errno));
		blocking_done(&b->at);
	}
}

static void end(struct blocked *b)
{
	b->c->release(&b->at);
	while ((b->c->flags & UNTIL) && !b->through) {
		usleep(200);
		b->c->release(&b->at);
	}
	CHECK(thread_join(b->at.thread) == NULL);
	blocking_print(b->c, &b->at, "", b->r, b->err);
	blocking_done(&b->at);
}

/* Whoever can run does, and then it computes. */
static uint64_t compute_to_the_end(uint64_t sum, uint64_t rounds)
{
	for (int i = 0; i < 10; i++)
		sched_yield();
	return compute(sum, rounds);
}

int main(void)
{
	uint64_t sum = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	blocking_begin();
	CHECK(sem_init(&entering, 0, 0) == 0);
	for (int i = 0; i < CASES; i++) {
		begin(&all[i], cases[i]);
		if (!all[i].there)
			continue;
		all[i].at.thread = thread_start(block, &all[i]);
		CHECK(sem_wait(&entering) == 0);
		sum = compute_to_the_end(sum, 300000);
		end(&all[i]);
	}
	puts("-- all");
	for (int i = 0; i < CASES; i++) {
		all[i].there = false;
		if (!(cases[i]->flags & ALONE))
			begin(&all[i], cases[i]);
	}
	for (int i = 0; i < CASES; i++)
		if (all[i].there)
			all[i].at.thread = thread_start(block, &all[i]);
	for (int i = 0; i < CASES; i++)
		if (all[i].there)
			CHECK(sem_wait(&entering) == 0);
	sum = compute_to_the_end(sum, 5000000);
	for (int i = 0; i < CASES; i++)
		if (all[i].there)
			end(&all[i]);
	printf("computed %016llx\n", (unsigned long long)sum);
	blocking_end();
	fflush(stdout);
	_exit(0); /* not what stdio has kept back in files of the cases */
}
