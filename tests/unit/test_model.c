/* SPDX-License-Identifier: MIT */
/*
 * The scheduler's small state machines, in every interleaving.
 *
 * Each model follows the code of sched/proc.c step by step, one step for each access to what others
 * see. Each has variants with one mistake in it, which the explorer must find: so it is known to
 * look where the mistake would be. The functions that a model follows are named at its head; whoever
 * changes those changes the model.
 */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>

#include "model.h"

static int mistake; /* the model's number of it, 0: as the code is */

static void run(const struct model *m, const void *start, int which)
{
	struct model_verdict v;

	mistake = which;
	v = model_explore(m, start);
	if (which)
		cr_assert_not_null(v.wrong, "mistake %d is not found in %lu states", which,
				   v.states);
	else
		cr_assert_null(v.wrong, "%s, after %s", v.wrong, v.schedule);
	/* All of them, and more than one thread's own. */
	cr_assert(which || (v.states > 100 && v.endings > 0));
}

/* ---- Parking ------------------------------------------------------------------------------ */

/*
 * park_prepare(), park_claim(), leave_cpu(), finish_switch(), run_g().
 *
 * One G parks PARKS times. Two wakers (a timer and a wake, say) may each end any park whose number
 * they have seen; two Ms take the G off the queue and run it on. Thread 0 and 1 are the Ms, 2 and 3
 * the wakers.
 */
enum { PARKS = 2 };

enum park_mistake {
	PARK_OK,
	PARK_NO_ON_CPU,   /* the taker does not wait until the stack is left */
	PARK_LOAD_STORE,  /* the claim is a load and a store */
	PARK_NO_NUMBER,   /* the claim does not compare the park's number */
	PARK_EARLY_CLEAR, /* on_cpu falls before the stack is left */
};

struct park_state {
	uint8_t claim, seq, published, on_cpu, queued, on_stack, ended, stale;
	uint8_t pc[4], want[4];
};

enum { M_IDLE, M_WAIT, M_PREPARE, M_PUBLISH, M_EARLY, M_LEAVE, M_CLEAR };
enum { W_LOOK, W_CLAIM, W_STORE, W_READY, W_OVER };

static bool park_m(struct park_state *s, int t)
{
	switch (s->pc[t]) {
	case M_IDLE:
		if (!s->queued)
			return false;
		s->queued--;
		s->pc[t] = M_WAIT;
		return true;
	case M_WAIT:
		if (s->on_cpu && mistake != PARK_NO_ON_CPU)
			return false;
		s->on_cpu = 1;
		s->on_stack++;
		s->ended++;
		s->pc[t] = M_PREPARE;
		return true;
	case M_PREPARE:
		if (s->seq == PARKS)
			return false; /* it runs on for ever */
		s->claim = ++s->seq;
		s->pc[t] = M_PUBLISH;
		return true;
	case M_PUBLISH:
		s->published = s->seq;
		s->pc[t] = mistake == PARK_EARLY_CLEAR ? M_EARLY : M_LEAVE;
		return true;
	case M_EARLY:
		s->on_cpu = 0;
		s->pc[t] = M_LEAVE;
		return true;
	case M_LEAVE:
		s->on_stack--;
		s->pc[t] = M_CLEAR;
		return true;
	case M_CLEAR:
		if (mistake != PARK_EARLY_CLEAR)
			s->on_cpu = 0;
		s->pc[t] = M_IDLE;
		return true;
	}
	return false;
}

static bool park_waker(struct park_state *s, int t)
{
	switch (s->pc[t]) {
	case W_LOOK:
		if (s->published == s->want[t])
			return false;
		s->want[t] = s->published;
		s->pc[t] = W_CLAIM;
		return true;
	case W_CLAIM:
		if (mistake == PARK_NO_NUMBER ? !s->claim : s->claim != s->want[t]) {
			s->pc[t] = W_LOOK;
			return true;
		}
		if (mistake == PARK_LOAD_STORE) {
			s->pc[t] = W_STORE;
			return true;
		}
		s->stale = s->claim != s->want[t];
		s->claim = 0;
		s->pc[t] = W_READY;
		return true;
	case W_STORE:
		s->claim = 0;
		s->pc[t] = W_READY;
		return true;
	case W_READY:
		s->queued++;
		s->pc[t] = W_LOOK;
		return true;
	}
	return false;
}

static bool park_step(void *state, int t)
{
	return t < 2 ? park_m(state, t) : park_waker(state, t);
}

static const char *park_wrong(const void *state, bool over)
{
	const struct park_state *s = state;
	/* A claimed park that its winner has not made ready yet */
	int pending = (s->pc[2] == W_READY) + (s->pc[3] == W_READY);

	if (s->on_stack > 1)
		return "two Ms on one stack";
	if (s->queued + pending > 1)
		return "made ready twice for one park";
	if (s->stale)
		return "an old wake ended a later park";
	if (s->ended > s->seq)
		return "a park ended that was not begun";
	if (over && s->ended != PARKS)
		return "parked for ever";
	return NULL;
}

static const struct model park_model = {
	.size = sizeof(struct park_state),
	.threads = 4,
	.step = park_step,
	.wrong = park_wrong,
};

/* The G begins on M 0. */
static const struct park_state park_start = { .on_cpu = 1, .on_stack = 1, .pc = { M_PREPARE } };

Test(model, a_park_ends_once_and_on_a_stack_that_is_left)
{
	run(&park_model, &park_start, PARK_OK);
}

Test(model, mistakes_in_parking_are_found)
{
	run(&park_model, &park_start, PARK_NO_ON_CPU);
	run(&park_model, &park_start, PARK_LOAD_STORE);
	run(&park_model, &park_start, PARK_NO_NUMBER);
	run(&park_model, &park_start, PARK_EARLY_CLEAR);
}

/* ---- Two Gs that change places --------------------------------------------------------------- */

/*
 * sched_yield_g(), leave_cpu(), run_g(), finish_switch(): two Ms, each with a G that yields to a
 * common queue ROUNDS times. Waiting for another G's on_cpu with one's own still set can be waiting
 * for each other.
 */
enum { ROUNDS = 3, NO_G = 9 };

enum swap_mistake { SWAP_OK, SWAP_WAIT_ON_STACK };
enum { S_QUEUE, S_PICK, S_ENTER, S_DIRECT, S_G0, S_G0_WAIT, S_IDLE };

struct swap_state {
	uint8_t q[2], n, on_cpu[2], runs[2];
	uint8_t pc[2], g[2], next[2], left[2];
};

static void swap_run(struct swap_state *s, int t, uint8_t g)
{
	s->g[t] = g;
	s->next[t] = NO_G;
	s->runs[g]++;
	s->pc[t] = S_QUEUE;
}

static bool swap_step(void *state, int t)
{
	struct swap_state *s = state;
	uint8_t g = s->g[t], next = s->next[t];

	switch (s->pc[t]) {
	case S_QUEUE: /* the G of this M is made runnable, and stays on its stack */
		if (s->left[t] == 0)
			return false;
		s->left[t]--;
		s->q[s->n++] = g;
		s->pc[t] = S_PICK;
		return true;
	case S_PICK:
		if (s->n) {
			s->next[t] = s->q[0];
			s->q[0] = s->q[1];
			s->q[1] = 0;
			s->n--;
		}
		s->pc[t] = s->next[t] == g ? S_QUEUE : s->next[t] == NO_G ? S_G0 : S_ENTER;
		if (s->next[t] == g)
			swap_run(s, t, g);
		return true;
	case S_ENTER: /* leave_cpu()'s look at next->on_cpu */
		if (!s->on_cpu[next]) {
			s->on_cpu[next] = 1;
			s->pc[t] = S_DIRECT;
			return true;
		}
		if (mistake == SWAP_WAIT_ON_STACK)
			return false;
		s->pc[t] = S_G0;
		return true;
	case S_DIRECT: /* finish_switch() on the next G's stack */
		s->on_cpu[g] = 0;
		swap_run(s, t, next);
		return true;
	case S_G0: /* finish_switch() on g0's */
		s->on_cpu[g] = 0;
		s->g[t] = NO_G;
		s->pc[t] = next == NO_G ? S_IDLE : S_G0_WAIT;
		return true;
	case S_IDLE:
		if (!s->n)
			return false;
		s->next[t] = s->q[0];
		s->q[0] = s->q[1];
		s->q[1] = 0;
		s->n--;
		s->pc[t] = S_G0_WAIT;
		return true;
	case S_G0_WAIT:
		if (s->on_cpu[next])
			return false;
		s->on_cpu[next] = 1;
		swap_run(s, t, next);
		return true;
	}
	return false;
}

static const char *swap_wrong(const void *state, bool over)
{
	const struct swap_state *s = state;

	if (s->g[0] != NO_G && s->g[0] == s->g[1])
		return "one G on two Ms";
	if (!over)
		return NULL;
	if (s->n || s->pc[0] == S_ENTER || s->pc[1] == S_ENTER || s->pc[0] == S_G0_WAIT ||
	    s->pc[1] == S_G0_WAIT)
		return "a runnable G is never run";
	return NULL;
}

static const struct model swap_model = {
	.size = sizeof(struct swap_state),
	.threads = 2,
	.step = swap_step,
	.wrong = swap_wrong,
};

static const struct swap_state swap_start = {
	.on_cpu = { 1, 1 },
	.g = { 0, 1 },
	.next = { NO_G, NO_G },
	.left = { ROUNDS, ROUNDS },
};

Test(model, two_ms_that_swap_their_gs_do_not_wait_for_each_other)
{
	run(&swap_model, &swap_start, SWAP_OK);
}

Test(model, waiting_for_a_g_on_ones_own_stack_is_found)
{
	run(&swap_model, &swap_start, SWAP_WAIT_ON_STACK);
}

/* ---- The last look before sleep (B1) --------------------------------------------------------- */

/*
 * sched_wake_p(), find_runnable(), m_loop(), with store buffers as x86 has them: a store is seen by
 * its own thread at once, by others when it drains, which is a thread of its own here. Two
 * submitters on busy Ps queue a G each; one M looks for work, and sleeps if it finds none. Read-
 * modify-writes drain the buffer first, as a fence does.
 *
 * The sleeper's decrement is a plain store and a fence here, which is what C promises of it. Queued means in
 * a ring: what spare_wake() and the last look leave to the P whose next it is, is not lost either, but
 * that P's own.
 */
enum wake_mistake {
	WAKE_OK,
	WAKE_NO_FENCE,   /* the submitter's */
	WAKE_NO_FENCE_M, /* the sleeper's */
	WAKE_LOOK_FIRST, /* the last look before the decrement */
	WAKE_NO_LOOK,    /* none */
};

enum { U_QUEUE, U_FENCE, U_IDLE, U_SPIN, U_CAS, U_START, U_OVER };
enum { L_LOOK, L_PUT_P, L_EARLY, L_DEC, L_FENCE, L_LAST, L_GET_P, L_INC, L_ASLEEP, L_DEC_RUN };

enum { NO_STORE = 0xff };

struct wake_state {
	uint8_t runq[2];        /* submitter i's queue, as memory has it */
	uint8_t idle, spinning; /* n_idle_ps, n_spinning */
	uint8_t woken, saw, ran;
	uint8_t pc[3];
	uint8_t buf[3]; /* submitters: of their queue; the M: of n_spinning */
};

static void drain(struct wake_state *s, int t)
{
	if (s->buf[t] == NO_STORE)
		return;
	if (t < 2)
		s->runq[t] = s->buf[t];
	else
		s->spinning = s->buf[t];
	s->buf[t] = NO_STORE;
}

static bool wake_submit(struct wake_state *s, int t)
{
	switch (s->pc[t]) {
	case U_QUEUE:
		s->buf[t] = 1;
		s->pc[t] = U_FENCE;
		return true;
	case U_FENCE:
		if (mistake != WAKE_NO_FENCE)
			drain(s, t);
		s->pc[t] = U_IDLE;
		return true;
	case U_IDLE:
		s->pc[t] = s->idle ? U_SPIN : U_OVER;
		return true;
	case U_SPIN:
		s->pc[t] = s->spinning ? U_OVER : U_CAS;
		return true;
	case U_CAS:
		drain(s, t);
		s->pc[t] = s->spinning ? U_OVER : U_START;
		if (!s->spinning)
			s->spinning = 1;
		return true;
	case U_START: /* start_m(NULL, true), under the lock */
		if (s->idle) {
			s->idle--;
			s->woken = 1;
		} else {
			s->spinning--;
		}
		s->pc[t] = U_OVER;
		return true;
	}
	return false;
}

static bool wake_m(struct wake_state *s)
{
	enum { T = 2 };

	switch (s->pc[T]) {
	case L_LOOK: /* spinning, with a P */
		if (s->runq[0] || s->runq[1]) {
			s->runq[s->runq[0] ? 0 : 1] = 0;
			s->ran++;
			s->pc[T] = L_DEC_RUN;
		} else {
			s->pc[T] = L_PUT_P;
		}
		return true;
	case L_DEC_RUN: /* m_loop(); G runs at once, and the M looks again, as if it had been woken */
		drain(s, T);
		s->spinning--;
		s->pc[T] = L_INC;
		return true;
	case L_PUT_P:
		drain(s, T);
		s->idle++;
		s->pc[T] = mistake == WAKE_LOOK_FIRST ? L_EARLY : L_DEC;
		return true;
	case L_EARLY:
		s->saw = s->runq[0] || s->runq[1];
		s->pc[T] = L_DEC;
		return true;
	case L_DEC:
		s->buf[T] = s->spinning - 1;
		s->pc[T] = L_FENCE;
		return true;
	case L_FENCE:
		if (mistake != WAKE_NO_FENCE_M)
			drain(s, T);
		s->pc[T] = mistake == WAKE_NO_LOOK ? L_ASLEEP : L_LAST;
		return true;
	case L_LAST:
		if (mistake != WAKE_LOOK_FIRST)
			s->saw = s->runq[0] || s->runq[1];
		s->pc[T] = s->saw ? L_GET_P : L_ASLEEP;
		s->saw = 0;
		return true;
	case L_GET_P:
		drain(s, T);
		s->pc[T] = s->idle ? L_INC : L_ASLEEP;
		if (s->idle)
			s->idle--;
		return true;
	case L_INC:
		drain(s, T);
		s->spinning++;
		s->pc[T] = L_LOOK;
		return true;
	case L_ASLEEP:
		if (!s->woken)
			return false;
		drain(s, T);
		s->woken = 0;
		s->pc[T] = L_LOOK;
		return true;
	}
	return false;
}

static bool wake_step(void *state, int t)
{
	struct wake_state *s = state;

	if (t < 2)
		return wake_submit(s, t);
	if (t == 2)
		return wake_m(s);
	if (s->buf[t - 3] == NO_STORE)
		return false;
	drain(s, t - 3);
	return true;
}

static const char *wake_wrong(const void *state, bool over)
{
	const struct wake_state *s = state;

	if (s->spinning > 2 || s->idle > 1)
		return "the counts are off";
	if (over && (s->runq[0] || s->runq[1]))
		return "a G is queued, a P is idle, and nobody comes";
	if (over && s->ran != 2)
		return "a G is lost";
	return NULL;
}

static const struct model wake_model = {
	.size = sizeof(struct wake_state),
	.threads = 6,
	.step = wake_step,
	.wrong = wake_wrong,
};

static const struct wake_state wake_start = {
	.spinning = 1,
	.buf = { NO_STORE, NO_STORE, NO_STORE },
	.pc = { U_QUEUE, U_QUEUE, L_LOOK },
};

Test(model, who_queues_and_who_goes_to_sleep_see_each_other)
{
	run(&wake_model, &wake_start, WAKE_OK);
}

Test(model, mistakes_before_sleep_are_found)
{
	run(&wake_model, &wake_start, WAKE_NO_FENCE);
	run(&wake_model, &wake_start, WAKE_NO_FENCE_M);
	run(&wake_model, &wake_start, WAKE_LOOK_FIRST);
	run(&wake_model, &wake_start, WAKE_NO_LOOK);
}

/* ---- Whose P: retake against return ---------------------------------------------------------- */

/*
 * sched_enter_syscall(), sched_exit_syscall() with need_p(), retake() with sched_handoff_p() and
 * start_m(), find_runnable()'s way to sleep. One P, two Ms with a G each that makes CALLS calls, and
 * the watcher as thread 2. M 1 begins asleep, its G in the global queue.
 */
enum { CALLS = 2 };

enum retake_mistake {
	RETAKE_OK,
	RETAKE_NO_CAS,    /* the return is a load and a store */
	RETAKE_TWO_LOCKS, /* need_p() looks for a P and queues under two holds of the lock */
	RETAKE_NO_LOOK,   /* the hand-off does not look at the queue again under the lock */
};

enum {
	R_RUN,
	R_CALL,
	R_LOOK,
	R_CAS,
	R_STORE,
	R_NEED,
	R_NEED_QUEUE,
	R_GLOBAL,
	R_PUT_P,
	R_ASLEEP,
};
enum { V_LOOK, V_CAS, V_HAND, V_LOCK, V_AGAIN };

enum { IDLE, RUNNING, SYSCALL, NOBODY = 9 };

struct retake_state {
	uint8_t status, pm, idle, queue, n; /* queue: the set of Gs in it */
	uint8_t holds[2], g[2], left[2];
	uint8_t handed, asleep[2];
	uint8_t pc[3];
};

/* An M that sleeps gets the P. */
static void retake_start_m(struct retake_state *s)
{
	for (int t = 0; t < 2; t++)
		if (s->asleep[t]) {
			s->asleep[t] = 0;
			s->handed = (uint8_t)(t + 1);
			return;
		}
	/* A new M would be made; here there is always one that sleeps, or that needs none. */
	s->idle = 1;
	s->status = IDLE;
	s->pm = NOBODY;
}

static void retake_acquire(struct retake_state *s, int t)
{
	s->holds[t] = 1;
	s->pm = (uint8_t)t;
	s->status = RUNNING;
}

static bool retake_m(struct retake_state *s, int t)
{
	switch (s->pc[t]) {
	case R_RUN:
		if (!s->left[s->g[t]]) {
			s->g[t] = NOBODY; /* it ends */
			s->pc[t] = R_GLOBAL;
			return true;
		}
		s->left[s->g[t]]--;
		s->holds[t] = 0;
		s->pc[t] = R_CALL;
		return true;
	case R_CALL:
		s->status = SYSCALL;
		s->pc[t] = R_LOOK;
		return true;
	case R_LOOK:
		s->pc[t] = s->pm == t ? R_CAS : R_NEED;
		return true;
	case R_CAS:
		if (s->status != SYSCALL) {
			s->pc[t] = R_NEED;
			return true;
		}
		if (mistake == RETAKE_NO_CAS) {
			s->pc[t] = R_STORE;
			return true;
		}
		retake_acquire(s, t);
		s->pc[t] = R_RUN;
		return true;
	case R_STORE:
		retake_acquire(s, t);
		s->pc[t] = R_RUN;
		return true;
	case R_NEED: /* one hold of the lock */
		if (s->idle) {
			s->idle = 0;
			retake_acquire(s, t);
			s->pc[t] = R_RUN;
			return true;
		}
		if (mistake == RETAKE_TWO_LOCKS) {
			s->pc[t] = R_NEED_QUEUE;
			return true;
		}
		__attribute__((fallthrough));
	case R_NEED_QUEUE:
		s->queue |= (uint8_t)(1 << s->g[t]);
		s->g[t] = NOBODY;
		s->asleep[t] = 1;
		s->pc[t] = R_ASLEEP;
		return true;
	case R_GLOBAL: /* globq_get(), and the look under the lock before the P is put away */
		if (s->queue) {
			s->g[t] = s->queue & 1 ? 0 : 1;
			s->queue &= (uint8_t) ~(1 << s->g[t]);
			s->pc[t] = R_RUN;
			return true;
		}
		s->holds[t] = 0;
		s->status = IDLE;
		s->pm = NOBODY;
		s->idle = 1;
		s->asleep[t] = 1;
		s->pc[t] = R_ASLEEP;
		return true;
	case R_ASLEEP:
		if (s->handed != t + 1)
			return false;
		s->handed = 0;
		retake_acquire(s, t);
		s->pc[t] = R_GLOBAL;
		return true;
	}
	return false;
}

static bool retake_watcher(struct retake_state *s)
{
	enum { T = 2 };

	switch (s->pc[T]) {
	case V_LOOK:
		if (s->status != SYSCALL)
			return false;
		s->pc[T] = V_CAS;
		return true;
	case V_CAS:
		s->pc[T] = s->status == SYSCALL ? V_HAND : V_LOOK;
		if (s->status == SYSCALL)
			s->status = IDLE; /* on no list: the watcher's */
		return true;
	case V_HAND: /* sched_handoff_p()'s look without the lock */
		if (s->queue) {
			retake_start_m(s);
			s->pc[T] = V_LOOK;
			return true;
		}
		s->pc[T] = V_LOCK;
		return true;
	case V_LOCK:
		if (s->queue && mistake != RETAKE_NO_LOOK) {
			retake_start_m(s);
			s->pc[T] = V_LOOK;
			return true;
		}
		s->pm = NOBODY;
		s->idle = 1;
		s->pc[T] = mistake == RETAKE_NO_LOOK ? V_LOOK : V_AGAIN;
		return true;
	case V_AGAIN: /* sched_wake_p() */
		if (s->queue && s->idle) {
			s->idle = 0;
			retake_start_m(s);
		}
		s->pc[T] = V_LOOK;
		return true;
	}
	return false;
}

static bool retake_step(void *state, int t)
{
	return t < 2 ? retake_m(state, t) : retake_watcher(state);
}

static const char *retake_wrong(const void *state, bool over)
{
	const struct retake_state *s = state;

	if (s->holds[0] && s->holds[1])
		return "two Ms run with one P";
	if ((s->holds[0] || s->holds[1]) && s->idle)
		return "a P in use is on the idle list";
	for (int t = 0; t < 2; t++)
		if (s->holds[t] && s->status == RUNNING && s->pm != t)
			return "the P names another M than its own";
	if (over && (s->left[0] || s->left[1] || s->queue))
		return "a G waits for a P for ever";
	return NULL;
}

static const struct model retake_model = {
	.size = sizeof(struct retake_state),
	.threads = 3,
	.step = retake_step,
	.wrong = retake_wrong,
};

static const struct retake_state retake_start = {
	.status = RUNNING,
	.pm = 0,
	.queue = 1 << 1,
	.holds = { 1, 0 },
	.g = { 0, NOBODY },
	.left = { CALLS, CALLS },
	.asleep = { 0, 1 },
	.pc = { R_RUN, R_ASLEEP, V_LOOK },
};

Test(model, a_p_has_one_m_and_no_g_waits_for_ever)
{
	run(&retake_model, &retake_start, RETAKE_OK);
}

Test(model, mistakes_about_the_p_are_found)
{
	run(&retake_model, &retake_start, RETAKE_NO_CAS);
	run(&retake_model, &retake_start, RETAKE_TWO_LOCKS);
	run(&retake_model, &retake_start, RETAKE_NO_LOOK);
}

/* ---- A P whose M sleeps unseen (B6) ---------------------------------------------------------- */

/*
 * sched_enter(), sched_enter_retaken() and sched_leave() on thread 0, which enters ENTRIES times;
 * sched_retake_stalled() on thread 1, the watcher; thread 2 drains the M's store buffer. That the
 * watcher's look at the kernel's state of the M comes true at any moment is left open: it may ask
 * whenever it saw the M outside.
 *
 * In one model the M goes away instead (away.h): sched_leave_away() after each entry. Its P is then at
 * hand (P_SYSCALL) for both; taken by the watcher by a CAS, it is put away as above.
 */
enum { ENTRIES = 3, ASKS = 2 };

enum stall_mistake {
	STALL_OK,
	STALL_NO_BARRIER, /* the watcher asks without the barrier on all CPUs */
	STALL_NO_WAIT,    /* the M does not wait for the watcher's decision */
	STALL_NO_LOOK,    /* the watcher does not look at in_sched again */
	STALL_AWAY_STORE, /* the M goes away by a store, without waiting for the watcher's decision */
};

enum { NONE, ASKED, DONE, AWAY };
enum { E_OUT, E_LOAD, E_WAIT, E_SWAP, E_BACK, E_NEED, E_IN, E_AWAY };
enum { A_SEE, A_ASK, A_BARRIER, A_LOOK, A_TAKE, A_DONE, A_HAND };

struct stall_state {
	uint8_t in_sched, retaken, has_p, given, idle;
	uint8_t goes_away, at_hand;
	uint8_t buf, left, asks;
	uint8_t pc[2];
};

static void stall_drain(struct stall_state *s)
{
	if (s->buf != NO_STORE)
		s->in_sched = s->buf;
	s->buf = NO_STORE;
}

static bool stall_m(struct stall_state *s)
{
	switch (s->pc[0]) {
	case E_OUT:
		if (!s->left)
			return false;
		s->left--;
		stall_drain(s);
		s->buf = 1;
		s->pc[0] = E_LOAD;
		return true;
	case E_LOAD:
		s->pc[0] = s->retaken ? E_WAIT : E_IN;
		return true;
	case E_WAIT:
		if (s->retaken == ASKED && mistake != STALL_NO_WAIT)
			return false;
		s->pc[0] = E_SWAP;
		return true;
	case E_SWAP:
		stall_drain(s);
		s->pc[0] = s->retaken == DONE ? E_NEED : s->retaken == AWAY ? E_BACK : E_IN;
		s->retaken = NONE;
		return true;
	case E_BACK: /* sched_exit_syscall() */
		s->pc[0] = s->at_hand ? E_IN : E_NEED;
		s->has_p = s->at_hand;
		s->at_hand = 0;
		return true;
	case E_NEED: /* need_p(): there is one as soon as the watcher has put it away */
		if (!s->idle)
			return false;
		s->idle = 0;
		s->given = 0;
		s->has_p = 1;
		s->pc[0] = E_IN;
		return true;
	case E_IN: /* it has used its P; sched_leave() */
		stall_drain(s);
		if (s->goes_away) {
			if (s->retaken != NONE && mistake != STALL_AWAY_STORE)
				return false;
			s->retaken = AWAY;
			s->pc[0] = E_AWAY;
			return true;
		}
		s->buf = 0;
		s->pc[0] = E_OUT;
		return true;
	case E_AWAY: /* sched_enter_syscall() */
		s->has_p = 0;
		s->at_hand = 1;
		s->buf = 0;
		s->pc[0] = E_OUT;
		return true;
	}
	return false;
}

static bool stall_watcher(struct stall_state *s)
{
	switch (s->pc[1]) {
	case A_SEE:
		if (s->asks && s->at_hand) { /* retake() */
			s->asks--;
			s->at_hand = 0;
			s->given = 1;
			s->pc[1] = A_HAND;
			return true;
		}
		if (!s->asks || s->in_sched)
			return false;
		s->asks--;
		s->pc[1] = A_ASK;
		return true;
	case A_ASK:
		s->pc[1] = s->retaken == NONE ? A_BARRIER : A_SEE;
		if (s->retaken == NONE)
			s->retaken = ASKED;
		return true;
	case A_BARRIER:
		if (mistake != STALL_NO_BARRIER)
			stall_drain(s);
		s->pc[1] = A_LOOK;
		return true;
	case A_LOOK:
		if ((s->in_sched && mistake != STALL_NO_LOOK) || !s->has_p) {
			s->retaken = NONE;
			s->pc[1] = A_SEE;
			return true;
		}
		s->pc[1] = A_TAKE;
		return true;
	case A_TAKE:
		s->has_p = 0;
		s->given = 1;
		s->pc[1] = A_DONE;
		return true;
	case A_DONE:
		s->retaken = DONE;
		s->pc[1] = A_HAND;
		return true;
	case A_HAND:
		s->idle = 1;
		s->pc[1] = A_SEE;
		return true;
	}
	return false;
}

static bool stall_step(void *state, int t)
{
	struct stall_state *s = state;

	if (t < 2)
		return t ? stall_watcher(s) : stall_m(s);
	if (s->buf == NO_STORE)
		return false;
	stall_drain(s);
	return true;
}

static const char *stall_wrong(const void *state, bool over)
{
	const struct stall_state *s = state;

	if (s->pc[0] == E_IN && (!s->has_p || s->given))
		return "the M uses a P that was taken";
	if (over && (s->left || s->pc[0] != E_OUT))
		return "the M waits for ever";
	return NULL;
}

static const struct model stall_model = {
	.size = sizeof(struct stall_state),
	.threads = 3,
	.step = stall_step,
	.wrong = stall_wrong,
};

static const struct stall_state stall_start = {
	.has_p = 1,
	.buf = NO_STORE,
	.left = ENTRIES,
	.asks = ASKS,
};

Test(model, a_p_is_not_taken_from_an_m_inside)
{
	run(&stall_model, &stall_start, STALL_OK);
}

static const struct stall_state away_start = {
	.has_p = 1,
	.buf = NO_STORE,
	.left = ENTRIES,
	.asks = ASKS,
	.goes_away = 1,
};

Test(model, an_m_that_goes_away_comes_back_with_a_p)
{
	run(&stall_model, &away_start, STALL_OK);
}

Test(model, mistakes_about_stalled_ms_are_found)
{
	run(&stall_model, &away_start, STALL_AWAY_STORE);
	run(&stall_model, &stall_start, STALL_NO_BARRIER);
	run(&stall_model, &stall_start, STALL_NO_WAIT);
	run(&stall_model, &stall_start, STALL_NO_LOOK);
}

/* ---- Until the next deadline (B3) ------------------------------------------------------------ */

/*
 * m_sleep() of the keeper on thread 0; timer_add() and sched_timer_earlier() on threads 1 and 2,
 * with deadlines 3 and 5; threads 3 to 5 drain their store buffers (the keeper's holds timer_when,
 * an adder's its heap's earliest). Deadlines that pass are not modelled: the keeper must not be
 * asleep for longer than to the earliest, unless somebody is about to wake it.
 */
enum keeper_mistake {
	KEEPER_OK,
	KEEPER_LATE_NAME,  /* timer_m is set after the looks at the heaps */
	KEEPER_NO_FENCE,   /* the adder's */
	KEEPER_LOOK_FIRST, /* the adder looks for the keeper before its timer is in */
};

enum {
	K_NAME,
	K_NEVER,
	K_FENCE,
	K_LOOK,
	K_STORE,
	K_FENCE2,
	K_AGAIN,
	K_TAKE_NUDGE,
	K_LATE_NAME,
	K_ASLEEP
};
enum { D_EARLY, D_ADD, D_FENCE, D_KEEPER, D_WHEN, D_NUDGE, D_OVER };
enum { NEVER = 0xfe };

struct keeper_state {
	uint8_t next[2], when, keeper, nudged, until, seen;
	uint8_t saw_keeper[2];
	uint8_t pc[3], buf[3];
};

static void keeper_drain(struct keeper_state *s, int t)
{
	if (s->buf[t] == NO_STORE)
		return;
	if (t == 0)
		s->when = s->buf[0];
	else
		s->next[t - 1] = s->buf[t];
	s->buf[t] = NO_STORE;
}

static uint8_t earliest(const struct keeper_state *s)
{
	return s->next[0] < s->next[1] ? s->next[0] : s->next[1];
}

static bool keeper_m(struct keeper_state *s)
{
	switch (s->pc[0]) {
	case K_NAME: /* a read-modify-write of timer_m */
		keeper_drain(s, 0);
		s->keeper = mistake != KEEPER_LATE_NAME;
		s->pc[0] = K_TAKE_NUDGE;
		return true;
	case K_TAKE_NUDGE:
		keeper_drain(s, 0);
		s->nudged = 0;
		s->pc[0] = K_NEVER;
		return true;
	case K_NEVER:
		s->buf[0] = NEVER;
		s->pc[0] = K_FENCE;
		return true;
	case K_FENCE:
		keeper_drain(s, 0);
		s->pc[0] = K_LOOK;
		return true;
	case K_LOOK:
		s->seen = earliest(s);
		s->pc[0] = K_STORE;
		return true;
	case K_STORE:
		s->buf[0] = s->seen;
		s->pc[0] = K_FENCE2;
		return true;
	case K_FENCE2:
		keeper_drain(s, 0);
		s->pc[0] = K_AGAIN;
		s->until = s->seen;
		return true;
	case K_AGAIN:
		s->pc[0] = earliest(s) < s->seen ? K_TAKE_NUDGE
			   : s->keeper           ? K_ASLEEP
						 : K_LATE_NAME;
		return true;
	case K_LATE_NAME:
		s->keeper = 1;
		s->pc[0] = K_ASLEEP;
		return true;
	case K_ASLEEP: /* the kernel compares the futex word */
		if (!s->nudged)
			return false;
		s->pc[0] = K_TAKE_NUDGE;
		return true;
	}
	return false;
}

static bool keeper_adder(struct keeper_state *s, int t)
{
	static const uint8_t deadline[] = { 0, 3, 5 };

	switch (s->pc[t]) {
	case D_EARLY:
		s->saw_keeper[t - 1] = s->keeper && deadline[t] < s->when;
		s->pc[t] = D_ADD;
		return true;
	case D_ADD:
		s->buf[t] = deadline[t];
		s->pc[t] = D_FENCE;
		return true;
	case D_FENCE:
		if (mistake != KEEPER_NO_FENCE)
			keeper_drain(s, t);
		s->pc[t] = D_KEEPER;
		return true;
	case D_KEEPER:
		if (mistake != KEEPER_LOOK_FIRST)
			s->saw_keeper[t - 1] = s->keeper;
		s->pc[t] = s->saw_keeper[t - 1] ? D_WHEN : D_OVER;
		return true;
	case D_WHEN:
		s->pc[t] = mistake == KEEPER_LOOK_FIRST || deadline[t] < s->when ? D_NUDGE : D_OVER;
		return true;
	case D_NUDGE:
		keeper_drain(s, t);
		s->nudged = 1;
		s->pc[t] = D_OVER;
		return true;
	}
	return false;
}

static bool keeper_step(void *state, int t)
{
	struct keeper_state *s = state;

	if (t < 3)
		return t ? keeper_adder(s, t) : keeper_m(s);
	if (s->buf[t - 3] == NO_STORE)
		return false;
	keeper_drain(s, t - 3);
	return true;
}

static const char *keeper_wrong(const void *state, bool over)
{
	const struct keeper_state *s = state;

	return over && s->until != earliest(s) ? "the keeper oversleeps a deadline" : NULL;
}

static const struct model keeper_model = {
	.size = sizeof(struct keeper_state),
	.threads = 6,
	.step = keeper_step,
	.wrong = keeper_wrong,
};

static const struct keeper_state keeper_start = {
	.next = { NEVER, NEVER },
	.when = NEVER,
	.until = NEVER,
	.pc = { K_NAME, D_ADD, D_ADD },
	.buf = { NO_STORE, NO_STORE, NO_STORE },
};

Test(model, the_keeper_sleeps_until_the_earliest_deadline)
{
	run(&keeper_model, &keeper_start, KEEPER_OK);
}

Test(model, mistakes_of_the_keeper_are_found)
{
	struct keeper_state early = keeper_start;

	run(&keeper_model, &keeper_start, KEEPER_LATE_NAME);
	run(&keeper_model, &keeper_start, KEEPER_NO_FENCE);
	early.pc[1] = early.pc[2] = D_EARLY;
	run(&keeper_model, &early, KEEPER_LOOK_FIRST);
}

/* ---- Waiting by edge ------------------------------------------------------------------------- */

/*
 * netpoll_seen(), tell_locked(), arm_locked(), event(), edge_locked().
 *
 * A descriptor registered by edge, to which thread 2 sends a byte for each of the two readers, 0 and 1. Thread 3
 * is who polls: the kernel takes an event off its list, and reports it if it is still so.
 */
enum { EDGE_BYTES = 2 };

enum edge_mistake {
	EDGE_OK,
	EDGE_LATE,     /* the edges are counted after the try */
	EDGE_NO_LOOK,  /* not compared before the wait */
	EDGE_NO_LEVEL, /* two wait by edge */
	EDGE_CLEARED,  /* a flag that each try clears, in the place of a count */
};

struct edge_state {
	uint8_t sent, data, pending, disarmed, edges, level;
	uint8_t seen[2], parked[2], pc[4];
};

enum { V_SEEN, V_TRY, V_LATE, V_WAIT, V_PARKED, V_GOT };
enum { V_POLL, V_TELL };

static void edge_arm(struct edge_state *s)
{
	s->disarmed = 0;
	s->pending = s->data > 0;
}

static bool edge_reader(struct edge_state *s, int t)
{
	switch (s->pc[t]) {
	case V_SEEN:
		if (mistake == EDGE_CLEARED)
			s->edges = 0;
		s->seen[t] = s->edges;
		s->pc[t] = V_TRY;
		return true;
	case V_TRY:
		s->pc[t] = s->data ? V_GOT : mistake == EDGE_LATE ? V_LATE : V_WAIT;
		s->data -= s->data > 0;
		return true;
	case V_LATE:
		s->seen[t] = s->edges;
		s->pc[t] = V_WAIT;
		return true;
	case V_WAIT: /* under the slot's lock */
		if (s->parked[!t] && mistake != EDGE_NO_LEVEL)
			s->level = 1;
		if (s->level) {
			edge_arm(s);
		} else if (s->edges != s->seen[t] && mistake != EDGE_NO_LOOK) {
			s->pc[t] = V_SEEN;
			return true;
		}
		s->parked[t] = 1;
		s->pc[t] = V_PARKED;
		return true;
	case V_PARKED:
		if (s->parked[t])
			return false;
		s->pc[t] = V_SEEN;
		return true;
	}
	return false;
}

static bool edge_poller(struct edge_state *s)
{
	int first = s->parked[0] ? 0 : 1;

	if (s->pc[3] == V_POLL) {
		if (!s->pending)
			return false;
		s->pending = 0;
		if (s->data)
			s->pc[3] = V_TELL;
		s->disarmed = s->data && s->level; /* EPOLLONESHOT */
		return true;
	}
	if (!s->level)
		s->edges++;
	s->parked[first] = 0;
	if (s->level && s->parked[!first])
		edge_arm(s);
	s->pc[3] = V_POLL;
	return true;
}

static bool edge_step(void *state, int t)
{
	struct edge_state *s = state;

	if (t < 2)
		return edge_reader(s, t);
	if (t == 3)
		return edge_poller(s);
	if (s->sent == EDGE_BYTES)
		return false;
	s->sent++;
	s->data++;
	if (!s->disarmed)
		s->pending = 1;
	return true;
}

static const char *edge_wrong(const void *state, bool over)
{
	const struct edge_state *s = state;

	return over && s->data ? "a byte has come, and who waits for it is not woken" : NULL;
}

static const struct model edge_model = {
	.size = sizeof(struct edge_state),
	.threads = 4,
	.step = edge_step,
	.wrong = edge_wrong,
};

static const struct edge_state edge_start;

Test(model, an_edge_is_seen_by_who_is_about_to_wait)
{
	run(&edge_model, &edge_start, EDGE_OK);
}

Test(model, mistakes_about_edges_are_found)
{
	run(&edge_model, &edge_start, EDGE_LATE);
	run(&edge_model, &edge_start, EDGE_NO_LOOK);
	run(&edge_model, &edge_start, EDGE_NO_LEVEL);
	run(&edge_model, &edge_start, EDGE_CLEARED);
}
