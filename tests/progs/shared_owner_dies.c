/* SPDX-License-Identifier: MIT */
/*
 * shared_owner_dies - who dies with a shared robust mutex of any kind leaves it marked, to others that
 * come and to those that wait; whichever of the two processes is a native one
 *
 * uses: futex exit set_robust_list execve
 * limit: 240
 */
#include "partner.h"

enum { HELD = 1, ENDED, DONE };
enum { FUTEX_WAITED_FOR = (int)0x80000000u };

struct both {
	pthread_mutex_t lock;
	int state, locked; /* states as above; how often it has been locked */
} * both;

struct kind {
	int type, protocol;
};

static const struct kind kinds[] = {
	{ PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE },
	{ PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_NONE },
	{ PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_NONE },
	{ PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT },
	{ PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_INHERIT },
	{ PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_INHERIT },
};

static void make_lock(const struct kind *k)
{
	pthread_mutexattr_t attr;

	CHECK0(pthread_mutexattr_init(&attr));
	CHECK0(pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED));
	CHECK0(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST));
	CHECK0(pthread_mutexattr_settype(&attr, k->type));
	CHECK0(pthread_mutexattr_setprotocol(&attr, k->protocol));
	CHECK0(pthread_mutex_init(&both->lock, &attr));
	both->locked = k->type == PTHREAD_MUTEX_RECURSIVE ? 2 : 1;
}

/* ---- the partner --------------------------------------------------------------------------- */

/* By a signal, by its exit, by another program, by the thread's end alone. A thread that becomes another
 * program itself gets the first one's tid before the kernel looks for the words that name it: so
 * it is the first that does. */
static const char *const ways[] = { "kill", "exit", "exec", "return" };

static void die(const char *how)
{
	for (int i = 0; i < both->locked; i++)
		CHECK0(pthread_mutex_lock(&both->lock));
	word_set(&both->state, HELD);
	if (!strcmp(how, "return"))
		return;
	/* Who waits has come. */
	word_wait(&both->state, ENDED);
	if (!strcmp(how, "kill"))
		kill(getpid(), SIGKILL);
	if (!strcmp(how, "exec"))
		partner_exec(false, "after", how);
	_exit(0);
}

static void *die_in_thread(void *how)
{
	die(strcmp(how, "exec") ? how : "return");
	if (!strcmp(how, "exec"))
		for (;;)
			pause();
	word_wait(&both->state, ENDED);
	return NULL;
}

/* The first thread. */
static void *outlive(void *first)
{
	thread_join((pthread_t)first);
	word_set(&both->state, DONE);
	word_wait(&both->state, 0);
	exit(0);
}

static int partner(const char *part, const char *how)
{
	both = shared_find();
	if (!strcmp(part, "main")) {
		if (!strcmp(how, "return"))
			thread_start(outlive, (void *)pthread_self());
		die(how);
		word_wait(&both->state, ENDED);
		pthread_exit(NULL);
	} else if (!strcmp(part, "thread")) {
		pthread_t t = thread_start(die_in_thread, (void *)how);

		if (!strcmp(how, "exec")) {
			word_wait(&both->state, ENDED);
			partner_exec(false, "after", how);
		}
		thread_join(t);
	}
	/* Only now all of it is over, if not by the death of the process. */
	word_set(&both->state, DONE);
	word_wait(&both->state, 0);
	return 0;
}

/* ---- this process -------------------------------------------------------------------------- */

static void got_it(int r)
{
	CHECK_RET(r, EOWNERDEAD);
	CHECK0(pthread_mutex_consistent(&both->lock));
	CHECK0(pthread_mutex_unlock(&both->lock));
	CHECK0(pthread_mutex_lock(&both->lock));
	CHECK0(pthread_mutex_unlock(&both->lock));
}

static void *wait_for_it(void *arg)
{
	got_it(pthread_mutex_lock(&both->lock));
	return arg;
}

static void one(const struct kind *k, bool natively, const char *part, const char *how,
		bool waiting)
{
	bool lives = !strcmp(how, "exec") || !strcmp(how, "return");
	pthread_t waiter = 0;
	pid_t pid;

	make_lock(k);
	pid = partner_start(natively, part, how);
	word_wait(&both->state, HELD);
	CHECK_RET(pthread_mutex_trylock(&both->lock), EBUSY);
	if (waiting) {
		waiter = thread_start(wait_for_it, NULL);
		while (!(__atomic_load_n(&both->lock.__data.__lock, __ATOMIC_SEQ_CST) &
			 FUTEX_WAITED_FOR))
			sched_yield();
	}
	word_set(&both->state, ENDED);
	if (lives)
		word_wait(&both->state, DONE);
	else
		partner_end(pid);
	if (waiting)
		thread_join(waiter);
	else
		got_it(pthread_mutex_trylock(&both->lock));
	word_set(&both->state, 0);
	if (lives)
		CHECK(partner_end(pid) == 0);
	CHECK0(pthread_mutex_destroy(&both->lock));
}

static void *run(void *arg)
{
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		for (size_t w = 0; w < ARRAY_SIZE(ways); w++)
			for (int n = 0; n < 4; n++)
				one(&kinds[k], n & 1, "thread", ways[w], n & 2);
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k += 3)
		for (size_t w = 0; w < ARRAY_SIZE(ways); w++)
			for (int n = 0; n < 4; n++)
				one(&kinds[k], n & 1, "main", ways[w], n & 2);
	return arg;
}

int main(int argc, char **argv)
{
	if (argc == 3)
		return partner(argv[1], argv[2]);
	both = shared_make();
	thread_join(thread_start(run, NULL));
	puts("ok");
	return 0;
}
