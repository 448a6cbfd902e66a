/* SPDX-License-Identifier: MIT */
/* Pending signals, and the timers aimed at a G: order, merging, dropping, late signals. */
#include "sched/sigpend.h"
#include "sched/sigremote.h"
#include "sched/sigtimer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define BIT(sig) (1ull << ((sig) - 1))

static const uint64_t ALL = ~0ull;

static siginfo_t make(int sig, int code, int value)
{
	siginfo_t info = {.si_signo = sig, .si_code = code};

	info.si_value.sival_int = value;
	return info;
}

static void put(struct sigpend *p, int sig, int value)
{
	siginfo_t info = make(sig, SI_QUEUE, value);

	cr_assert(sigpend_put(p, &info));
}

/* The value of the next of SET, whose number must be SIG. */
static int take(struct sigpend *p, uint64_t set, int sig)
{
	siginfo_t info;

	cr_assert(sigpend_take(p, set, &info));
	cr_assert_eq(info.si_signo, sig, "took %d, not %d", info.si_signo, sig);
	return info.si_value.sival_int;
}

static bool empty(struct sigpend *p)
{
	siginfo_t info;

	return !sigpend_take(p, ALL, &info) && p->set == 0 && !p->head && !p->tail;
}

Test(sigpend, an_ordinary_signal_is_pending_once)
{
	struct sigpend p = {0};

	put(&p, SIGUSR1, 1);
	put(&p, SIGUSR1, 2);
	cr_expect_eq(p.set, BIT(SIGUSR1));
	cr_expect_eq(take(&p, ALL, SIGUSR1), 1);
	cr_expect(empty(&p));
}

Test(sigpend, real_time_signals_are_pending_as_often_as_sent_in_order)
{
	struct sigpend p = {0};

	for (int i = 0; i < 1000; i++)
		put(&p, 40, i);
	for (int i = 0; i < 1000; i++)
		cr_expect_eq(take(&p, ALL, 40), i);
	cr_expect(empty(&p));
}

Test(sigpend, the_lowest_number_comes_first_but_cancellation_before_all)
{
	struct sigpend p = {0};

	put(&p, 50, 0);
	put(&p, SIGUSR2, 0);
	put(&p, 32, 0);
	put(&p, SIGUSR1, 0);
	take(&p, ALL, 32);
	take(&p, ALL, SIGUSR1);
	take(&p, ALL, SIGUSR2);
	take(&p, ALL, 50);
	cr_expect(empty(&p));
}

Test(sigpend, only_what_is_asked_for_is_taken)
{
	struct sigpend p = {0};
	siginfo_t info;

	put(&p, SIGUSR1, 0);
	put(&p, 40, 1);
	put(&p, 40, 2);
	cr_expect_not(sigpend_take(&p, BIT(SIGUSR2), &info));
	cr_expect_eq(take(&p, BIT(40), 40), 1);
	cr_expect_eq(p.set, BIT(SIGUSR1) | BIT(40));
	cr_expect_eq(take(&p, BIT(40), 40), 2);
	cr_expect_eq(p.set, BIT(SIGUSR1));
	/* The tail was taken: what is put now must not get lost. */
	put(&p, 41, 3);
	take(&p, ALL, SIGUSR1);
	cr_expect_eq(take(&p, ALL, 41), 3);
	cr_expect(empty(&p));
}

Test(sigpend, a_flush_drops_all_of_its_set_and_no_other)
{
	struct sigpend p = {0};

	for (int i = 0; i < 10; i++) {
		put(&p, 40, i);
		put(&p, 41, i);
	}
	sigpend_flush(&p, BIT(40) | BIT(SIGUSR1));
	cr_expect_eq(p.set, BIT(41));
	for (int i = 0; i < 10; i++)
		cr_expect_eq(take(&p, ALL, 41), i);
	cr_expect(empty(&p));
}

Test(sigpend, a_timer_s_signal_is_pending_once_and_counts)
{
	struct sigpend p = {0};
	siginfo_t a = make(40, SI_TIMER, 1), b = make(40, SI_TIMER, 2), got;

	a.si_timerid = 1;
	b.si_timerid = 2;
	b.si_overrun = 3;
	for (int i = 0; i < 5; i++) {
		cr_assert(sigpend_put(&p, &a));
		cr_assert(sigpend_put(&p, &b));
		put(&p, 40, 9);
	}
	cr_assert(sigpend_take(&p, ALL, &got));
	cr_expect(got.si_timerid == 1 && got.si_overrun == 4 && got.si_value.sival_int == 1);
	cr_assert(sigpend_take(&p, ALL, &got));
	cr_expect(got.si_timerid == 2 && got.si_overrun == 3 + 4 * 4);
	for (int i = 0; i < 5; i++)
		cr_expect_eq(take(&p, ALL, 40), 9);
	cr_expect(empty(&p));
}

/* Against a model that keeps a plain list. */
Test(sigpend, any_mix_does_what_a_plain_list_does)
{
	struct {
		int sig, value;
	} model[4096];
	size_t n = 0;
	struct sigpend p = {0};

	srand(1);
	for (int i = 0; i < 20000; i++) {
		int sig = 1 + rand() % 64, best = -1;
		uint64_t set = (uint64_t)rand() << 33 ^ (uint64_t)rand() << 11 ^ (uint64_t)rand();
		siginfo_t info;
		bool got;

		if (rand() % 2 && n < 4096) {
			bool dup = false;

			for (size_t j = 0; j < n; j++)
				dup |= model[j].sig == sig && sig < 32;
			put(&p, sig, i);
			if (!dup) {
				model[n].sig = sig;
				model[n++].value = i;
			}
			continue;
		}
		for (size_t j = 0; j < n; j++) {
			if (!(set & BIT(model[j].sig)))
				continue;
			if (best < 0 || (model[best].sig != 32 &&
					 (model[j].sig == 32 || model[j].sig < model[best].sig)))
				best = (int)j;
		}
		got = sigpend_take(&p, set, &info);
		if (got != (best >= 0))
			cr_assert_fail("step %d: took %d", i, got);
		if (!got)
			continue;
		if (info.si_signo != model[best].sig || info.si_value.sival_int != model[best].value)
			cr_assert_fail("step %d: took %d", i, info.si_signo);
		n--;
		for (size_t j = (size_t)best; j < n; j++)
			model[j] = model[j + 1];
	}
}

Test(sigremote, a_carrier_brings_everything_and_only_what_was_packed)
{
	siginfo_t info = make(40, SI_TKILL, 77), carrier, got;

	info.si_errno = 5;
	info.si_pid = 1234;
	info.si_uid = 5678;
	sigremote_pack(&carrier, 5000000, &info);
	cr_expect(carrier.si_signo == 33 && carrier.si_code < 0 && carrier.si_code != SI_TKILL);
	/* The kernel drops what lies behind. */
	for (size_t i = 48; i < sizeof carrier; i++)
		cr_expect_eq(((const char *)&carrier)[i], 0);
	cr_expect_eq(sigremote_route(&carrier, &got), 5000000);
	cr_expect(got.si_signo == 40 && got.si_code == SI_TKILL && got.si_errno == 5 &&
		  got.si_pid == 1234 && got.si_uid == 5678 && got.si_value.sival_int == 77);
}

Test(sigremote, what_is_no_carrier_goes_nowhere)
{
	siginfo_t info = make(33, SI_QUEUE, 1), carrier, got;

	cr_expect_eq(sigremote_route(&info, &got), 0);
	info.si_signo = 65;
	sigremote_pack(&carrier, 5000000, &info);
	cr_expect_eq(sigremote_route(&carrier, &got), 0);
	info.si_signo = 40;
	sigremote_pack(&carrier, -1, &info);
	cr_expect_eq(sigremote_route(&carrier, &got), 0);
}

Test(sigremote, a_process_without_gs_is_left_alone)
{
	siginfo_t info = make(40, SI_TKILL, 0);

	/* A carrier would end this very test. */
	cr_expect_eq(sigremote_send(getpid(), 5000000, &info), -ESRCH);
	cr_expect_eq(sigremote_send(1 << 22, 5000000, &info), -ESRCH);
}

Test(sigtimer, a_carrier_becomes_the_program_s_own_signal)
{
	union sigval value = {.sival_int = 77};
	siginfo_t carrier = make(33, SI_TIMER, 0), info;
	void *cookie = sigtimer_new(5000000, 40, value);

	cr_assert_not_null(cookie);
	carrier.si_timerid = 3;
	carrier.si_overrun = 2;
	carrier.si_value.sival_ptr = cookie;
	cr_expect_eq(sigtimer_route(&carrier, &info), 5000000);
	cr_expect(info.si_signo == 40 && info.si_code == SI_TIMER && info.si_timerid == 3 &&
		  info.si_overrun == 2 && info.si_value.sival_int == 77);
}

Test(sigtimer, a_late_signal_of_a_deleted_timer_goes_nowhere)
{
	union sigval value = {.sival_int = 1};
	siginfo_t carrier = make(33, SI_TIMER, 0), info;
	void *old = sigtimer_new(5000000, 40, value), *next;

	sigtimer_name(old, 7);
	sigtimer_deleted(8);
	carrier.si_value.sival_ptr = old;
	cr_expect_eq(sigtimer_route(&carrier, &info), 5000000);
	sigtimer_deleted(7);
	cr_expect_eq(sigtimer_route(&carrier, &info), 0);
	/* Its place is taken again: the old cookie is still no good. */
	next = sigtimer_new(5000001, 41, value);
	cr_expect_neq(next, old);
	cr_expect_eq(sigtimer_route(&carrier, &info), 0);
	carrier.si_value.sival_ptr = next;
	cr_expect_eq(sigtimer_route(&carrier, &info), 5000001);
	sigtimer_forked();
	cr_expect_eq(sigtimer_route(&carrier, &info), 0);
}

Test(sigtimer, there_is_room_for_many_and_an_end)
{
	union sigval value = {.sival_int = 1};
	void *cookie, *last = NULL;
	int n = 0;

	while ((cookie = sigtimer_new(5000000, 40, value)))
		last = cookie, n++;
	cr_expect_geq(n, 4096);
	sigtimer_drop(last);
	cr_expect_not_null(sigtimer_new(5000000, 40, value));
	cr_expect_null(sigtimer_new(5000000, 40, value));
}
