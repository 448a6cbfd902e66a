/* SPDX-License-Identifier: MIT */
/*
 * The few symbols that we interpose: those whose glibc versions make a thread, which activate and
 * then call glibc's; and the clocks, for glibc asks the vDSO, which knows the kernel's threads alone.
 * All else is caught at the seam.
 */
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include "sched/sched.h"
#include "sched/arch/arch.h"
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

/* ---- clocks -------------------------------------------------------------------------------- */

/* Programs may spend all their time here, and no seam is passed on the way out: signals must be
 * taken as in any other code of the program's. So these functions have a section of their own, which
 * arch_place() knows, and do nothing but go on. */
#define APP EXPORT __attribute__((section("gothreads_app")))
static int (*real_gettime)(clockid_t, struct timespec *);
static int (*real_getres)(clockid_t, struct timespec *);

/* F is in that section. */
static void note_app(void *f)
{
	const ElfW(Sym) *sym = NULL;
	Dl_info info;

	if (!dladdr1(f, &info, (void **)&sym, RTLD_DL_SYMENT) || !sym)
		return;
	if (!arch_app_lo || arch_app_lo > (uintptr_t)f)
		arch_app_lo = (uintptr_t)f;
	if (arch_app_hi < (uintptr_t)f + sym->st_size)
		arch_app_hi = (uintptr_t)f + sym->st_size;
}

/* Not at the first use: allocators ask for the time while dlsym() asks them for memory. */
__attribute__((constructor)) static void find_clocks(void)
{
	note_app((void *)clock_gettime);
	note_app((void *)clock_getres);
	real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
	real_getres = dlsym(RTLD_NEXT, "clock_getres");
}

/* Clocks below 0 are those of processes, threads and descriptors. */
#define IS_VDSO(id, real) ((id) >= 0 && (id) != CLOCK_THREAD_CPUTIME_ID && (real))

APP int clock_gettime(clockid_t id, struct timespec *ts)
{
	if (__builtin_expect(IS_VDSO(id, real_gettime), 1))
		return real_gettime(id, ts);
	return (int)syscall(SYS_clock_gettime, id, ts);
}

APP int clock_getres(clockid_t id, struct timespec *ts)
{
	if (__builtin_expect(IS_VDSO(id, real_getres), 1))
		return real_getres(id, ts);
	return (int)syscall(SYS_clock_getres, id, ts);
}

/* Who asks for the clock will want to know what has been used since. */
EXPORT int pthread_getcpuclockid(pthread_t t, clockid_t *id)
{
	int r = REAL(pthread_getcpuclockid)(t, id);
	struct timespec ts;

	if (r == 0)
		syscall(SYS_clock_gettime, *id, &ts);
	return r;
}
