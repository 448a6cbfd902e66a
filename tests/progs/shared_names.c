/* SPDX-License-Identifier: MIT */
/*
 * shared_names - a thread that locks a shared mutex goes on owning what it has locked before, is found by
 * its tid and joined while it waits, and cancelled in a wait it owns both mutexes
 *
 * uses: futex gettid tgkill
 */
#include "partner.h"

enum { WAITED_FOR = (int)0x80000000u };

static struct both {
	pthread_mutex_t robust, recursive, pi;
	pthread_cond_t cond;
} * both;

static pthread_mutex_t own = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static pid_t tid, tid_in_handler;
static int ready;

static void handler(int sig)
{
	(void)sig;
	tid_in_handler = gettid();
}

static void make(pthread_mutex_t *m, int type, int protocol, int robust)
{
	pthread_mutexattr_t attr;

	CHECK0(pthread_mutexattr_init(&attr));
	CHECK0(pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED));
	CHECK0(pthread_mutexattr_settype(&attr, type));
	CHECK0(pthread_mutexattr_setprotocol(&attr, protocol));
	CHECK0(pthread_mutexattr_setrobust(&attr, robust));
	CHECK0(pthread_mutex_init(m, &attr));
}

static void *nothing(void *arg)
{
	return arg;
}

/* Locks of the process's own around the first shared one, in every order. */
static void *interleave(void *arg)
{
	pthread_mutex_t *shared[] = { &both->robust, &both->recursive, &both->pi };

	pthread_mutex_t checked = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
	pid_t self = gettid();

	CHECK0(pthread_mutex_lock(&own));
	for (size_t i = 0; i < ARRAY_SIZE(shared); i++) {
		CHECK0(pthread_mutex_lock(&checked));
		CHECK0(pthread_mutex_lock(shared[i]));
		CHECK0(pthread_mutex_lock(&own));
		CHECK_RET(pthread_mutex_lock(&checked), EDEADLK);
		CHECK0(pthread_mutex_unlock(&checked));
		CHECK0(pthread_mutex_unlock(shared[i]));
		CHECK0(pthread_mutex_unlock(&own));
	}
	CHECK0(pthread_mutex_unlock(&own));
	CHECK(gettid() == self);
	return arg;
}

static void *wait_for_pi(void *arg)
{
	word_set(&tid, gettid());
	CHECK0(pthread_mutex_lock(&both->pi));
	CHECK0(pthread_mutex_unlock(&both->pi));
	return arg;
}

/* A signal, and a join, of one that waits for a shared mutex. */
static void find_waiting(void)
{
	struct sigaction sa = { .sa_handler = handler };
	struct timespec past = clock_after(CLOCK_REALTIME, -1000);
	pthread_t t;

	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	CHECK0(pthread_mutex_lock(&both->pi));
	tid = tid_in_handler = 0;
	t = thread_start(wait_for_pi, NULL);
	while (!(__atomic_load_n(&both->pi.__data.__lock, __ATOMIC_SEQ_CST) & WAITED_FOR))
		sched_yield();
	CHECK_RET(pthread_tryjoin_np(t, NULL), EBUSY);
	CHECK_RET(pthread_timedjoin_np(t, NULL, &past), ETIMEDOUT);
	CHECK0(pthread_kill(t, SIGUSR1));
	while (!__atomic_load_n(&tid_in_handler, __ATOMIC_SEQ_CST))
		sched_yield();
	CHECK(tid_in_handler == tid);
	CHECK0(pthread_mutex_unlock(&both->pi));
	CHECK(thread_join(t) == NULL);
}

static void clean_up(void *arg)
{
	CHECK0(pthread_mutex_unlock(arg));
	CHECK0(pthread_mutex_unlock(&own));
	ready = 2;
}

static void *wait_for_ever(void *lock)
{
	CHECK0(pthread_mutex_lock(&own));
	CHECK0(pthread_mutex_lock(lock));
	pthread_cleanup_push(clean_up, lock);
	ready = 1;
	for (;;)
		pthread_cond_wait(&both->cond, lock);
	pthread_cleanup_pop(0);
	return NULL;
}

static void cancel_waiting(pthread_mutex_t *lock)
{
	pthread_t t;
	int at = 0;

	ready = 0;
	t = thread_start(wait_for_ever, lock);
	while (at != 1) {
		CHECK0(pthread_mutex_lock(lock));
		at = ready;
		CHECK0(pthread_mutex_unlock(lock));
	}
	CHECK0(pthread_cancel(t));
	CHECK(thread_join(t) == PTHREAD_CANCELED);
	CHECK(ready == 2);
	CHECK0(pthread_mutex_lock(lock));
	CHECK0(pthread_mutex_unlock(lock));
}

/* What it makes inherits nothing of it: it may lock, be waited for and end as ever. */
static void *make_others(void *arg)
{
	pthread_t t[8];

	CHECK0(pthread_mutex_lock(&both->robust));
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		t[i] = thread_start(interleave, NULL);
	CHECK0(pthread_mutex_unlock(&both->robust));
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		thread_join(t[i]);
	return arg;
}

static void *alone(void *arg)
{
	interleave(NULL);
	find_waiting();
	cancel_waiting(&both->robust);
	cancel_waiting(&both->recursive);
	cancel_waiting(&both->pi);
	return arg;
}

int main(void)
{
	pthread_condattr_t attr;

	both = mmap(NULL, SHARED_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(both != MAP_FAILED);
	make(&both->robust, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST);
	make(&both->recursive, PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED);
	make(&both->pi, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_ROBUST);
	CHECK0(pthread_condattr_init(&attr));
	CHECK0(pthread_condattr_setpshared(&attr, PTHREAD_PROCESS_SHARED));
	CHECK0(pthread_cond_init(&both->cond, &attr));
	/* Held by the first thread while it becomes one of several. */
	CHECK0(pthread_mutex_lock(&both->pi));
	CHECK0(pthread_mutex_lock(&both->recursive));
	CHECK0(pthread_mutex_lock(&both->robust));
	thread_join(thread_start(nothing, NULL));
	CHECK0(pthread_mutex_lock(&both->recursive));
	CHECK0(pthread_mutex_unlock(&both->recursive));
	CHECK0(pthread_mutex_unlock(&both->robust));
	CHECK0(pthread_mutex_unlock(&both->recursive));
	CHECK_RET(pthread_mutex_unlock(&both->recursive), EPERM);
	CHECK0(pthread_mutex_unlock(&both->pi));
	thread_join(thread_start(alone, NULL));
	alone(NULL);
	thread_join(thread_start(make_others, NULL));
	puts("ok");
	return 0;
}
