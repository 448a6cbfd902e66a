/* SPDX-License-Identifier: MIT */
/*
 * The few symbols that we interpose: those whose glibc versions make a thread, at once or for later,
 * which activate and then call glibc's; and the clocks, for glibc asks the vDSO, which knows the
 * kernel's threads alone; and, in owner.c, what locks mutexes. All else is caught at the seam, where
 * the threads that these functions make arrive as every other: what has to be early is only the
 * activation.
 *
 * A name without a version here is bound by callers of every version that it has in glibc. That is
 * right where all versions are one function. timer_create and lio_listio have older ones which mean
 * something else, with timer ids of four bytes and other notification: those stay glibc's, and so
 * ours carry versions (symbols.map). What dlsym() finds is the default version, the newest.
 */
#include <aio.h>
#include <dlfcn.h>
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
#include "shim/symbols.h"

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

static int (*real_gettime)(clockid_t, struct timespec *);
static int (*real_getres)(clockid_t, struct timespec *);

/* The linker's names for the ends of that section. */
extern const char __start_gothreads_app[] __attribute__((visibility("hidden")));
extern const char __stop_gothreads_app[] __attribute__((visibility("hidden")));

/* Not at the first use: allocators ask for the time while dlsym() asks them for memory. */
__attribute__((constructor)) static void find_clocks(void)
{
	arch_app_lo = (uintptr_t)__start_gothreads_app;
	arch_app_hi = (uintptr_t)__stop_gothreads_app;
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
