/* SPDX-License-Identifier: MIT */
/*
 * shared_partners - threads of two processes, of which one may be native, meet at every kind of shared
 * pthread object
 *
 * uses: futex
 * limit: 240
 */
#include "partner.h"

#include <semaphore.h>

enum { THREADS = 2, ROUNDS = 2000, TURNS = 200, ALL = 2 * THREADS };

struct both {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	pthread_barrier_t barrier;
	pthread_rwlock_t rwlock;
	pthread_spinlock_t spin;
	sem_t sem, full, empty;
	int kind, go;
	long count, spun, written, passed;
	unsigned turn;
} * both;

static const struct kind {
	int type, protocol, robust;
} kinds[] = {
	{ PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, 0 },
	{ PTHREAD_MUTEX_ADAPTIVE_NP, PTHREAD_PRIO_NONE, 0 },
	{ PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_NONE, 0 },
	{ PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_NONE, 0 },
	{ PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT, 0 },
	{ PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_INHERIT, 0 },
	{ PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_INHERIT, 0 },
	{ PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, 1 },
	{ PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_NONE, 1 },
	{ PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_NONE, 1 },
	{ PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT, 1 },
	{ PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_INHERIT, 1 },
	{ PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_INHERIT, 1 },
};

static sem_t *named;

static void lock(void)
{
	CHECK0(pthread_mutex_lock(&both->lock));
}

static void unlock(void)
{
	CHECK0(pthread_mutex_unlock(&both->lock));
}

/* Each in its turn: 0 … ALL - 1, over and over. */
static void take_turns(unsigned self)
{
	for (unsigned i = 0; i < TURNS; i++) {
		lock();
		while (both->turn % ALL != self) {
			struct timespec t = clock_after(CLOCK_REALTIME, 100000);

			CHECK0(i % 2 ? pthread_cond_wait(&both->cond, &both->lock)
				     : pthread_cond_timedwait(&both->cond, &both->lock, &t));
		}
		both->turn++;
		CHECK0(pthread_cond_broadcast(&both->cond));
		unlock();
	}
}

static void count(const struct kind *k)
{
	for (int i = 0; i < ROUNDS; i++) {
		int r = i % 4 == 0 ? pthread_mutex_trylock(&both->lock) : EBUSY;

		CHECK(r == 0 || r == EBUSY);
		if (r)
			lock();
		if (k->type == PTHREAD_MUTEX_RECURSIVE)
			lock();
		if (k->type == PTHREAD_MUTEX_ERRORCHECK)
			CHECK_RET(pthread_mutex_lock(&both->lock), EDEADLK);
		both->count++;
		if (k->type == PTHREAD_MUTEX_RECURSIVE)
			unlock();
		unlock();
		if (k->type == PTHREAD_MUTEX_ERRORCHECK || k->robust)
			CHECK_RET(pthread_mutex_unlock(&both->lock), EPERM);
	}
}

/* What has no kinds. */
static void others(unsigned self)
{
	for (int i = 0; i < ROUNDS; i++) {
		CHECK0(pthread_spin_lock(&both->spin));
		both->spun++;
		CHECK0(pthread_spin_unlock(&both->spin));
		if (i % 4) {
			CHECK0(pthread_rwlock_rdlock(&both->rwlock));
			CHECK(both->written >= 0);
		} else {
			CHECK0(pthread_rwlock_wrlock(&both->rwlock));
			both->written++;
		}
		CHECK0(pthread_rwlock_unlock(&both->rwlock));
		CHECK(sem_wait(i % 2 ? named : &both->sem) == 0);
		CHECK(sem_post(i % 2 ? named : &both->sem) == 0);
		/* Half of them make what the other half takes. */
		CHECK(sem_wait(self % 2 ? &both->full : &both->empty) == 0);
		CHECK(sem_post(self % 2 ? &both->empty : &both->full) == 0);
	}
}

static void meet(void)
{
	int r = pthread_barrier_wait(&both->barrier);

	CHECK(r == 0 || r == PTHREAD_BARRIER_SERIAL_THREAD);
	if (r)
		__atomic_add_fetch(&both->passed, 1, __ATOMIC_SEQ_CST);
}

static void *work(void *arg)
{
	meet();
	count(&kinds[both->kind]);
	meet();
	take_turns((unsigned)(uintptr_t)arg);
	meet();
	if (both->kind == 0)
		others((unsigned)(uintptr_t)arg);
	return NULL;
}

/* FIRST: the number of this process's first thread. */
static void take_part(uintptr_t first)
{
	pthread_t t[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++)
		t[i] = thread_start(work, (void *)(first + i));
	for (int i = 0; i < THREADS; i++)
		thread_join(t[i]);
}

static void make(const struct kind *k)
{
	pthread_mutexattr_t m;
	pthread_condattr_t c;
	pthread_barrierattr_t b;
	pthread_rwlockattr_t w;

	memset(both, 0, sizeof *both);
	both->kind = (int)(k - kinds);
	CHECK0(pthread_mutexattr_init(&m));
	CHECK0(pthread_mutexattr_setpshared(&m, PTHREAD_PROCESS_SHARED));
	CHECK0(pthread_mutexattr_settype(&m, k->type));
	CHECK0(pthread_mutexattr_setprotocol(&m, k->protocol));
	CHECK0(pthread_mutexattr_setrobust(&m, k->robust));
	CHECK0(pthread_mutex_init(&both->lock, &m));
	CHECK0(pthread_condattr_init(&c));
	CHECK0(pthread_condattr_setpshared(&c, PTHREAD_PROCESS_SHARED));
	CHECK0(pthread_cond_init(&both->cond, &c));
	CHECK0(pthread_barrierattr_init(&b));
	CHECK0(pthread_barrierattr_setpshared(&b, PTHREAD_PROCESS_SHARED));
	CHECK0(pthread_barrier_init(&both->barrier, &b, ALL));
	CHECK0(pthread_rwlockattr_init(&w));
	CHECK0(pthread_rwlockattr_setpshared(&w, PTHREAD_PROCESS_SHARED));
	CHECK0(pthread_rwlock_init(&both->rwlock, &w));
	CHECK0(pthread_spin_init(&both->spin, PTHREAD_PROCESS_SHARED));
	CHECK(sem_init(&both->sem, 1, 1) == 0);
	CHECK(sem_init(&both->full, 1, 0) == 0);
	CHECK(sem_init(&both->empty, 1, 3) == 0);
}

static void name_of(char *name, size_t size, pid_t pid)
{
	snprintf(name, size, "/shared_partners.%d", (int)pid);
}

int main(int argc, char **argv)
{
	bool theirs = argc == 3;
	char name[64];

	name_of(name, sizeof name, theirs ? getppid() : getpid());
	named = sem_open(name, theirs ? 0 : O_CREAT | O_EXCL, 0600, 1);
	CHECK(named != SEM_FAILED);
	if (theirs) {
		both = shared_find();
		/* The one that is to be first makes it all. */
		if (!strcmp(argv[2], "first"))
			make(&kinds[atoi(argv[1])]);
		word_set(&both->go, 1);
		take_part(THREADS);
		return 0;
	}
	both = shared_make();
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		for (int n = 0; n < 4; n++) {
			char number[8];
			pid_t pid;

			snprintf(number, sizeof number, "%zu", k);
			word_set(&both->go, 0);
			if (n & 2)
				make(&kinds[k]);
			pid = partner_start(n & 1, number, n & 2 ? "second" : "first");
			word_wait(&both->go, 1);
			take_part(0);
			CHECK(partner_end(pid) == 0);
			CHECK(both->count == (long)ALL * ROUNDS && both->turn == ALL * TURNS);
			CHECK(both->passed == 3);
			CHECK(k || (both->spun == (long)ALL * ROUNDS &&
				    both->written == (long)ALL * ROUNDS / 4));
		}
	CHECK(sem_unlink(name) == 0);
	puts("ok");
	return 0;
}
