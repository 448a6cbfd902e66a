/* SPDX-License-Identifier: MIT */
/*
 * The few symbols that we interpose: those whose glibc versions make a thread. Each activates, then
 * calls glibc's. All else is caught at the seam.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <threads.h>

#include "sched/sched.h"
#include "shim/activate.h"

#define EXPORT __attribute__((visibility("default")))

/* glibc's own, looked up once; the race is harmless, both find the same. */
#define REAL(name)                                                                                 \
	({                                                                                         \
		static void *real;                                                                 \
		void *f = __atomic_load_n(&real, __ATOMIC_RELAXED);                                \
		if (!f) {                                                                          \
			f = dlsym(RTLD_NEXT, #name);                                               \
			__atomic_store_n(&real, f, __ATOMIC_RELAXED);                              \
		}                                                                                  \
		(__typeof__(&name))f;                                                              \
	})

/* Says whose mappings the calls of the current G are, while CALL runs. */
#define CREATING(call)                                                                             \
	({                                                                                         \
		struct g *g = self_g;                                                              \
		int r;                                                                             \
		if (g)                                                                             \
			g->creating = true;                                                        \
		r = call;                                                                          \
		if (g)                                                                             \
			g->creating = false;                                                       \
		r;                                                                                 \
	})

EXPORT int pthread_create(pthread_t *restrict t, const pthread_attr_t *restrict attr,
			  void *(*fn)(void *), void *restrict arg)
{
	activate();
	return CREATING(REAL(pthread_create)(t, attr, fn, arg));
}

EXPORT int thrd_create(thrd_t *t, thrd_start_t fn, void *arg)
{
	activate();
	return CREATING(REAL(thrd_create)(t, fn, arg));
}
