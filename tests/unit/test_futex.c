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
	struct g *g = gqueue_pop(&sched.globq);

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
	static struct p p = { .ran_long = 1 };
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
	static struct p p = { .ran_long = 1 };
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
