/* SPDX-License-Identifier: MIT */
/* Timers that signal one thread. See sigtimer.h. */
#include "sched/sigtimer.h"

#include "sched/base/lock.h"
#include "sched/base/mem.h"

enum { CHUNK = 64, CHUNKS = 64 };

struct entry {
	int32_t tid; /* 0: free */
	int32_t id;  /* the kernel's, -1 before it has one */
	int sig;
	uint32_t generation; /* of the entry: tells a late signal of its last timer */
	union sigval value;
};

static struct lock lock;
static struct entry *chunks[CHUNKS]; /* [lock] */
static uint32_t used;		     /* entries that were ever in use [lock] */

static struct entry *entry_locked(uint32_t i)
{
	return &chunks[i / CHUNK][i % CHUNK];
}

static struct entry *find_free_locked(uint32_t *i)
{
	for (*i = 0; *i < used; (*i)++)
		if (entry_locked(*i)->tid == 0)
			return entry_locked(*i);
	if (used == CHUNK * CHUNKS)
		return NULL;
	if (used % CHUNK == 0 && !chunks[used / CHUNK]) {
		chunks[used / CHUNK] = mem_pages(sizeof(struct entry) * CHUNK);
		if (!chunks[used / CHUNK])
			return NULL;
	}
	return entry_locked(used++);
}

/* A cookie is the generation above the index. */
static struct entry *of_cookie_locked(const void *cookie)
{
	uintptr_t v = (uintptr_t)cookie;
	uint32_t i = (uint32_t)v;
	struct entry *e;

	if (i >= used)
		return NULL;
	e = entry_locked(i);
	return e->tid && e->generation == v >> 32 ? e : NULL;
}

void *sigtimer_new(int32_t tid, int sig, union sigval value)
{
	struct entry *e;
	void *cookie = NULL;
	uint32_t i;

	lock_acquire(&lock);
	e = find_free_locked(&i);
	if (e) {
		/* Never 0, so that no cookie is NULL. */
		e->generation++;
		e->tid = tid;
		e->id = -1;
		e->sig = sig;
		e->value = value;
		cookie = (void *)((uintptr_t)e->generation << 32 | i);
	}
	lock_release(&lock);
	return cookie;
}

void sigtimer_name(void *cookie, int32_t id)
{
	struct entry *e;

	lock_acquire(&lock);
	e = of_cookie_locked(cookie);
	if (e)
		e->id = id;
	lock_release(&lock);
}

void sigtimer_drop(void *cookie)
{
	struct entry *e;

	lock_acquire(&lock);
	e = of_cookie_locked(cookie);
	if (e)
		e->tid = 0;
	lock_release(&lock);
}

void sigtimer_deleted(int32_t id)
{
	lock_acquire(&lock);
	for (uint32_t i = 0; i < used; i++)
		if (entry_locked(i)->tid && entry_locked(i)->id == id)
			entry_locked(i)->tid = 0;
	lock_release(&lock);
}

int32_t sigtimer_route(const siginfo_t *carrier, siginfo_t *info)
{
	struct entry *e;
	int32_t tid = 0;

	lock_acquire(&lock);
	e = of_cookie_locked(carrier->si_value.sival_ptr);
	if (e) {
		*info = *carrier;
		info->si_signo = e->sig;
		info->si_value = e->value;
		tid = e->tid;
	}
	lock_release(&lock);
	return tid;
}

void sigtimer_forked(void)
{
	atomic_store(&lock.word, 0);
	for (uint32_t i = 0; i < used; i++)
		entry_locked(i)->tid = 0;
}
