/* SPDX-License-Identifier: MIT */
/*
 * The scheduler itself, running in the process of the test: see harness.h.
 *
 * Nothing here depends on how long anything takes: a test waits for what must come, and hangs if it
 * does not come. The suite's limit is there for that alone.
 */
#include "sched/proc.h"

#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "sched/gtab.h"
#include "sched/preempt.h"
#include "sched/runq.h"
#include "sched/timer.h"

enum { MANY = 200, LIMIT = 100 };

TestSuite(proc, .timeout = LIMIT);

static _Atomic uint32_t count;

static void add_one(void *arg)
{
	(void)arg;
	atomic_fetch_add(&count, 1);
}

static void spawn_all(struct harness_g *h, int n, void (*fn)(void *), void *arg)
{
	for (int i = 0; i < n; i++) {
		h[i].fn = fn;
		h[i].arg = arg ? arg : (void *)(intptr_t)i;
		harness_spawn(&h[i]);
	}
}

static void join_all(struct harness_g *h, int n)
{
	for (int i = 0; i < n; i++)
		harness_join(&h[i]);
}

/* ---- Beginning, ending, any number of Ps ---- */

static uint32_t procs_params[] = { 1, 2, 3, 8, 64 };

ParameterizedTestParameters(proc, gs_run_whatever_the_number_of_ps)
{
	return cr_make_param_array(uint32_t, procs_params,
				   sizeof(procs_params) / sizeof(procs_params[0]));
}

static void add_and_yield(void *arg)
{
	(void)arg;
	for (int i = 0; i < 10; i++) {
		atomic_fetch_add(&count, 1);
		g_yield();
	}
}

ParameterizedTest(uint32_t *procs, proc, gs_run_whatever_the_number_of_ps)
{
	static struct harness_g h[MANY];

	harness_start(*procs);
	cr_assert(sched_active());
	cr_assert_eq(sched_procs(), *procs);
	for (int round = 0; round < 3; round++) {
		spawn_all(h, MANY, add_and_yield, NULL);
		join_all(h, MANY);
	}
	cr_assert_eq(atomic_load(&count), 3 * MANY * 10);
	/* Those that were joined may still be on their way into the free list; nobody else is left. */
	while (gtab_alive() != 1)
		g_yield();
	cr_assert_leq(atomic_load(&sched.n_idle_ps), *procs - 1);
	cr_assert_leq(sched.n_idle_ms, sched.n_ms);
}

Test(proc, first_g_is_main)
{
	struct g *g;

	harness_start(1);
	g = self_g;
	cr_assert(g->main);
	cr_assert_eq(g->tid, getpid());
	cr_assert_eq(gtab_find(getpid()), g);
	cr_assert_eq(atomic_load(&g->status), G_RUNNING);
	cr_assert_eq(g->m->p, &sched.ps[0]);
	cr_assert_eq(sched.ps[0].m, g->m);
	cr_assert_eq(CALL0(SYS_gettid), getpid());
}

static _Atomic int32_t seen_tid;

static void note_tid(void *arg)
{
	(void)arg;
	atomic_store(&seen_tid, (int32_t)CALL0(SYS_gettid));
}

Test(proc, tids_are_told_and_cleared)
{
	struct harness_g h = { .fn = note_tid };
	int32_t first;

	harness_start(1);
	harness_spawn(&h);
	cr_assert_geq(h.tid, GTAB_TID_FIRST);
	cr_assert_eq(atomic_load(&h.live), (uint32_t)h.tid);
	harness_join(&h);
	cr_assert_eq(atomic_load(&seen_tid), h.tid);
	first = h.tid;
	while (gtab_find(first))
		g_yield();
	harness_spawn(&h);
	harness_join(&h);
	cr_assert_neq(h.tid, first);
}

/* ---- Parking, by one G that does all of it ---- */

Test(proc, claim_is_won_once)
{
	struct g *g;
	uint64_t seq;

	harness_start(1);
	g = self_g;
	sched_enter(g);
	seq = park_prepare(g, WAIT_FUTEX, 7);
	cr_assert_eq(atomic_load(&g->status), G_WAITING);
	cr_assert_eq(atomic_load(&g->wait_reason), WAIT_FUTEX);
	cr_assert_eq(atomic_load(&g->wait_on), 7);
	cr_assert_not(park_claim(g, seq - 1, -EINTR));
	cr_assert_not(park_claim(g, seq + 1, -EINTR));
	cr_assert(park_claim(g, seq, -EINTR));
	cr_assert_not(park_claim(g, seq, 0));
	cr_assert_not(park_cancel(g, seq));
	sched_ready(g);
	cr_assert_eq(park(g), -EINTR);
	cr_assert_eq(atomic_load(&g->status), G_RUNNING);
	cr_assert(runq_empty(&g->m->p->runq));
	sched_leave(g);
}

Test(proc, cancel_ends_the_park)
{
	struct g *g;
	uint64_t seq, next;

	harness_start(1);
	g = self_g;
	sched_enter(g);
	seq = park_prepare(g, WAIT_SLEEP, 0);
	cr_assert(park_cancel(g, seq));
	cr_assert_eq(atomic_load(&g->status), G_RUNNING);
	cr_assert_not(park_claim(g, seq, 0));
	cr_assert_not(park_cancel(g, seq));
	/* What was published of the last park ends no later one. */
	next = park_prepare(g, WAIT_SLEEP, 0);
	cr_assert_neq(next, seq);
	cr_assert_not(park_claim(g, seq, 0));
	cr_assert(park_cancel(g, next));
	sched_leave(g);
}

Test(proc, deadline_in_the_past_ends_a_park_at_once)
{
	struct g *g;

	harness_start(1);
	g = self_g;
	sched_enter(g);
	for (int i = 0; i < 100; i++)
		cr_assert_eq(park_until(g, park_prepare(g, WAIT_SLEEP, 0), i), -ETIMEDOUT);
	cr_assert_eq(timer_next(g->m->p), INT64_MAX);
	sched_leave(g);
}

Test(proc, deadline_is_not_kept_by_a_park_that_ended_before)
{
	struct g *g;
	uint64_t seq;

	harness_start(1);
	g = self_g;
	sched_enter(g);
	seq = park_prepare(g, WAIT_SLEEP, 0);
	cr_assert(park_claim(g, seq, 42));
	sched_ready(g);
	cr_assert_eq(park_until(g, seq, INT64_MAX - 1), 42);
	cr_assert_eq(timer_next(g->m->p), INT64_MAX);
	sched_leave(g);
}

/* ---- Order ---- */

enum { TURNS = 300, CIRCLE = 5 };

static _Atomic uint32_t log_at;
static uint32_t log_of[TURNS * CIRCLE];

static void take_turns(void *arg)
{
	for (int i = 0; i < TURNS; i++) {
		log_of[atomic_fetch_add(&log_at, 1)] = (uint32_t)(intptr_t)arg;
		g_yield();
	}
}

/* Before harness_start(): who computes is not made to give way, which only a watch of who runs when
 * would notice. */
static void nobody_gives_way(void)
{
	preempt_init(false, 0, 1000 * 1000);
}

Test(proc, yield_goes_round)
{
	static struct harness_g h[CIRCLE];
	bool seen[CIRCLE] = { false };

	nobody_gives_way();
	harness_start(1);
	spawn_all(h, CIRCLE, take_turns, NULL);
	join_all(h, CIRCLE);
	cr_assert_eq(atomic_load(&log_at), TURNS * CIRCLE);
	for (int i = 0; i < CIRCLE; i++)
		seen[log_of[i]] = true;
	for (int i = 0; i < CIRCLE; i++)
		cr_assert(seen[i]);
	for (int i = CIRCLE; i < TURNS * CIRCLE; i++)
		CHECK(log_of[i] == log_of[i - CIRCLE]);
}

Test(proc, yield_alone_goes_on)
{
	uint32_t tick;

	harness_start(1);
	tick = atomic_load(&sched.ps[0].tick);
	for (int i = 0; i < 1000; i++)
		g_yield();
	cr_assert_eq(atomic_load(&sched.ps[0].tick), tick);
}

static _Atomic uint64_t parked_seq;
static _Atomic uint32_t woken_at, stop;
static _Atomic int32_t woken_with;

static void park_once(void *arg)
{
	struct g *g = self_g;
	uint64_t seq;

	(void)arg;
	sched_enter(g);
	seq = park_prepare(g, WAIT_FUTEX, 0);
	atomic_store(&parked_seq, seq);
	atomic_store(&woken_with, park(g));
	atomic_store(&woken_at, atomic_load(&g->m->p->tick));
	sched_leave(g);
}

static void yield_until_stop(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop))
		g_yield();
}

/* Two Gs that yield to each other keep the P's own queue busy for ever. */
Test(proc, global_queue_is_not_starved)
{
	enum { EVERY = 61 };
	static struct harness_g busy[2];
	struct harness_g x = { .fn = park_once };

	nobody_gives_way();
	harness_start(1);
	spawn_all(busy, 2, yield_until_stop, NULL);
	for (int i = 0; i < 200; i++) {
		uint32_t before, queued;

		atomic_store(&woken_at, 0);
		harness_spawn(&x);
		harness_until_parked(&x);
		/* Outside the scheduler: the G goes into the global queue, where one whose slice was over
		 * may be as well. */
		before = atomic_load(&sched.ps[0].tick);
		queued = atomic_load(&sched.n_global);
		CHECK(park_claim(x.g, atomic_load(&parked_seq), 5));
		sched_ready(x.g);
		CHECK(atomic_load(&sched.n_global) == queued + 1);
		while (!atomic_load(&woken_at))
			g_yield();
		CHECK(atomic_load(&woken_with) == 5);
		CHECK(atomic_load(&woken_at) - before <= EVERY);
		harness_join(&x);
	}
	atomic_store(&stop, 1);
	join_all(busy, 2);
}

/* More than a ring holds: the older half goes to the global queue, and all run. A preemption may
 * let some run before, and then there is another round. */
Test(proc, full_ring_overflows)
{
	enum { N = 2 * RUNQ_SIZE + 10 };
	static struct harness_g h[N];
	uint32_t rounds = 0, most = 0;

	harness_start(1);
	do {
		rounds++;
		for (int i = 0; i < N; i++) {
			h[i].fn = add_one;
			harness_spawn(&h[i]);
			if (atomic_load(&sched.n_global) > most)
				most = atomic_load(&sched.n_global);
		}
		join_all(h, N);
	} while (most < RUNQ_SIZE / 2);
	cr_assert_eq(atomic_load(&count), rounds * N);
	cr_assert_eq(atomic_load(&sched.n_global), 0);
}

/* ---- Several Ms ---- */

static _Atomic uint32_t flag;

static void raise_flag(void *arg)
{
	(void)arg;
	atomic_store(&flag, 1);
}

/* The first G makes no system call: only another M can run the second, and must steal it. */
Test(proc, queued_g_is_stolen_from_a_busy_m)
{
	struct harness_g h = { .fn = raise_flag };

	harness_start(2);
	for (int i = 0; i < 500; i++) {
		atomic_store(&flag, 0);
		harness_spawn(&h);
		while (!atomic_load(&flag))
			raw_pause();
		harness_join(&h);
	}
}

static void spin_with(void *arg)
{
	_Atomic uint32_t *together = arg;

	atomic_fetch_add(together, 1);
	while (atomic_load(together) < 4)
		raw_pause();
}

/* Each of four Gs goes on only when all four run at once. */
Test(proc, as_many_gs_run_at_once_as_there_are_ps)
{
	static struct harness_g h[3];
	_Atomic uint32_t together;

	harness_start(4);
	for (int round = 0; round < 50; round++) {
		atomic_store(&together, 0);
		spawn_all(h, 3, spin_with, (void *)&together);
		spin_with((void *)&together);
		join_all(h, 3);
	}
}

/* ---- More and fewer Ps ---- */

static void set_procs(uint32_t n)
{
	struct g *g = self_g;

	sched_enter(g);
	sched_set_procs(n);
	sched_leave(g);
}

/* All sorts of ways off a P, and some computing, until STOP. */
static void keep_busy(void *arg)
{
	uint64_t seed = (uintptr_t)arg + 1;

	while (!atomic_load(&stop)) {
		struct timespec ts = { 0, (long)(harness_random(&seed) % 50000) };

		switch (harness_random(&seed) % 4) {
		case 0:
			g_yield();
			break;
		case 1:
			G_CHECK(CALL2(SYS_nanosleep, &ts, NULL) == 0);
			break;
		case 2:
			G_CHECK(CALL3(SYS_read, -1, NULL, 0) == -EBADF);
			break;
		case 3:
			for (uint64_t i = harness_random(&seed) % 20000; i--;)
				raw_pause();
		}
		atomic_fetch_add(&count, 1);
	}
}

/* Whatever is queued, sleeps or runs on a P that stops goes on elsewhere, and the Ps come to be as many as were
 * wanted last. (Those whose G makes no call: tests/watch.c.) */
Test(proc, ps_come_and_go)
{
	enum { BUSY = 12, ROUNDS = 300, MOST = 4 };
	static struct harness_g h[BUSY];
	uint64_t seed = 11;

	harness_start(MOST);
	for (int i = 0; i < BUSY; i++) {
		h[i] = (struct harness_g){ .fn = keep_busy, .arg = (void *)(uintptr_t)i };
		harness_spawn(&h[i]);
	}
	for (int round = 0; round < ROUNDS; round++) {
		uint32_t want = 1 + (uint32_t)(harness_random(&seed) % MOST), done;

		set_procs(want);
		while (atomic_load(&sched.n_procs) != want)
			g_yield();
		CHECK(atomic_load(&sched.n_idle_ps) <= want);
		/* They do go on. */
		done = atomic_load(&count);
		while (atomic_load(&count) - done < 20)
			g_yield();
	}
	atomic_store(&stop, 1);
	join_all(h, BUSY);
}

/* ---- Calls that block ---- */

static int fd[2];

static void read_one(void *arg)
{
	char c;

	(void)arg;
	G_CHECK(CALL3(SYS_read, fd[0], &c, 1) == 1);
	atomic_fetch_add(&count, 1);
}

ParameterizedTestParameters(proc, others_run_while_calls_block)
{
	return cr_make_param_array(uint32_t, procs_params, 3);
}

ParameterizedTest(uint32_t *procs, proc, others_run_while_calls_block)
{
	enum { READERS = 20 };
	static struct harness_g h[READERS];

	cr_assert_eq(pipe(fd), 0);
	harness_start(*procs);
	for (int round = 0; round < 10; round++) {
		atomic_store(&count, 0);
		spawn_all(h, READERS, read_one, NULL);
		/* All of them wait, and here is one that runs. */
		for (int i = 0; i < READERS; i++)
			while (atomic_load(&h[i].g->status) != G_WAITING)
				g_yield();
		CHECK(atomic_load(&count) == 0);
		for (int i = 0; i < READERS; i++)
			CHECK(CALL3(SYS_write, fd[1], "x", 1) == 1);
		join_all(h, READERS);
		CHECK(atomic_load(&count) == READERS);
	}
}

static void write_one(void *arg)
{
	(void)arg;
	G_CHECK(CALL3(SYS_write, fd[1], "x", 1) == 1);
}

/* The one P is given away at once, with work and without. */
Test(proc, block_syscall_gives_the_p_away)
{
	struct harness_g h = { .fn = write_one };
	struct g *g;
	char c;

	cr_assert_eq(pipe(fd), 0);
	harness_start(1);
	g = self_g;
	for (int i = 0; i < 100; i++) {
		harness_spawn(&h);
		sched_enter(g);
		sched_block_syscall(g);
		CHECK(!g->m->p);
		CHECK(atomic_load(&g->status) == G_SYSCALL);
		CHECK(raw3(SYS_read, fd[0], &c, 1) == 1);
		sched_exit_syscall(g);
		CHECK(g->m->p == &sched.ps[0]);
		CHECK(atomic_load(&g->status) == G_RUNNING);
		sched_leave(g);
		harness_join(&h);
	}
}

/* The states of the P, with nobody else about: no G was ever spawned, so no watcher either. */
Test(proc, syscall_keeps_its_p_unless_it_is_taken)
{
	uint32_t expect = P_SYSCALL, tick;
	struct p *p;
	struct g *g;

	harness_start(1);
	g = self_g;
	p = g->m->p;
	sched_enter(g);
	tick = atomic_load(&p->syscall_tick);
	sched_enter_syscall(g);
	cr_assert_null(g->m->p);
	cr_assert_eq(atomic_load(&p->status), P_SYSCALL);
	sched_exit_syscall(g);
	cr_assert_eq(g->m->p, p);
	cr_assert_eq(p->m, g->m);
	cr_assert_eq(atomic_load(&p->status), P_RUNNING);
	cr_assert_eq(atomic_load(&p->syscall_tick), tick + 1);

	/* As the watcher does. There is no work: the P is idle, and ours again. */
	sched_enter_syscall(g);
	cr_assert(atomic_compare_exchange_strong(&p->status, &expect, P_IDLE));
	sched_handoff_p(p);
	cr_assert_eq(atomic_load(&sched.n_idle_ps), 1);
	sched_exit_syscall(g);
	cr_assert_eq(g->m->p, p);
	cr_assert_eq(p->m, g->m);
	cr_assert_eq(atomic_load(&p->status), P_RUNNING);
	cr_assert_eq(atomic_load(&sched.n_idle_ps), 0);
	sched_leave(g);
}

static void sleep_a_little(void *arg)
{
	int64_t from = raw_now(), ns = (intptr_t)arg;

	g_sleep(ns);
	G_CHECK(raw_now() - from >= ns);
	atomic_fetch_add(&count, 1);
}

static void sleep_and_write(void *arg)
{
	sleep_a_little(arg);
	write_one(NULL);
}

/* Only the sleeper can end the call, and at first there is no other M that could mind its deadline. */
Test(proc, deadline_is_kept_while_the_only_m_is_in_a_call)
{
	struct harness_g h = { .fn = sleep_and_write, .arg = (void *)2000000 };
	char c;

	cr_assert_eq(pipe(fd), 0);
	harness_start(1);
	for (int i = 0; i < 20; i++) {
		harness_spawn(&h);
		harness_until_parked(&h);
		CHECK(CALL3(SYS_read, fd[0], &c, 1) == 1);
		harness_join(&h);
	}
}

/* Two Gs keep all Ms busy that there are; a P with nothing but a due timer is idle. */
static void spin_until_counted(void *arg)
{
	(void)arg;
	while (!atomic_load(&count))
		raw_pause();
}

Test(proc, deadline_of_an_idle_p_is_kept_while_all_ms_compute)
{
	static struct harness_g x[2], busy[1];

	harness_start(3);
	for (int i = 0; i < 20; i++) {
		atomic_store(&count, 0);
		spawn_all(x, 2, sleep_a_little, (void *)3000000);
		harness_until_parked(&x[0]);
		harness_until_parked(&x[1]);
		/* The Ms that come next take another P than the one that they last had. */
		lock_acquire(&sched.lock);
		if (sched.idle_ps && sched.idle_ps->link) {
			struct p *first = sched.idle_ps, *second = first->link;

			first->link = second->link;
			second->link = first;
			sched.idle_ps = second;
		}
		lock_release(&sched.lock);
		spawn_all(busy, 1, spin_until_counted, NULL);
		spin_until_counted(NULL);
		join_all(x, 2);
		join_all(busy, 1);
	}
}

/* A kernel thread that is no G: writes when all Ps are idle and the watcher sleeps. */
static void *write_when_all_sleep(void *arg)
{
	(void)arg;
	while (!atomic_load(&sched.watcher_asleep))
		raw_pause();
	raw3(SYS_write, fd[1], "x", 1);
	return NULL;
}

/* A G that comes back from a call to an idle P must find the watcher awake, for it may go into the
 * next call with its P. */
Test(proc, watcher_wakes_when_a_call_ends)
{
	struct harness_g h = { .fn = write_one };
	struct g *g;
	pthread_t t;
	char c;

	cr_assert_eq(pipe(fd), 0);
	cr_assert_eq(pthread_create(&t, NULL, write_when_all_sleep, NULL), 0);
	harness_start(1);
	g = self_g;
	h.fn = add_one;
	harness_spawn(&h); /* the watcher starts with the first */
	harness_join(&h);
	h.fn = write_one;
	sched_enter(g);
	sched_block_syscall(g);
	CHECK(raw3(SYS_read, fd[0], &c, 1) == 1);
	sched_exit_syscall(g);
	sched_leave(g);
	harness_spawn(&h);
	sched_enter(g);
	sched_enter_syscall(g);
	CHECK(raw3(SYS_read, fd[0], &c, 1) == 1);
	sched_exit_syscall(g);
	sched_leave(g);
	harness_join(&h);
}

/* ---- Fork ---- */

static void park_for_ever(void *arg)
{
	_Atomic uint32_t word = 1;

	(void)arg;
	for (;;)
		g_wait(&word, 1, NULL);
}

/* In the child: the scheduler works, and its caller is the only G. */
static void child(struct g *g)
{
	static struct harness_g h[MANY];

	G_CHECK(self_g == g);
	G_CHECK(gtab_alive() == 1);
	G_CHECK(g->tid == (int32_t)raw0(SYS_getpid));
	G_CHECK(gtab_find(g->tid) == g);
	G_CHECK(atomic_load(&sched.n_global) == 0);
	atomic_store(&count, 0);
	spawn_all(h, MANY, add_and_yield, NULL);
	join_all(h, MANY);
	G_CHECK(atomic_load(&count) == MANY * 10);
	raw1(SYS_exit_group, 44);
}

static void fork_here(void *arg)
{
	int status;
	long pid = CALL0(SYS_fork);

	(void)arg;
	G_CHECK(pid >= 0);
	if (pid == 0)
		child(self_g);
	G_CHECK(CALL4(SYS_wait4, pid, &status, 0, NULL) == pid);
	G_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 44);
}

ParameterizedTestParameters(proc, child_of_fork_has_one_g)
{
	return cr_make_param_array(uint32_t, procs_params, 4);
}

ParameterizedTest(uint32_t *procs, proc, child_of_fork_has_one_g)
{
	static struct harness_g parked[5], queued[5], h;

	harness_start(*procs);
	spawn_all(parked, 5, park_for_ever, NULL);
	for (int i = 0; i < 5; i++)
		harness_until_parked(&parked[i]);
	for (int i = 0; i < 10; i++) {
		spawn_all(queued, 5, add_and_yield, NULL);
		fork_here(NULL);
		h.fn = fork_here;
		harness_spawn(&h);
		harness_join(&h);
		join_all(queued, 5);
	}
}

static void exit_later(void *arg)
{
	add_and_yield(arg);
}

/* The first G's exit does not end the process; the last one's does, with its status: any may be it. */
Test(proc, last_g_ends_the_process)
{
	static struct harness_g h[3];
	int status;
	long pid;

	harness_start(2);
	pid = CALL0(SYS_fork);
	if (pid == 0) {
		spawn_all(h, 3, exit_later, NULL);
		CALL1(SYS_exit, 0);
	}
	cr_assert_eq(CALL4(SYS_wait4, pid, &status, 0, NULL), pid);
	cr_assert(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 7));
}
