/* SPDX-License-Identifier: MIT */
/*
 * dlopen_many - many threads open, use and close the same libraries at once: thread-local variables of both kinds,
 * constructors and destructors that make threads, functions bound at their first call, system calls of their own
 *
 * uses: openat mmap mprotect munmap futex clone3 exit
 * limit: 120
 */
#ifdef MODULE

/* A library: dlopen_many1.so to dlopen_many4.so, beside the program. In the fourth the variables lie in the room that
 * each thread has from its beginning. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

__thread int module_counter = MODULE * 1000;
static __thread char zeroed[64];
static int made, *gone;

int module_next(void);
int module_made(void);
void module_tell(int *when_gone);
int module_work(int n);
long module_syscall(void);

int module_next(void)
{
	zeroed[(unsigned)module_counter % sizeof(zeroed)]++;
	return module_counter++;
}

/* 1 if the constructor's thread found its own variables fresh. */
int module_made(void)
{
	return made;
}

void module_tell(int *when_gone)
{
	__atomic_store_n(&gone, when_gone, __ATOMIC_SEQ_CST);
}

/* Each of these is bound at its first call. */
int module_work(int n)
{
	char text[32], *end, *copy;
	long back;

	snprintf(text, sizeof(text), "%d:%d", n, MODULE);
	copy = strdup(text);
	back = strtol(copy, &end, 10);
	back += strcspn(end, "1234") + strspn(end, ":") + (size_t)(strchr(copy, ':') - copy);
	back += labs(-back) + abs(-n);
	free(copy);
	return (int)back;
}

long module_syscall(void)
{
	long r;

	__asm__ volatile("syscall" : "=a"(r) : "a"(SYS_getpid) : "rcx", "r11", "memory");
	return r;
}

static void *look(void *arg)
{
	int first = module_counter;

	*(int *)arg = module_next() == first && first == MODULE * 1000 && !zeroed[1];
	return arg;
}

static void __attribute__((constructor)) begin(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, look, &made) || pthread_join(t, NULL))
		abort();
}

static void __attribute__((destructor)) end(void)
{
	pthread_t t;
	int ok = 0;

	if (pthread_create(&t, NULL, look, &ok) || pthread_join(t, NULL) || !ok)
		abort();
	if (gone)
		__atomic_add_fetch(gone, 1, __ATOMIC_SEQ_CST);
}

#else

#include "prog.h"

#include <dlfcn.h>

enum { MODULES = 4, THREADS = 12, ROUNDS = 40 };

struct module {
	int (*next)(void), (*made)(void), (*work)(int n);
	void (*tell)(int *when_gone);
	long (*call)(void);
};

static char base[512];
static pthread_barrier_t bar;
static int gone[MODULES + 1];

static void *open_it(int which, int flags, struct module *m)
{
	char path[600];
	void *lib;

	snprintf(path, sizeof(path), "%s%d.so", base, which);
	lib = dlopen(path, flags);
	if (!lib) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	m->next = (int (*)(void))dlsym(lib, "module_next");
	m->made = (int (*)(void))dlsym(lib, "module_made");
	m->work = (int (*)(int))dlsym(lib, "module_work");
	m->tell = (void (*)(int *))dlsym(lib, "module_tell");
	m->call = (long (*)(void))dlsym(lib, "module_syscall");
	CHECK(m->next && m->made && m->work && m->tell && m->call);
	CHECK(!dlsym(lib, "module_nothing") && dlerror());
	return lib;
}

static int digits(int n)
{
	return n < 10 ? 1 : 2;
}

static void use(const struct module *m, int which, int *last)
{
	int n = m->next(), w = *last % 50;

	/* The same library as before, or the same file anew. */
	CHECK(n == which * 1000 || n == *last + 1);
	*last = n;
	CHECK(m->made() == 1);
	CHECK(m->call() == getpid());
	w = n % 50;
	CHECK(m->work(w) == 2 * (w + 1 + 1 + digits(w)) + w);
}

static void *run(void *arg)
{
	int self = (int)(intptr_t)arg, last[MODULES + 1] = { 0 };

	pthread_barrier_wait(&bar);
	for (int i = 0; i < ROUNDS; i++) {
		int which = 1 + (i + self) % MODULES;
		struct module m;
		void *lib = open_it(which, i % 3 ? RTLD_LAZY : RTLD_NOW, &m);

		m.tell(&gone[which]);
		use(&m, which, &last[which]);
		if (i % 5 == 0)
			sched_yield();
		use(&m, which, &last[which]);
		CHECK(dlclose(lib) == 0);
	}
	pthread_barrier_wait(&bar);
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t t[THREADS];
	struct module m;
	void *stays;

	(void)argc;
	snprintf(base, sizeof(base), "%s", argv[0]);
	pthread_barrier_init(&bar, NULL, THREADS + 1);
	for (intptr_t i = 0; i < THREADS; i++)
		t[i] = thread_start(run, (void *)i);
	/* What lies in the threads' room stays: the loader does not get it back in any order. */
	stays = open_it(MODULES, RTLD_LAZY, &m);
	pthread_barrier_wait(&bar);
	pthread_barrier_wait(&bar);
	for (int i = 0; i < THREADS; i++)
		CHECK((intptr_t)thread_join(t[i]) == i);
	CHECK(gone[MODULES] == 0);
	/* One after the other, each is gone when it is closed. */
	for (int which = 1; which < MODULES; which++) {
		int before = gone[which], last = 0;
		void *lib = open_it(which, RTLD_LAZY, &m);

		m.tell(&gone[which]);
		use(&m, which, &last);
		CHECK(dlclose(lib) == 0);
		CHECK(gone[which] == before + 1);
	}
	CHECK(dlclose(stays) == 0 && gone[MODULES] == 1);
	puts("ok");
	return 0;
}

#endif
