/* SPDX-License-Identifier: MIT */
/*
 * mutex_kinds - what every kind of mutex answers: each type, protocol and robustness, of the process's own
 * and shared, to its owner, to others, and after its owner has ended
 *
 * uses: futex exit
 * limit: 60
 */
#include "prog.h"

#include <sys/mman.h>

/* What is said of the kind at hand. */
static struct line {
	char text[256];
	size_t n;
} line;

static void say(const char *what, int r)
{
	line.n +=
		(size_t)snprintf(line.text + line.n, sizeof line.text - line.n, " %s=%d", what, r);
	CHECK(line.n < sizeof line.text);
}

static pthread_mutex_t *m;

static void *other(void *arg)
{
	struct timespec past = clock_after(CLOCK_REALTIME, -1000);

	say("o.try", pthread_mutex_trylock(m));
	say("o.timed", pthread_mutex_timedlock(m, &past));
	past = clock_after(CLOCK_MONOTONIC, -1000);
	say("o.clock", pthread_mutex_clocklock(m, CLOCK_MONOTONIC, &past));
	return arg;
}

static void *end_with_it(void *arg)
{
	say("e.lock", pthread_mutex_lock(m));
	return arg;
}

/* Nothing that the manual leaves open. */
static void tell(int type, int protocol, int robust)
{
	int r = pthread_mutex_lock(m);

	say("lock", r);
	if (r)
		return;
	if (type == PTHREAD_MUTEX_RECURSIVE || type == PTHREAD_MUTEX_ERRORCHECK) {
		int again = pthread_mutex_lock(m);

		say("again", again);
		if (!again)
			say("un", pthread_mutex_unlock(m));
	}
	say("try", r = pthread_mutex_trylock(m));
	if (!r)
		say("un", pthread_mutex_unlock(m));
	thread_join(thread_start(other, NULL));
	say("un", pthread_mutex_unlock(m));
	if (type == PTHREAD_MUTEX_RECURSIVE || type == PTHREAD_MUTEX_ERRORCHECK || robust)
		say("un", pthread_mutex_unlock(m));
	if (!robust || protocol == PTHREAD_PRIO_PROTECT)
		return;
	thread_join(thread_start(end_with_it, NULL));
	say("dead", r = pthread_mutex_lock(m));
	if (r == EOWNERDEAD)
		say("cons", pthread_mutex_consistent(m));
	say("un", pthread_mutex_unlock(m));
	thread_join(thread_start(end_with_it, NULL));
	say("dead", pthread_mutex_trylock(m));
	say("un", pthread_mutex_unlock(m));
	say("lost", pthread_mutex_lock(m));
	say("cons", pthread_mutex_consistent(m));
}

static void *all(void *arg)
{
	static const int types[] = { PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ERRORCHECK,
				     PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ADAPTIVE_NP };
	static const int protocols[] = { PTHREAD_PRIO_NONE, PTHREAD_PRIO_INHERIT,
					 PTHREAD_PRIO_PROTECT };

	for (int n = 0; n < 4 * 3 * 2 * 2; n++) {
		int type = types[n % 4], protocol = protocols[n / 4 % 3], robust = n / 12 % 2;
		bool shared = n / 24;
		static pthread_mutex_t own;
		pthread_mutexattr_t attr;
		int r;

		line.n = 0;
		m = shared ? arg : &own;
		memset(m, 0, sizeof *m);
		CHECK0(pthread_mutexattr_init(&attr));
		CHECK0(pthread_mutexattr_settype(&attr, type));
		CHECK0(pthread_mutexattr_setprotocol(&attr, protocol));
		CHECK0(pthread_mutexattr_setrobust(&attr, robust));
		CHECK0(pthread_mutexattr_setpshared(&attr, shared));
		r = pthread_mutex_init(m, &attr);
		say("init", r);
		if (!r) {
			tell(type, protocol, robust);
			say("destroy", pthread_mutex_destroy(m));
		}
		printf("type %d protocol %d robust %d shared %d:%s\n", type, protocol, robust,
		       shared, line.text);
	}
	return NULL;
}

int main(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(at != MAP_FAILED);
	all(at);
	thread_join(thread_start(all, at));
	all(at);
	return 0;
}
