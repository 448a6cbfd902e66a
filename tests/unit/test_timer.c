/* SPDX-License-Identifier: MIT */
/* The timers of a P: order, against a model, without memory, and with others firing them. */
#include "sched/timer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>

/* cr_assert() reports each success, too, which is too slow for long loops. */
#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x))                                                                          \
			cr_assert_fail("%s", #x);                                                  \
	} while (0)

static struct p ps[2];

static void init_ps(void)
{
	timer_init(&ps[0]);
	timer_init(&ps[1]);
}

/* xorshift: the same numbers in every run. */
static uint32_t draw(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* COUNT Gs whose timers know them. */
static struct g *make_gs(uint32_t count)
{
	struct g *gs = calloc(count, sizeof(*gs));
	uint32_t i;

	cr_assert(gs);
	for (i = 0; i < count; i++) {
		gs[i].index = i;
		gs[i].timer.g = &gs[i];
		gs[i].timer.index = TIMER_IDLE;
	}
	return gs;
}

struct log {
	struct timer_fired fired[4096];
	uint32_t n;
};

static void record(struct timer_fired fired, void *arg)
{
	struct log *log = arg;

	/* The lock must be free, or this would hang; and the timer ours to use again. */
	CHECK(!lock_held(&ps[0].timers.lock));
	CHECK(!fired.g->timer.p);
	CHECK(log->n < 4096);
	log->fired[log->n++] = fired;
}

static struct log log_of; /* too large for a stack */

/* ---- One thread ---- */

TestSuite(timer, .init = init_ps);

Test(timer, empty)
{
	cr_assert_eq(timer_next(&ps[0]), INT64_MAX);
	cr_assert_eq(timer_run(&ps[0], INT64_MAX, record, &log_of), 0);
	cr_assert_eq(timer_next(&ps[0]), INT64_MAX);
}

Test(timer, fires_the_due_earliest_first)
{
	static const int64_t when[] = { 50, -3, 40, 10, 30, 20, 10, 60 };
	static const int64_t want[] = { -3, 10, 10, 20, 30, 40 };
	enum { N = sizeof(when) / sizeof(*when), DUE = sizeof(want) / sizeof(*want) };
	struct g *gs = make_gs(N);
	uint32_t i;

	for (i = 0; i < N; i++)
		cr_assert_eq(timer_add(&ps[0], &gs[i].timer, when[i], 100 + i), 0);
	cr_assert_eq(timer_next(&ps[0]), -3);
	cr_assert_eq(timer_run(&ps[0], -4, record, &log_of), 0);
	cr_assert_eq(timer_run(&ps[0], 40, record, &log_of), DUE);
	for (i = 0; i < DUE; i++) {
		struct timer_fired f = log_of.fired[i];

		cr_assert_eq(f.seq, 100 + f.g->index);
		cr_assert_eq(when[f.g->index], want[i]);
	}
	cr_assert_eq(timer_next(&ps[0]), 50);
}

Test(timer, del_is_idempotent_and_moves_the_deadline)
{
	struct g *gs = make_gs(2);

	timer_del(&gs[0].timer);
	timer_add(&ps[0], &gs[0].timer, 10, 1);
	timer_add(&ps[0], &gs[1].timer, 20, 2);
	timer_del(&gs[0].timer);
	cr_assert_eq(timer_next(&ps[0]), 20);
	cr_assert_null(gs[0].timer.p);
	cr_assert_eq(gs[0].timer.index, TIMER_IDLE);
	timer_del(&gs[0].timer);
	timer_del(&gs[1].timer);
	cr_assert_eq(timer_next(&ps[0]), INT64_MAX);
	cr_assert_eq(timer_run(&ps[0], 100, record, &log_of), 0);
}

Test(timer, del_after_firing_does_nothing)
{
	struct g *gs = make_gs(2);

	timer_add(&ps[0], &gs[0].timer, 10, 1);
	timer_add(&ps[0], &gs[1].timer, 20, 2);
	cr_assert_eq(timer_run(&ps[0], 10, record, &log_of), 1);
	timer_del(&gs[0].timer);
	cr_assert_eq(timer_next(&ps[0]), 20);
	cr_assert_eq(timer_run(&ps[0], 20, record, &log_of), 1);
}

Test(timer, moves_to_another_heap)
{
	struct g *gs = make_gs(1);

	timer_add(&ps[0], &gs->timer, 10, 1);
	timer_del(&gs->timer);
	timer_add(&ps[1], &gs->timer, 20, 2);
	cr_assert_eq(timer_next(&ps[0]), INT64_MAX);
	cr_assert_eq(timer_next(&ps[1]), 20);
	timer_del(&gs->timer);
	cr_assert_eq(timer_next(&ps[1]), INT64_MAX);
}

static void again(struct timer_fired fired, void *arg)
{
	int64_t *when = arg;

	if ((*when += 10) <= 50)
		timer_add(&ps[0], &fired.g->timer, *when, fired.seq + 1);
}

Test(timer, fire_may_add_its_timer_again)
{
	struct g *gs = make_gs(1);
	int64_t when = 10;

	timer_add(&ps[0], &gs->timer, when, 1);
	cr_assert_eq(timer_run(&ps[0], 30, again, &when), 3, "10, 20 and 30 are due");
	cr_assert_eq(timer_next(&ps[0]), 40);
}

Test(timer, without_memory_the_heap_stays_as_it_is)
{
	struct rlimit old, none;
	struct g *gs;
	uint32_t n = 0, i;
	int err;

	gs = make_gs(1025);
	do {
		cr_assert_eq(timer_add(&ps[0], &gs[n].timer, 1000 - n, n), 0);
		n++;
	} while (n < ps[0].timers.cap);
	cr_assert_lt(n, 1025);
	cr_assert_eq(getrlimit(RLIMIT_AS, &old), 0);
	none = old;
	none.rlim_cur = 1;
	cr_assert_eq(setrlimit(RLIMIT_AS, &none), 0);
	err = timer_add(&ps[0], &gs[n].timer, 0, n);
	cr_assert_eq(setrlimit(RLIMIT_AS, &old), 0);
	cr_assert_eq(err, -ENOMEM);
	cr_assert_null(gs[n].timer.p);
	cr_assert_eq(timer_next(&ps[0]), 1000 - (n - 1));

	cr_assert_eq(timer_add(&ps[0], &gs[n].timer, 0, n), 0);
	cr_assert_eq(timer_run(&ps[0], 1000, record, &log_of), n + 1);
	cr_assert_eq(log_of.fired[0].seq, n);
	for (i = 1; i <= n; i++)
		CHECK(log_of.fired[i].seq == n - i);
}

/* ---- Against a model ---- */

/* The model: what is set, by the index of its G. */
struct model {
	int64_t when;
	uint64_t seq;
	bool set;
};

static void check_heap(struct timer_heap *h)
{
	uint32_t i;

	for (i = 0; i < h->n; i++) {
		CHECK(h->heap[i]->index == (int32_t)i);
		CHECK(i == 0 || h->heap[(i - 1) / 4]->when <= h->heap[i]->when);
	}
}

Test(timer, does_what_the_model_does)
{
	enum { STEPS = 60000, GS = 1500 };
	struct g *gs = make_gs(GS);
	static struct model m[GS];
	uint32_t seed = 0x9e3779b9, step, i, due, set = 0;
	uint64_t seq = 0;
	int64_t now = 0, last;

	for (step = 0; step < STEPS; step++) {
		uint32_t r = draw(&seed), which = draw(&seed) % GS;
		struct model *e = &m[which];
		struct timer *t = &gs[which].timer;

		if (r % 256 == 0) {
			now += draw(&seed) % 200;
			for (i = due = 0; i < GS; i++)
				due += m[i].set && m[i].when <= now;
			log_of.n = 0;
			CHECK(timer_run(&ps[0], now, record, &log_of) == due);
			CHECK(log_of.n == due);
			last = INT64_MIN;
			for (i = 0; i < due; i++) {
				struct timer_fired f = log_of.fired[i];

				e = &m[f.g->index];
				CHECK(e->set && e->seq == f.seq && e->when <= now);
				CHECK(e->when >= last);
				last = e->when;
				e->set = false;
			}
			set -= due;
			check_heap(&ps[0].timers);
			last = INT64_MAX;
			for (i = 0; i < GS; i++)
				if (m[i].set && m[i].when < last)
					last = m[i].when;
			CHECK(timer_next(&ps[0]) == last);
		} else if (e->set) {
			/* Seldom, so that the heap outgrows its first page. */
			if (r >> 8 & 1) {
				timer_del(t);
				e->set = false;
				set--;
			}
		} else {
			/* Many deadlines are equal. */
			*e = (struct model){ now - 10 + draw(&seed) % 5000, ++seq, true };
			CHECK(timer_add(&ps[0], t, e->when, e->seq) == 0);
			set++;
		}
		CHECK(ps[0].timers.n == set);
	}
	CHECK(ps[0].timers.cap > 512);
}

/* ---- With others firing ---- */

enum { OWNERS = 2, RUNNERS = 2, ROUNDS = 100000, EACH = 16 };

static struct g *shared;
static _Atomic int64_t now_of;
static _Atomic uint32_t fired_of[OWNERS * ROUNDS]; /* how often, by seq */
static _Atomic uint32_t running, wrong;

/* What the other threads found wrong: only a test's own thread may assert. */
static void note(bool bad)
{
	if (bad)
		atomic_fetch_add_explicit(&wrong, 1, memory_order_relaxed);
}

/* Round R of an owner uses its timer R % EACH, so that seq says which G it is for. */
static void count(struct timer_fired fired, void *arg)
{
	uint32_t owner = fired.seq / ROUNDS, round = fired.seq % ROUNDS;

	(void)arg;
	note(fired.g != &shared[owner * EACH + round % EACH]);
	atomic_fetch_add_explicit(&fired_of[fired.seq], 1, memory_order_relaxed);
}

static void *runner(void *arg)
{
	uint32_t seed = 1 + (uintptr_t)arg;

	while (atomic_load_explicit(&running, memory_order_acquire)) {
		int64_t now = atomic_load_explicit(&now_of, memory_order_relaxed);

		if (timer_run(&ps[draw(&seed) % 2], now, count, NULL) == 0)
			sched_yield();
	}
	return NULL;
}

/* A third of the timers never comes due, the others soon or at once. Each is taken away when its
 * turn comes again, whether it has fired or not; some at once. */
static void *owner(void *arg)
{
	uint32_t id = (uintptr_t)arg, seed = 77 + id, r;

	for (r = 0; r < ROUNDS; r++) {
		struct timer *t = &shared[id * EACH + r % EACH].timer;
		uint64_t seq = (uint64_t)id * ROUNDS + r;
		int64_t now = atomic_fetch_add_explicit(&now_of, 1, memory_order_relaxed);
		bool never = r % 3 == 0;

		timer_del(t);
		note(timer_add(&ps[draw(&seed) % 2], t, never ? INT64_MAX - r : now + r % 5, seq));
		if (r % 6 == 1)
			timer_del(t);
		if (r % 64 == 2)
			sched_yield();
	}
	for (r = 0; r < EACH; r++) {
		timer_del(&shared[id * EACH + r].timer);
		note(shared[id * EACH + r].timer.p != NULL);
	}
	return NULL;
}

Test(timer, del_and_run_cross, .timeout = 20)
{
	pthread_t owners[OWNERS], runners[RUNNERS];
	uint32_t i, fired = 0;

	shared = make_gs(OWNERS * EACH);
	running = 1;
	for (i = 0; i < RUNNERS; i++)
		cr_assert_eq(pthread_create(&runners[i], NULL, runner, (void *)(uintptr_t)i), 0);
	for (i = 0; i < OWNERS; i++)
		cr_assert_eq(pthread_create(&owners[i], NULL, owner, (void *)(uintptr_t)i), 0);
	for (i = 0; i < OWNERS; i++)
		pthread_join(owners[i], NULL);
	running = 0;
	for (i = 0; i < RUNNERS; i++)
		pthread_join(runners[i], NULL);
	cr_assert_eq(wrong, 0);
	for (i = 0; i < OWNERS * ROUNDS; i++) {
		CHECK(fired_of[i] <= 1);
		CHECK(i % ROUNDS % 3 != 0 || fired_of[i] == 0);
		fired += fired_of[i];
	}
	cr_assert_gt(fired, 0);
	for (i = 0; i < 2; i++) {
		cr_assert_eq(ps[i].timers.n, 0);
		cr_assert_eq(timer_next(&ps[i]), INT64_MAX);
	}
}
