/* SPDX-License-Identifier: MIT */
/*
 * The few symbols that we interpose: those whose glibc versions make a thread, at once or for later,
 * which activate and then call glibc's; and the clocks, for glibc asks the vDSO, which knows the
 * kernel's threads alone. All else is caught at the seam, where the threads that these functions make
 * arrive as every other: what has to be early is only the activation.
 *
 * A name without a version here is bound by callers of every version that it has in glibc. That is
 * right where all versions are one function. timer_create and lio_listio have older ones which mean
 * something else, with timer ids of four bytes and other notification: those stay glibc's, and so
 * ours carry versions (symbols.map). What dlsym() finds is the default version, the newest.
 */
#include <aio.h>
#include <dlfcn.h>
#include <link.h>
#include <mqueue.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include "sched/arch/arch.h"
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
		if (g) {                                                                           \
			g->creating = true;                                                        \
			g->made_hi = 0; /* of one that failed */                                   \
		}                                                                                  \
		r = call;                                                                          \
		if (g)                                                                             \
			g->creating = false;                                                       \
		r;                                                                                 \
	})

/* SYMBOL, which carries VERSION, is FUNCTION. */
#define VERSION(function, symbol, version) __asm__(".symver " #function ", " #symbol "@" version)

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
/* ---- The threads that glibc makes for itself --------------------------------------------- */

static bool by_thread(const struct sigevent *e)
{
	return e && e->sigev_notify == SIGEV_THREAD;
}

EXPORT int versioned_timer_create(clockid_t clock, struct sigevent *restrict e,
				  timer_t *restrict t);
EXPORT int versioned_timer_create(clockid_t clock, struct sigevent *restrict e, timer_t *restrict t)
{
	if (by_thread(e))
		activate();
	return REAL(timer_create)(clock, e, t);
}
EXPORT extern __typeof__(timer_create) older_timer_create
	__attribute__((alias("versioned_timer_create")));
VERSION(versioned_timer_create, timer_create, "@GLIBC_2.34");
VERSION(older_timer_create, timer_create, "GLIBC_2.3.3");

EXPORT int mq_notify(mqd_t q, const struct sigevent *e)
{
	if (by_thread(e))
		activate();
	return REAL(mq_notify)(q, e);
}

EXPORT int getaddrinfo_a(int mode, struct gaicb *list[restrict], int n, struct sigevent *restrict e)
{
	activate();
	return REAL(getaddrinfo_a)(mode, list, n, e);
}

EXPORT int aio_read(struct aiocb *a)
{
	activate();
	return REAL(aio_read)(a);
}

EXPORT int aio_read64(struct aiocb64 *a)
{
	activate();
	return REAL(aio_read64)(a);
}

EXPORT int aio_write(struct aiocb *a)
{
	activate();
	return REAL(aio_write)(a);
}

EXPORT int aio_write64(struct aiocb64 *a)
{
	activate();
	return REAL(aio_write64)(a);
}

EXPORT int aio_fsync(int op, struct aiocb *a)
{
	activate();
	return REAL(aio_fsync)(op, a);
}

EXPORT int aio_fsync64(int op, struct aiocb64 *a)
{
	activate();
	return REAL(aio_fsync64)(op, a);
}

EXPORT int versioned_lio_listio(int mode, struct aiocb *const list[restrict], int n,
				struct sigevent *restrict e);
EXPORT int versioned_lio_listio(int mode, struct aiocb *const list[restrict], int n,
				struct sigevent *restrict e)
{
	activate();
	return REAL(lio_listio)(mode, list, n, e);
}
EXPORT extern __typeof__(lio_listio) older_lio_listio
	__attribute__((alias("versioned_lio_listio")));
VERSION(versioned_lio_listio, lio_listio, "@GLIBC_2.34");
VERSION(older_lio_listio, lio_listio, "GLIBC_2.4");

EXPORT int versioned_lio_listio64(int mode, struct aiocb64 *const list[restrict], int n,
				  struct sigevent *restrict e);
EXPORT int versioned_lio_listio64(int mode, struct aiocb64 *const list[restrict], int n,
				  struct sigevent *restrict e)
{
	activate();
	return REAL(lio_listio64)(mode, list, n, e);
}
EXPORT extern __typeof__(lio_listio64) older_lio_listio64
	__attribute__((alias("versioned_lio_listio64")));
VERSION(versioned_lio_listio64, lio_listio64, "@GLIBC_2.34");
VERSION(older_lio_listio64, lio_listio64, "GLIBC_2.4");
