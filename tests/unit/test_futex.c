/* SPDX-License-Identifier: MIT */
/*
 * gfutex, and the kernel as the judge of it.
 *
 * Most of this runs without a scheduler, on one thread: waiters are put into the buckets by hand,
 * each with a G that is parked as far as anybody can tell, and a G that was woken is found in the
 * global queue, in the order of the wakes.
 *
 * The kernel's answers come from threads that really wait. What a call did is seen from outside:
 * every waiter has a bit of its own in its bitset, so a wake of that bit on each word says where it
 * waits, if it still does.
 */
#include "sched/futex.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "interpose/seam.h"
#include "sched/futex_internal.h"
#include "sched/gtab.h"
#include "sched/proc.h"
#include "sched/timer.h"

enum { LIMIT = 100, WAITERS = 6, WORDS = 3 };

TestSuite(futex, .timeout = LIMIT);
TestSuite(futex_pi, .timeout = LIMIT);

/* ---- Waiters by hand ---- */

static struct fake {
	struct g *g;
	struct waiter w;
} fake[8];

static void put(int i, uint32_t *addr, uint32_t bitset, bool pi)
{
	struct fake *f = &fake[i];

	f->g = gtab_new(NULL);
	f->w = (struct waiter){ .g = f->g, .addr = addr, .bitset = bitset, .pi = pi };
	f->w.seq = park_prepare(f->g, WAIT_FUTEX, (uintptr_t)addr);
	insert_locked(bucket_of(addr), &f->w);
}

/* Which waiter was woken next: its number, -1 when none. */
static int woken(void)
{
	struct g *g = gqueue_pop(&sched.wokenq);

	for (int i = 0; g && i < (int)(sizeof(fake) / sizeof(fake[0])); i++)
		if (fake[i].g == g)
			return i;
	return -1;
}

static bool waits(int i)
{
	return atomic_load(&fake[i].w.bucket) != NULL;
}

/* Something else ends the park of I first: a timer, a signal. */
static void end_park(int i)
{
	cr_assert(park_claim(fake[i].g, fake[i].w.seq, -ETIMEDOUT));
}

#define ANY FUTEX_BITSET_MATCH_ANY

/* ---- Wake ---- */

Test(futex, first_come_first_woken)
{
	uint32_t a = 0;

	for (int i = 0; i < 5; i++)
		put(i, &a, ANY, false);
	cr_assert_eq(futex_wake(&a, 1, ANY), 1);
	cr_assert_eq(woken(), 0);
	cr_assert_eq(woken(), -1);
	cr_assert_eq(futex_wake(&a, 3, ANY), 3);
	for (int i = 1; i < 4; i++)
		cr_assert_eq(woken(), i);
	cr_assert(waits(4));
	cr_assert_eq(futex_wake(&a, 100, ANY), 1);
	cr_assert_eq(woken(), 4);
	cr_assert_eq(futex_wake(&a, 1, ANY), 0);
	cr_assert_null(bucket_of(&a)->head);
	cr_assert_null(bucket_of(&a)->tail);
}

Test(futex, bitset_chooses)
{
	uint32_t a = 0;

	put(0, &a, 1, false);
	put(1, &a, 6, false);
	put(2, &a, 4, false);
	put(3, &a, ANY, false);
	cr_assert_eq(futex_wake(&a, 9, 0), -EINVAL);
	cr_assert_eq(futex_wake(&a, 9, 8), 1);
	cr_assert_eq(woken(), 3);
	cr_assert_eq(futex_wake(&a, 1, 4), 1);
	cr_assert_eq(woken(), 1);
	cr_assert_eq(futex_wake(&a, 9, 7), 2);
	cr_assert_eq(woken(), 0);
	cr_assert_eq(woken(), 2);
}

Test(futex, whoever_stopped_waiting_does_not_count)
{
	uint32_t a = 0, b = 0;

	for (int i = 0; i < 4; i++)
		put(i, &a, ANY, false);
	end_park(0);
	end_park(2);
	cr_assert_eq(futex_wake(&a, 2, ANY), 2);
	cr_assert_eq(woken(), 1);
	cr_assert_eq(woken(), 3);
	cr_assert_eq(woken(), -1);
	(void)b;
}

/* Words whose waiters share a bucket. */
static uint32_t *words_of_one_bucket(int n, uint32_t **at)
{
	uint32_t *area = calloc(1 << 20, sizeof(*area));
	int got = 0;

	for (int i = 0; i < 1 << 20 && got < n; i++)
		if (bucket_of(&area[i]) == bucket_of(&area[0]))
			at[got++] = &area[i];
	cr_assert_eq(got, n);
	return area;
}

Test(futex, words_that_share_a_bucket_do_not_mix)
{
	uint32_t *w[2], *area = words_of_one_bucket(2, w);

	for (int i = 0; i < 6; i++)
		put(i, w[i % 2], ANY, false);
	cr_assert_eq(futex_wake(w[1], 9, ANY), 3);
	for (int i = 1; i < 6; i += 2)
		cr_assert_eq(woken(), i);
	cr_assert_eq(futex_requeue(w[0], w[1], 1, 1, NULL), 2);
	cr_assert_eq(woken(), 0);
	cr_assert_eq(futex_wake(w[1], 9, ANY), 1);
	cr_assert_eq(woken(), 2);
	cr_assert_eq(futex_wake(w[0], 9, ANY), 1);
	cr_assert_eq(woken(), 4);
	free(area);
}

Test(futex, leaving_takes_off_wherever_it_lies)
{
	uint32_t a = 0, b = 0;

	for (int i = 0; i < 3; i++)
		put(i, &a, ANY, false);
	futex_leave(&fake[1].w);
	cr_assert_not(waits(1));
	futex_leave(&fake[1].w);
	cr_assert_eq(futex_requeue(&a, &b, 0, 9, NULL), 2);
	futex_leave(&fake[0].w);
	cr_assert_eq(bucket_of(&b)->head, &fake[2].w);
	futex_leave(&fake[2].w);
	cr_assert_null(bucket_of(&b)->head);
	cr_assert_null(bucket_of(&a)->head);
}

/* ---- Requeue ---- */

Test(futex, requeued_come_behind_those_that_wait_there)
{
	uint32_t a = 3, b = 0, three = 3, four = 4;

	put(0, &b, ANY, false);
	for (int i = 1; i < 6; i++)
		put(i, &a, ANY, false);
	cr_assert_eq(futex_requeue(&a, &b, 1, 2, &four), -EAGAIN);
	cr_assert_eq(woken(), -1);
	cr_assert_eq(futex_requeue(&a, &b, 1, 2, &three), 3);
	cr_assert_eq(woken(), 1);
	cr_assert_eq(woken(), -1);
	cr_assert_eq(futex_wake(&b, 9, ANY), 3);
	cr_assert_eq(woken(), 0);
	cr_assert_eq(woken(), 2);
	cr_assert_eq(woken(), 3);
	cr_assert_eq(futex_wake(&a, 9, ANY), 2);
	cr_assert_eq(woken(), 4);
	cr_assert_eq(woken(), 5);
}

Test(futex, pi_waiters_are_not_for_ordinary_calls)
{
	uint32_t a = 0, b = 0;

	put(0, &a, 0, true);
	put(1, &a, ANY, false);
	cr_assert_eq(futex_wake(&a, 9, ANY), 1);
	cr_assert_eq(woken(), 1);
	cr_assert_eq(futex_requeue(&a, &b, 9, 9, NULL), 0);
	cr_assert_eq(woken(), -1);
	cr_assert(waits(0));
}

/* ---- The same against the kernel ---- */

typedef long call_fn(int cmd, uint32_t *a, uint32_t val, uint32_t val2, uint32_t *b, uint32_t val3);

static long kernel_call(int cmd, uint32_t *a, uint32_t val, uint32_t val2, uint32_t *b,
			uint32_t val3)
{
	return raw6(SYS_futex, (long)a, cmd | FUTEX_PRIVATE_FLAG, val, val2, (long)b, val3);
}

static long our_call(int cmd, uint32_t *a, uint32_t val, uint32_t val2, uint32_t *b, uint32_t val3)
{
	struct seam s = { .nr = SYS_futex,
			  .arg = { (long)a, cmd | FUTEX_PRIVATE_FLAG, val, val2, (long)b, val3 } };
	static struct p p = { .seen_tick = 1 };
	static struct m m = { .p = &p };
	static struct g *g;

	if (!g) {
		g = gtab_new(NULL);
		g->m = &m;
		timer_init(&p);
	}
	return sys_futex(g, &s);
}

struct thread_waiter {
	pthread_t t;
	uint32_t *addr, val, bitset;
	_Atomic int32_t tid;
};

static void *wait_in_kernel(void *arg)
{
	struct thread_waiter *w = arg;

	atomic_store(&w->tid, (int32_t)raw0(SYS_gettid));
	raw6(SYS_futex, (long)w->addr, FUTEX_WAIT_BITSET_PRIVATE, w->val, 0, 0, w->bitset);
	return NULL;
}

/* After W has told its tid it sleeps nowhere but in its futex. */
static bool asleep(struct thread_waiter *w)
{
	char path[64], state = 0;
	FILE *f;

	if (!atomic_load(&w->tid))
		return false;
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", atomic_load(&w->tid));
	f = fopen(path, "re");
	cr_assert_not_null(f);
	CHECK(fscanf(f, "%*d (%*[^)]) %c", &state) == 1);
	fclose(f);
	return state == 'S';
}

struct scene {
	uint32_t value[WORDS];
	int n, on[WAITERS]; /* N waiters, waiter i on word on[i] */
	int cmd, a, b;      /* the call, on words a and b */
	uint32_t val, val2, val3;
};

struct outcome {
	long ret;
	uint32_t value[WORDS];
	int at[WAITERS]; /* the word that it waits on afterwards, -1: woken */
};

static struct outcome play(const struct scene *s, bool kernel)
{
	static struct thread_waiter t[WAITERS];
	static uint32_t word[WORDS];
	call_fn *call = kernel ? kernel_call : our_call;
	struct outcome o;

	memcpy(word, s->value, sizeof(word));
	for (int i = 0; i < s->n; i++) {
		uint32_t *addr = &word[s->on[i]];

		if (!kernel) {
			put(i, addr, 1u << i, false);
			continue;
		}
		t[i].addr = addr;
		t[i].val = *addr;
		t[i].bitset = 1u << i;
		atomic_store(&t[i].tid, 0);
		cr_assert_eq(pthread_create(&t[i].t, NULL, wait_in_kernel, &t[i]), 0);
		while (!asleep(&t[i]))
			sched_yield();
	}
	o.ret = call(s->cmd, &word[s->a], s->val, s->val2, &word[s->b], s->val3);
	memcpy(o.value, word, sizeof(word));
	for (int i = 0; i < WAITERS; i++) {
		o.at[i] = -1;
		for (int k = 0; i < s->n && k < WORDS; k++)
			if (call(FUTEX_WAKE_BITSET, &word[k], 1, 0, NULL, 1u << i) == 1)
				o.at[i] = k;
	}
	for (int i = 0; i < s->n; i++) {
		if (kernel)
			pthread_join(t[i].t, NULL);
		else
			gtab_free(NULL, fake[i].g);
	}
	while (woken() >= 0)
		;
	return o;
}

static void print_outcome(const char *who, const struct outcome *o)
{
	fprintf(stderr, "  %s: %ld; words %x %x %x; at", who, o->ret, o->value[0], o->value[1],
		o->value[2]);
	for (int i = 0; i < WAITERS; i++)
		fprintf(stderr, " %d", o->at[i]);
	fprintf(stderr, "\n");
}

static void compare(const struct scene *s)
{
	struct outcome k = play(s, true), o = play(s, false);

	if (k.ret == o.ret && !memcmp(k.value, o.value, sizeof(k.value)) &&
	    !memcmp(k.at, o.at, sizeof(k.at)))
		return;
	fprintf(stderr, "cmd %d on %d %d, val %x val2 %x val3 %x; words %x %x %x; waiters", s->cmd,
		s->a, s->b, s->val, s->val2, s->val3, s->value[0], s->value[1], s->value[2]);
	for (int i = 0; i < s->n; i++)
		fprintf(stderr, " %d", s->on[i]);
	fprintf(stderr, "\n");
	print_outcome("kernel", &k);
	print_outcome("ours", &o);
	cr_assert_fail("the kernel does otherwise");
}

Test(futex, random_scenes_end_as_in_the_kernel)
{
	static const uint32_t counts[] = { 0, 1, 1, 1, 2, 3, INT_MAX, (uint32_t)-1 };
	static const int cmds[] = { FUTEX_WAKE, FUTEX_WAKE_BITSET, FUTEX_REQUEUE, FUTEX_CMP_REQUEUE,
				    FUTEX_WAKE_OP };
	uint64_t seed = 7;

	for (int round = 0; round < 1500; round++) {
		struct scene s = { .n = (int)(harness_random(&seed) % (WAITERS + 1)) };

		for (int i = 0; i < WORDS; i++)
			s.value[i] = harness_random(&seed) % 3;
		for (int i = 0; i < s.n; i++)
			s.on[i] = (int)(harness_random(&seed) % 4 ? harness_random(&seed) % 2 : 2);
		s.cmd = cmds[harness_random(&seed) % 5];
		s.a = (int)(harness_random(&seed) % 2);
		s.b = (int)(harness_random(&seed) % 2);
		s.val = counts[harness_random(&seed) % 8];
		s.val2 = counts[harness_random(&seed) % 8];
		s.val3 = harness_random(&seed) % 3;
		if (s.cmd == FUTEX_WAKE_BITSET)
			s.val3 = harness_random(&seed) % (1 << WAITERS);
		if (s.cmd == FUTEX_WAKE_OP)
			s.val3 = FUTEX_OP(harness_random(&seed) % 5, harness_random(&seed) % 4,
					  harness_random(&seed) % 6, harness_random(&seed) % 4);
		compare(&s);
	}
}

/* Every operation with every comparison, the edges of their arguments, and what is neither. */
Test(futex, wake_op_is_the_kernels)
{
	static const uint32_t args[] = { 0, 1, 5, 31, 0x7ff, 0x800, 0xfff };
	static const uint32_t values[] = { 0, 5, 0x7ff, 0x80000000, UINT32_MAX };
	enum { ARGS = sizeof(args) / sizeof(args[0]), VALUES = sizeof(values) / sizeof(values[0]) };
	uint64_t seed = 3;

	for (uint32_t op = 0; op < 16; op++)
		for (uint32_t cmp = 0; cmp < 8; cmp++)
			for (int i = 0; i < 6; i++) {
				uint32_t r = harness_random(&seed);
				struct scene s = {
					.n = 2,
					.on = { 0, 1 },
					.cmd = FUTEX_WAKE_OP,
					.a = 0,
					.b = 1,
					.val = 1,
					.val2 = 1,
					.value = { 0, values[r % VALUES], 0 },
				};

				s.val3 = op << 28 | cmp << 24 | args[(r >> 8) % ARGS] << 12 |
					 (r & 0x40000000 ? values[r % VALUES] & 0xfff
							 : args[(r >> 16) % ARGS]);
				compare(&s);
			}
}

/* ---- PI ---- */

static uint32_t pi_word(uint32_t bits, const struct g *g)
{
	return bits | (g ? (uint32_t)g->tid : 0);
}

Test(futex_pi, word_is_handed_to_the_first_that_waits)
{
	struct g *me = gtab_new(NULL);
	uint32_t a = pi_word(FUTEX_WAITERS, me);

	put(0, &a, 0, true);
	put(1, &a, ANY, false);
	put(2, &a, 0, true);
	put(3, &a, 0, true);
	cr_assert_eq(futex_unlock_pi(me, &a), 0);
	cr_assert_eq(woken(), 0);
	cr_assert_eq(woken(), -1);
	cr_assert_eq(a, pi_word(FUTEX_WAITERS, fake[0].g));
	/* Not the owner any more. */
	cr_assert_eq(futex_unlock_pi(me, &a), -EPERM);
	/* The second stopped waiting before: the third gets it, and is the last. */
	end_park(2);
	cr_assert_eq(futex_unlock_pi(fake[0].g, &a), 0);
	cr_assert_eq(woken(), 3);
	cr_assert_eq(a, pi_word(0, fake[3].g));
	cr_assert_eq(futex_unlock_pi(fake[3].g, &a), 0);
	cr_assert_eq(a, 0);
	cr_assert(waits(1));
}

Test(futex_pi, all_who_waited_are_gone)
{
	struct g *me = gtab_new(NULL);
	uint32_t a = pi_word(FUTEX_WAITERS, me);

	put(0, &a, 0, true);
	end_park(0);
	cr_assert_eq(futex_unlock_pi(me, &a), 0);
	cr_assert_eq(a, 0);
	cr_assert_eq(woken(), -1);
	cr_assert_eq(futex_lock_pi(me, &a, FUTEX_NEVER, 0), 0);
	cr_assert_eq(a, pi_word(0, me));
}

Test(futex_pi, owner_that_died_is_told_to_the_next)
{
	struct g *dead = gtab_new(NULL), *me = gtab_new(NULL);
	uint32_t a = pi_word(FUTEX_WAITERS, dead), b = pi_word(0, dead), c = pi_word(0, me);

	put(0, &a, 0, true);
	put(1, &a, 0, true);
	futex_died_pi(dead->tid, &a);
	cr_assert_eq(woken(), 0);
	cr_assert_eq(a, pi_word(FUTEX_WAITERS | FUTEX_OWNER_DIED, fake[0].g));
	futex_died_pi(dead->tid, &b);
	cr_assert_eq(b, FUTEX_OWNER_DIED);
	cr_assert_eq(futex_lock_pi(me, &b, FUTEX_NEVER, 0), 0);
	cr_assert_eq(b, pi_word(FUTEX_OWNER_DIED, me));
	futex_died_pi(dead->tid, &c);
	cr_assert_eq(c, pi_word(0, me));
}

enum { PI_NOBODY, PI_SELF, PI_OTHER, PI_GONE };

struct pi_outcome {
	long ret;
	uint32_t bits;
	int owner;
};

static void *stay(void *arg)
{
	_Atomic int32_t *tid = arg;

	atomic_store(&tid[0], (int32_t)raw0(SYS_gettid));
	while (!atomic_load(&tid[1]))
		raw_pause();
	return NULL;
}

static void *go(void *arg)
{
	atomic_store((_Atomic int32_t *)arg, (int32_t)raw0(SYS_gettid));
	return NULL;
}

/* The call on a word with BITS and an owner of each kind, from a thread that is or is not it. Calls
 * that would wait are not made. */
static struct pi_outcome pi_play(int cmd, uint32_t bits, int owner, bool kernel,
				 const int32_t tid[4])
{
	static struct p p = { .seen_tick = 1 };
	static struct m m = { .p = &p };
	uint32_t word = bits | (uint32_t)tid[owner];
	struct pi_outcome o;

	if (kernel) {
		o.ret = raw4(SYS_futex, &word, cmd | FUTEX_PRIVATE_FLAG, 0, NULL);
	} else {
		struct seam s = { .nr = SYS_futex,
				  .arg = { (long)&word, cmd | FUTEX_PRIVATE_FLAG } };
		struct g *g = gtab_find(tid[PI_SELF]);

		g->m = &m;
		timer_init(&p);
		o.ret = sys_futex(g, &s);
	}
	o.bits = word & ~(uint32_t)FUTEX_TID_MASK;
	o.owner = -1;
	for (int i = 0; i < 4; i++)
		if ((word & FUTEX_TID_MASK) == (uint32_t)tid[i])
			o.owner = i;
	/* The kernel forgets what it knew of the word. */
	if (kernel && o.ret == 0 && o.owner == PI_SELF)
		raw4(SYS_futex, &word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL);
	return o;
}

Test(futex_pi, words_and_errors_are_the_kernels)
{
	static const int cmds[] = { FUTEX_LOCK_PI, FUTEX_TRYLOCK_PI, FUTEX_UNLOCK_PI };
	static _Atomic int32_t other[2], gone;
	struct g *g[2] = { gtab_new(NULL), gtab_new(NULL) }, *was = gtab_new(NULL);
	int32_t ours[4] = { 0, g[0]->tid, g[1]->tid, was->tid }, theirs[4] = { 0 };
	pthread_t t, t2;

	gtab_free(NULL, was);
	cr_assert_eq(pthread_create(&t, NULL, stay, (void *)other), 0);
	cr_assert_eq(pthread_create(&t2, NULL, go, (void *)&gone), 0);
	pthread_join(t2, NULL);
	while (!(theirs[PI_OTHER] = atomic_load(&other[0])))
		raw_pause();
	theirs[PI_SELF] = (int32_t)raw0(SYS_gettid);
	theirs[PI_GONE] = atomic_load(&gone);
	for (int c = 0; c < 3; c++)
		for (int owner = PI_NOBODY; owner <= PI_GONE; owner++)
			for (uint32_t bits = 0; bits < 4; bits++) {
				uint32_t b = bits << 30;
				struct pi_outcome k, o;

				if (cmds[c] == FUTEX_LOCK_PI && owner == PI_OTHER)
					continue;
				k = pi_play(cmds[c], b, owner, true, theirs);
				o = pi_play(cmds[c], b, owner, false, ours);
				cr_expect(k.ret == o.ret && k.bits == o.bits && k.owner == o.owner,
					  "cmd %d on %x of %d: kernel %ld %x %d, ours %ld %x %d",
					  cmds[c], b, owner, k.ret, k.bits, k.owner, o.ret, o.bits,
					  o.owner);
			}
	atomic_store(&other[1], 1);
	pthread_join(t, NULL);
}

/* ---- Robust lists ---- */

enum { LOCKS = 5, NO_PENDING = -1, OWN = 1, OTHERS = 2 };

struct robust_lock {
	uint32_t pad; /* so that the word lies at an offset */
	uint32_t word;
	struct robust_list list;
};

/* LOCKS locks, the first LISTED of them on the list. */
struct robust_scene {
	int listed, pending;
	uint32_t bits[LOCKS];
	int owner[LOCKS];
	bool pi[LOCKS], endless, no_length;
};

struct robust_play {
	struct robust_scene scene;
	struct robust_list_head head;
	struct robust_lock lock[LOCKS];
	int32_t tid;
};

static uintptr_t entry(struct robust_play *p, int i)
{
	return (uintptr_t)&p->lock[i].list | p->scene.pi[i];
}

static void robust_prepare(struct robust_play *p)
{
	const struct robust_scene *s = &p->scene;

	p->head.futex_offset =
		(long)offsetof(struct robust_lock, word) - (long)offsetof(struct robust_lock, list);
	p->head.list_op_pending =
		s->pending == NO_PENDING ? NULL : (struct robust_list *)entry(p, s->pending);
	p->head.list.next = s->listed ? (struct robust_list *)entry(p, 0) : &p->head.list;
	for (int i = 0; i < LOCKS; i++) {
		p->lock[i].word = s->bits[i] | (s->owner[i] == OWN      ? (uint32_t)p->tid
						: s->owner[i] == OTHERS ? (uint32_t)p->tid + 1
									: 0);
		p->lock[i].list.next = i + 1 < s->listed ? (struct robust_list *)entry(p, i + 1)
				       : s->endless      ? (struct robust_list *)entry(p, 0)
							 : &p->head.list;
	}
}

static void *end_with_list(void *arg)
{
	struct robust_play *p = arg;

	p->tid = (int32_t)raw0(SYS_gettid);
	robust_prepare(p);
	raw2(SYS_set_robust_list, &p->head, p->scene.no_length ? 1 : sizeof(p->head));
	return NULL;
}

/* What is left in word I: its bits, and whose it is. What PI words say of waiters is not compared:
 * the kernel leaves the bit, we leave the truth. */
static uint64_t left_in(const struct robust_play *p, int i)
{
	uint32_t w = p->lock[i].word, owner = w & FUTEX_TID_MASK;
	uint32_t bits = w & ~(uint32_t)FUTEX_TID_MASK;

	if (p->scene.pi[i])
		bits &= ~FUTEX_WAITERS;
	return bits | (owner == (uint32_t)p->tid ? OWN : owner ? OTHERS : 0);
}

Test(futex, robust_lists_end_as_in_the_kernel)
{
	uint64_t seed = 5;

	for (int round = 0; round < 2000; round++) {
		struct robust_play k = { 0 }, o;
		struct robust_scene *s = &k.scene;
		struct g *g = gtab_new(NULL);
		pthread_t t;

		s->listed = (int)(harness_random(&seed) % (LOCKS + 1));
		s->pending = (int)(harness_random(&seed) % (LOCKS + 1)) - 1;
		s->endless = harness_random(&seed) % 16 == 0;
		s->no_length = harness_random(&seed) % 16 == 0;
		for (int i = 0; i < LOCKS; i++) {
			s->bits[i] = harness_random(&seed) << 30;
			s->owner[i] = (int)(harness_random(&seed) % 3);
			s->pi[i] = harness_random(&seed) % 4 == 0;
		}
		o = k;
		cr_assert_eq(pthread_create(&t, NULL, end_with_list, &k), 0);
		pthread_join(t, NULL);
		o.tid = g->tid;
		if (round % 2) { /* owned by the other name */
			o.tid = k.tid;
			gtab_also(g, o.tid);
		}
		robust_prepare(&o);
		g->robust = (struct robust_head *)&o.head;
		/* The kernel refuses another length, and keeps the list that it had. */
		g->robust_len = s->no_length ? 1 : sizeof(o.head);
		futex_exit_robust(g);
		gtab_free(NULL, g);
		for (int i = 0; i < LOCKS; i++)
			if (left_in(&k, i) != left_in(&o, i))
				cr_assert_fail("round %d, lock %d: kernel %x, ours %x; tids %d %d",
					       round, i, k.lock[i].word, o.lock[i].word, k.tid,
					       o.tid);
	}
}

Test(futex, robust_exit_wakes_one_of_each_word)
{
	struct robust_play p = { .scene = { .listed = 3, .pending = 3 } };
	struct g *g = gtab_new(NULL);

	p.tid = g->tid;
	for (int i = 0; i < 3; i++)
		p.scene.owner[i] = OWN;
	p.scene.bits[0] = FUTEX_WAITERS;
	robust_prepare(&p);
	for (int i = 0; i < 4; i++)
		put(i, &p.lock[i].word, ANY, false);
	put(4, &p.lock[0].word, ANY, false);
	g->robust = (struct robust_head *)&p.head;
	g->robust_len = sizeof(p.head);
	futex_exit_robust(g);
	/* The first has waiters; the pending one is free: its owner died before its wake. */
	cr_assert_eq(woken(), 0);
	cr_assert_eq(woken(), 3);
	cr_assert_eq(woken(), -1);
}

/* ---- With Gs that run ---- */

TestSuite(futex_run, .timeout = LIMIT);

static _Atomic uint32_t word, order_at;
static int order[64];

static void wait_and_note(void *arg)
{
	G_CHECK(g_wait(&word, 0, NULL) == 0);
	order[atomic_fetch_add(&order_at, 1)] = (int)(intptr_t)arg;
}

Test(futex_run, gs_wake_in_the_order_of_their_waits)
{
	enum { N = 20 };
	static struct harness_g h[N];

	harness_start(1);
	for (int i = 0; i < N; i++) {
		h[i].fn = wait_and_note;
		h[i].arg = (void *)(intptr_t)i;
		harness_spawn(&h[i]);
		harness_until_parked(&h[i]);
	}
	for (int i = 0; i < N; i++) {
		cr_assert_eq(g_wake(&word, 1), 1);
		harness_join(&h[i]);
		cr_assert_eq(order[i], i);
	}
	cr_assert_eq(g_wake(&word, 1), 0);
}

static void time_out(void *arg)
{
	struct timespec ts = { 0, 100000 };

	(void)arg;
	G_CHECK(g_wait(&word, 0, &ts) == -ETIMEDOUT);
}

/* Moved to another word while the timeout comes: off whichever bucket it is in by then. */
Test(futex_run, timeouts_while_requeued)
{
	enum { N = 10 };
	static struct harness_g h[N];
	_Atomic uint32_t other = 0;

	harness_start(2);
	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < N; i++) {
			h[i].fn = time_out;
			harness_spawn(&h[i]);
		}
		for (int i = 0; i < 20; i++) {
			CALL6(SYS_futex, &word, FUTEX_CMP_REQUEUE_PRIVATE, 0, 3, &other, 0);
			CALL6(SYS_futex, &other, FUTEX_CMP_REQUEUE_PRIVATE, 0, 2, &word, 0);
		}
		for (int i = 0; i < N; i++)
			harness_join(&h[i]);
		CHECK(!bucket_of((uint32_t *)&word)->head);
		CHECK(!bucket_of((uint32_t *)&other)->head);
	}
}

static uint32_t pi;
static uint64_t guarded[2];

static void count_under_pi(void *arg)
{
	(void)arg;
	for (int i = 0; i < 200; i++) {
		uint32_t free = 0, mine = (uint32_t)self_g->tid;

		if (!__atomic_compare_exchange_n(&pi, &free, mine, false, __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST))
			G_CHECK(CALL4(SYS_futex, &pi, FUTEX_LOCK_PI_PRIVATE, 0, NULL) == 0);
		G_CHECK((__atomic_load_n(&pi, __ATOMIC_SEQ_CST) & FUTEX_TID_MASK) == mine);
		G_CHECK(guarded[0]++ == guarded[1]);
		if (i % 3 == 0)
			g_yield();
		guarded[1]++;
		if (!__atomic_compare_exchange_n(&pi, &mine, 0, false, __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST))
			G_CHECK(CALL3(SYS_futex, &pi, FUTEX_UNLOCK_PI_PRIVATE, 0) == 0);
	}
}

static uint32_t procs_params[] = { 1, 2, 8 };

ParameterizedTestParameters(futex_run, pi_excludes)
{
	return cr_make_param_array(uint32_t, procs_params, 3);
}

ParameterizedTest(uint32_t *procs, futex_run, pi_excludes)
{
	enum { N = 8 };
	static struct harness_g h[N];

	harness_start(*procs);
	for (int i = 0; i < N; i++) {
		h[i].fn = count_under_pi;
		harness_spawn(&h[i]);
	}
	for (int i = 0; i < N; i++)
		harness_join(&h[i]);
	cr_assert_eq(guarded[0], N * 200);
	cr_assert_eq(guarded[1], N * 200);
	cr_assert_eq(pi, 0);
}

enum { MANY_WORDS = 128 };

static uint32_t many[MANY_WORDS];
static struct futex_waitv many_v[MANY_WORDS];
static _Atomic long many_result;

static void wait_many(void *arg)
{
	(void)arg;
	atomic_store(&many_result, CALL6(SYS_futex_waitv, many_v, MANY_WORDS, 0, NULL, 0, 0));
}

Test(futex_run, waitv_says_which_word_was_woken)
{
	struct harness_g h = { .fn = wait_many };

	harness_start(2);
	for (int i = 0; i < MANY_WORDS; i++)
		many_v[i] = (struct futex_waitv){ .uaddr = (uintptr_t)&many[i],
						  .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG };
	for (int i = 0; i < MANY_WORDS; i++) {
		atomic_store(&many_result, -1);
		harness_spawn(&h);
		while (CALL3(SYS_futex, &many[i], FUTEX_WAKE_PRIVATE, 1) == 0)
			g_yield();
		harness_join(&h);
		CHECK(atomic_load(&many_result) == i);
		for (int k = 0; k < MANY_WORDS; k++)
			CHECK(CALL3(SYS_futex, &many[k], FUTEX_WAKE_PRIVATE, 1) == 0);
	}
}

/* Whatever ends at once, for what it was asked or for its words: the kernel has the last word. */
Test(futex_run, errors_are_the_kernels)
{
	static uint32_t w[2];
	static struct timespec bad = { 0, -1 }, past = { 0, 0 };
	char *hole = (char *)8;
	static const struct futex_waitv ok = { .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG };
	struct futex_waitv v[2] = { ok, ok }, *none = NULL;
	struct {
		long nr, a[6];
	} call[] = {
#define FUTEX(...)                                                                                 \
	{                                                                                          \
		SYS_futex,                                                                         \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}
#define P FUTEX_PRIVATE_FLAG
		FUTEX((long)&w[0], FUTEX_WAIT | P, 1),
		FUTEX((long)&w[0], FUTEX_WAIT | P, 0, (long)&bad),
		FUTEX((long)&w[0], FUTEX_WAIT | P, 0, (long)&past),
		FUTEX((long)&w[0], FUTEX_WAIT | P, 0, (long)hole),
		FUTEX((long)&w[0] + 1, FUTEX_WAIT | P, 1),
		FUTEX((long)hole, FUTEX_WAIT | P, 1),
		FUTEX((long)&w[0], FUTEX_WAIT_BITSET | P, 0, 0, 0, 0),
		FUTEX((long)&w[0], FUTEX_WAIT_BITSET | P, 0, (long)&past, 0, 1),
		FUTEX((long)&w[0], FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME | P, 0, (long)&past, 0,
		      1),
		FUTEX((long)&w[0], FUTEX_WAKE | FUTEX_CLOCK_REALTIME | P, 1),
		FUTEX((long)&w[0], FUTEX_WAKE | P, 1),
		FUTEX((long)&w[0] + 2, FUTEX_WAKE | P, 1),
		FUTEX((long)hole, FUTEX_WAKE | P, 1),
		FUTEX((long)&w[0], FUTEX_WAKE_BITSET | P, 1, 0, 0, 0),
		FUTEX((long)&w[0], FUTEX_CMP_REQUEUE | P, 1, 1, (long)&w[1], 1),
		FUTEX((long)&w[0], FUTEX_CMP_REQUEUE | P, 1, 1, (long)&w[1], 0),
		FUTEX((long)&w[0], FUTEX_CMP_REQUEUE | P, 1, 1, (long)&w[1] + 1, 0),
		FUTEX((long)hole, FUTEX_CMP_REQUEUE | P, 1, 1, (long)&w[1], 0),
		FUTEX((long)&w[0], FUTEX_REQUEUE | P, 1, 1, (long)&w[1]),
		FUTEX((long)&w[0], FUTEX_WAKE_OP | P, 1, 1, (long)&w[1] + 2, 0),
		FUTEX((long)&w[0], FUTEX_WAKE_OP | P, 1, 1, (long)hole, 0),
		FUTEX((long)&w[0], FUTEX_UNLOCK_PI | P),
		FUTEX((long)&w[0] + 1, FUTEX_UNLOCK_PI | P),
		FUTEX((long)hole, FUTEX_UNLOCK_PI | P),
		FUTEX((long)hole, FUTEX_LOCK_PI | P),
		FUTEX((long)&w[0], FUTEX_LOCK_PI | FUTEX_CLOCK_REALTIME | P),
		FUTEX((long)&w[0], FUTEX_LOCK_PI | P, 0, (long)&bad),
		FUTEX((long)&w[0], 2 /* FUTEX_FD */ | P, 1),
		FUTEX((long)&w[0], 77, 1),
#undef FUTEX
#undef P
#define WAITV(...)                                                                                 \
	{                                                                                          \
		SYS_futex_waitv,                                                                   \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}
		WAITV((long)v, 2, 0, 0, 0),
		WAITV((long)v, 0, 0, 0, 0),
		WAITV((long)v, 129, 0, 0, 0),
		WAITV((long)v, 2, 1, 0, 0),
		WAITV((long)none, 2, 0, 0, 0),
		WAITV((long)hole, 2, 0, 0, 0),
		WAITV((long)v, 2, 0, (long)&bad, CLOCK_MONOTONIC),
		WAITV((long)v, 2, 0, (long)&past, CLOCK_BOOTTIME),
		WAITV((long)v, 2, 0, (long)hole, CLOCK_MONOTONIC),
#undef WAITV
	};
	enum { CALLS = sizeof(call) / sizeof(call[0]) };
	long kernel[CALLS];

	v[0].uaddr = v[1].uaddr = (uintptr_t)&w[0];
	v[1].val = 1; /* the word is 0: it never waits */
	for (int i = 0; i < CALLS; i++)
		kernel[i] = raw6(call[i].nr, call[i].a[0], call[i].a[1], call[i].a[2], call[i].a[3],
				 call[i].a[4], call[i].a[5]);
	harness_start(1);
	for (int i = 0; i < CALLS; i++) {
		const long *a = call[i].a;
		long r = CALL6(call[i].nr, a[0], a[1], a[2], a[3], a[4], a[5]);

		cr_expect_eq(r, kernel[i], "call %d, %ld of op %lx: kernel %ld, ours %ld", i,
			     call[i].nr, a[1], kernel[i], r);
	}
}

/* Each part of a vector that can be wrong. */
Test(futex_run, waitv_checks_its_words_as_the_kernel_does)
{
	static uint32_t w = 1;
	const struct futex_waitv ok = { .uaddr = (uintptr_t)&w, .flags = FUTEX_32 };
	struct futex_waitv v[8] = { ok, ok, ok, ok, ok, ok, ok, ok };
	long kernel[8];

	v[0].flags = 0;
	v[1].flags |= 0x40;
	v[2].__reserved = 1;
	v[3].uaddr++;
	v[4].uaddr = 8;
	v[5].val = 1ull << 32;
	v[6].flags = 1;
	for (int i = 0; i < 8; i++)
		kernel[i] = raw6(SYS_futex_waitv, (long)&v[i], 1, 0, 0, 0, 0);
	harness_start(1);
	for (int i = 0; i < 8; i++)
		cr_expect_eq(CALL6(SYS_futex_waitv, &v[i], 1, 0, 0, 0, 0), kernel[i],
			     "vector %d: kernel %ld", i, kernel[i]);
}
