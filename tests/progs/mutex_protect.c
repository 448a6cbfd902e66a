/* SPDX-License-Identifier: MIT */
/*
 * mutex_protect - mutexes with a priority ceiling: who holds one has its priority, who is above it may not lock it,
 * nor who may not have it; ceilings are read and changed; also in memory that two processes share, of which one may
 * be native
 *
 * uses: futex sched_setscheduler sched_setparam sched_getparam sched_getscheduler setresuid
 * limit: 120
 */
#include "partner.h"

#include <sys/resource.h>

enum { LOW = 2, MIDDLE = 5, HIGH = 9, THREADS = 3, ROUNDS = 500 };

static struct both {
	pthread_mutex_t lock, low;
	int go, count, inside;
} * both, own;

static int prio(void)
{
	struct sched_param p;

	CHECK(sched_getparam(0, &p) == 0);
	return p.sched_priority;
}

static void become(int policy, int priority)
{
	struct sched_param p = { priority };

	CHECK0(pthread_setschedparam(pthread_self(), policy, &p));
}

static int make(pthread_mutex_t *m, int type, int robust, int shared, int ceiling)
{
	pthread_mutexattr_t a;
	int r, got;

	CHECK0(pthread_mutexattr_init(&a));
	CHECK0(pthread_mutexattr_settype(&a, type));
	CHECK0(pthread_mutexattr_setrobust(&a, robust));
	CHECK0(pthread_mutexattr_setpshared(&a, shared));
	CHECK0(pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_PROTECT));
	CHECK0(pthread_mutexattr_setprioceiling(&a, ceiling));
	CHECK(pthread_mutexattr_getprioceiling(&a, &got) == 0 && got == ceiling);
	CHECK_RET(pthread_mutexattr_setprioceiling(&a, 0), EINVAL);
	CHECK_RET(pthread_mutexattr_setprioceiling(&a, 100), EINVAL);
	memset(m, 0, sizeof(*m));
	r = pthread_mutex_init(m, &a);
	CHECK0(pthread_mutexattr_destroy(&a));
	return r;
}

/* ---- one mutex ------------------------------------------------------------------------------- */

static void *other(void *arg)
{
	struct timespec past = clock_after(CLOCK_REALTIME, -1000);
	int old = -1;

	printf(" other try=%d", pthread_mutex_trylock(arg));
	printf(" timed=%d", pthread_mutex_timedlock(arg, &past));
	printf(" prio=%d", prio());
	become(SCHED_FIFO, HIGH);
	printf(" above=%d", pthread_mutex_trylock(arg));
	printf(" prio=%d", prio());
	printf(" set=%d", pthread_mutex_setprioceiling(arg, 100, &old));
	printf(",%d", old);
	return arg;
}

static void *plain(void *arg)
{
	become(SCHED_OTHER, 0);
	printf(" plain=%d", pthread_mutex_lock(arg));
	return arg;
}

struct kind {
	int type, robust, shared;
};

static void *tell(void *arg)
{
	const int type = ((struct kind *)arg)->type, robust = ((struct kind *)arg)->robust,
		  shared = ((struct kind *)arg)->shared;
	pthread_mutex_t *m = &own.lock;
	int old = -1, got = -1, r = make(m, type, robust, shared, MIDDLE);

	printf("type %d robust %d shared %d: init=%d", type, robust, shared, r);
	if (r) {
		puts("");
		return arg;
	}
	CHECK0(make(&own.low, type, robust, shared, LOW));
	printf(" lock=%d", pthread_mutex_lock(m));
	printf(" prio=%d", prio());
	if (type != PTHREAD_MUTEX_NORMAL && type != PTHREAD_MUTEX_ADAPTIVE_NP) {
		printf(" again=%d", r = pthread_mutex_lock(m));
		if (!r)
			printf(" un=%d", pthread_mutex_unlock(m));
	}
	/* The lower one is below what this thread now has, but not below what it had. */
	printf(" low=%d", r = pthread_mutex_lock(&own.low));
	printf(" prio=%d", prio());
	if (!r)
		printf(" un=%d", pthread_mutex_unlock(&own.low));
	thread_join(thread_start(other, m));
	printf(" un=%d", pthread_mutex_unlock(m));
	printf(" prio=%d", prio());
	printf(" set=%d", pthread_mutex_setprioceiling(m, HIGH, &old));
	printf(" old=%d", old);
	printf(" get=%d", pthread_mutex_getprioceiling(m, &got));
	printf(",%d", got);
	printf(" lock=%d", pthread_mutex_lock(m));
	printf(" prio=%d", prio());
	printf(" un=%d", pthread_mutex_unlock(m));
	printf(" prio=%d", prio());
	thread_join(thread_start(plain, m));
	printf(" destroy=%d\n", pthread_mutex_destroy(m));
	return arg;
}

static void none(void)
{
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	int got;

	printf("no ceiling: get=%d", pthread_mutex_getprioceiling(&m, &got));
	printf(" set=%d\n", pthread_mutex_setprioceiling(&m, LOW, &got));
}

static void *as_nobody(void *arg)
{
	printf("not allowed: %d", pthread_mutex_lock(&own.lock));
	printf(" prio=%d\n", prio());
	return arg;
}

static void not_allowed(void)
{
	struct rlimit none = { 0, 0 };
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid) {
		CHECK0(make(&own.lock, PTHREAD_MUTEX_NORMAL, 0, PTHREAD_PROCESS_PRIVATE, HIGH));
		CHECK(setrlimit(RLIMIT_RTPRIO, &none) == 0);
		become(SCHED_FIFO, LOW);
		CHECK(setresuid(65534, 65534, 65534) == 0);
		as_nobody(NULL);
		thread_join(thread_start(as_nobody, NULL));
		fflush(stdout);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

/* ---- several threads, of two processes ------------------------------------------------------- */

static void *work(void *arg)
{
	/* Yields alone let the others on, who may be on the same processor. */
	for (int i = 0; i < ROUNDS; i++) {
		CHECK0(pthread_mutex_lock(&both->lock));
		CHECK(both->inside++ == 0 && prio() == MIDDLE);
		if (i % 8 == 0)
			sched_yield();
		both->count++;
		CHECK(--both->inside == 0);
		CHECK0(pthread_mutex_unlock(&both->lock));
		CHECK(prio() == LOW);
		if (i % 16 == 0)
			usleep(50);
	}
	return arg;
}

static void take_part(void)
{
	pthread_t t[THREADS];

	become(SCHED_FIFO, LOW);
	for (int i = 0; i < THREADS; i++)
		t[i] = thread_start(work, NULL);
	for (int i = 0; i < THREADS; i++)
		thread_join(t[i]);
	become(SCHED_OTHER, 0);
}

int main(int argc, char **argv)
{
	static const int types[] = { PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE,
				     PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_ADAPTIVE_NP };
	struct sched_param p = { LOW };

	if (argc == 3) {
		both = shared_find();
		word_set(&both->go, 1);
		take_part();
		return 0;
	}
	(void)argv;
	setbuf(stdout, NULL);
	if (geteuid() != 0 || sched_setscheduler(0, SCHED_FIFO, &p) != 0)
		prog_skip("may not have a real-time priority");
	become(SCHED_FIFO, LOW);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		for (int k = 0; k < 4; k++)
			thread_join(thread_start(tell, &(struct kind){ types[i], k & 1, k / 2 }));
	none();
	not_allowed();
	become(SCHED_OTHER, 0);
	both = shared_make();
	for (size_t i = 0; i < 2 * ARRAY_SIZE(types); i++) {
		pid_t pid;

		CHECK0(make(&both->lock, types[i / 2], 0, PTHREAD_PROCESS_SHARED, MIDDLE));
		both->count = 0;
		word_set(&both->go, 0);
		pid = partner_start(i % 2, "part", "too");
		word_wait(&both->go, 1);
		take_part();
		CHECK(partner_end(pid) == 0);
		CHECK(both->count == 2 * THREADS * ROUNDS);
	}
	puts("ok");
	return 0;
}
