/* SPDX-License-Identifier: MIT */
/*
 * Owners of mutexes that processes share.
 *
 * A mutex that is robust, PI, recursive or errorcheck names its owner. The name is the tid in glibc's
 * descriptor of the thread, and glibc writes and compares it in user space. Between the Gs of one process
 * any name will do. Others tell more: the kernel looks for its own tids when a process dies with a
 * robust mutex, and when a thread waits for a PI one; and the Gs of two processes may have the same.
 *
 * To make each such G a kernel thread for good, from its beginning, would be simple, but nobody knows
 * then which will be one. To change the name in the descriptor once, when it shows, would lose the locks
 * that it holds by the old one. So the descriptor holds the other name as long as it matters: while
 * glibc locks, unlocks or waits with such a mutex, in memory that processes share. That is why
 * these functions are interposed. By then the G has an M for good, whose tid the name is, and
 * the kernel the G's robust list (pin.h): what happens at its process's death, by whatever signal,
 * exit or exec, is the kernel's own doing. The end of the thread alone is ours to do (futex_robust.c).
 *
 *  - gettid() remains what it was. Whoever reads the descriptor meanwhile (pthread_kill, pthread_join)
 *    sees a tid by which gtab_find() finds the G.
 *  - A mutex that G holds by its first name, because it locked it before, is unlocked by that.
 *  - The other mutexes, which are nearly all, cost a look at a field beside the lock.
 *
 * Rules of this file: those of any code of the program's (arch_app_lo). Signals are taken here.
 */
#include "shim/owner.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "interpose/seam.h"
#include "sched/sched.h"
#include "shim/symbols.h"

/* glibc's bits of a mutex's kind, which the static initialisers of programs hold too. */
enum { TYPE = 3, RECURSIVE = 1, ERRORCHECK = 2, ROBUST = 16, PI = 32, SHARED = 128 };

static bool early_pi; /* locked by a process that had no threads yet */

/* From the beginning there is something to call: allocators lock before any constructor has run. */
extern int early_lock(pthread_mutex_t *m), early_trylock(pthread_mutex_t *m),
	early_unlock(pthread_mutex_t *m);
VERSION(early_lock, __pthread_mutex_lock, "GLIBC_2.2.5");
VERSION(early_trylock, __pthread_mutex_trylock, "GLIBC_2.2.5");
VERSION(early_unlock, __pthread_mutex_unlock, "GLIBC_2.2.5");
static int (*real_lock)(pthread_mutex_t *) = early_lock;
static int (*real_trylock)(pthread_mutex_t *) = early_trylock;
static int (*real_unlock)(pthread_mutex_t *) = early_unlock;

__attribute__((constructor)) static void find_real(void)
{
	real_lock = dlsym(RTLD_NEXT, "pthread_mutex_lock");
	real_trylock = dlsym(RTLD_NEXT, "pthread_mutex_trylock");
	real_unlock = dlsym(RTLD_NEXT, "pthread_mutex_unlock");
}

void owner_activated(void)
{
	/* What it locked is the kernel's to hand on, and it knows the first thread as the owner. */
	if (early_pi)
		syscall(SYS_set_robust_list, NULL, SEAM_OWNER);
}

static inline bool shared(const pthread_mutex_t *m)
{
	return __builtin_expect(m->__data.__kind & SHARED, 0);
}

/* The descriptor's tid, if it is changed; end() changes it back. */
static __attribute__((noinline)) APP_CODE int32_t *begin(const pthread_mutex_t *m)
{
	int kind = m->__data.__kind, type = kind & TYPE, saved = errno;
	struct g *g = self_g;
	long tid;

	if (!(kind & (ROBUST | PI)) && type != RECURSIVE && type != ERRORCHECK)
		return NULL;
	if (!g) {
		if (kind & PI)
			early_pi = true;
		return NULL;
	}
	tid = syscall(SYS_set_robust_list, m, SEAM_OWNER);
	errno = saved;
	if (tid <= 0)
		return NULL;
	*(volatile int32_t *)g->clear_tid = (int32_t)tid;
	return g->clear_tid;
}

static inline void end(int32_t *at)
{
	if (at)
		*(volatile int32_t *)at = self_g->tid;
}

/* CALL, of glibc's, for the mutex M. */
#define AS_OWNER(m, call)                                                                          \
	({                                                                                         \
		int32_t *at = begin(m);                                                            \
		int r = call;                                                                      \
		end(at);                                                                           \
		r;                                                                                 \
	})

/* ---- mutexes ------------------------------------------------------------------------------- */

static __attribute__((noinline)) APP_CODE int lock_shared(pthread_mutex_t *m)
{
	return AS_OWNER(m, real_lock(m));
}

static __attribute__((noinline)) APP_CODE int trylock_shared(pthread_mutex_t *m)
{
	return AS_OWNER(m, real_trylock(m));
}

static __attribute__((noinline)) APP_CODE int unlock_shared(pthread_mutex_t *m)
{
	return AS_OWNER(m, real_unlock(m));
}

APP int pthread_mutex_lock(pthread_mutex_t *m)
{
	return shared(m) ? lock_shared(m) : real_lock(m);
}

APP int pthread_mutex_trylock(pthread_mutex_t *m)
{
	return shared(m) ? trylock_shared(m) : real_trylock(m);
}

APP int pthread_mutex_unlock(pthread_mutex_t *m)
{
	return shared(m) ? unlock_shared(m) : real_unlock(m);
}

APP int pthread_mutex_timedlock(pthread_mutex_t *restrict m, const struct timespec *restrict t)
{
	if (shared(m))
		return AS_OWNER(m, REAL(pthread_mutex_timedlock)(m, t));
	return REAL(pthread_mutex_timedlock)(m, t);
}

APP int pthread_mutex_clocklock(pthread_mutex_t *restrict m, clockid_t clock,
				const struct timespec *restrict t)
{
	if (shared(m))
		return AS_OWNER(m, REAL(pthread_mutex_clocklock)(m, clock, t));
	return REAL(pthread_mutex_clocklock)(m, clock, t);
}

/* It makes the caller the owner again. */
APP int pthread_mutex_consistent(pthread_mutex_t *m)
{
	if (shared(m))
		return AS_OWNER(m, REAL(pthread_mutex_consistent)(m));
	return REAL(pthread_mutex_consistent)(m);
}

/* Its older name, of which the header makes the newer one. */
APP extern __typeof__(pthread_mutex_consistent) older_consistent
	__attribute__((nothrow, leaf, alias("pthread_mutex_consistent")));
VERSION(older_consistent, pthread_mutex_consistent_np, "GLIBC_2.4");

/* It locks by the same rules. */
APP int pthread_mutex_setprioceiling(pthread_mutex_t *restrict m, int ceiling, int *restrict old)
{
	if (shared(m))
		return AS_OWNER(m, REAL(pthread_mutex_setprioceiling)(m, ceiling, old));
	return REAL(pthread_mutex_setprioceiling)(m, ceiling, old);
}

/* ---- conditions ---------------------------------------------------------------------------- */

/* The mutex is unlocked and locked again in there; and a cancelled thread leaves it by unwinding, past
 * glibc's own handler, which locks it too. These are glibc's older entries for cleanup handlers, which
 * want no exception tables; and with those the library would want libgcc_s. */
extern void _pthread_cleanup_push(struct _pthread_cleanup_buffer *b, void (*fn)(void *), void *arg);
extern void _pthread_cleanup_pop(struct _pthread_cleanup_buffer *b, int execute);

static APP_CODE void cancelled(void *at)
{
	end(at);
}

#define WAIT_AS_OWNER(m, call)                                                                     \
	({                                                                                         \
		struct _pthread_cleanup_buffer buffer;                                             \
		int32_t *at = begin(m);                                                            \
		int r;                                                                             \
		if (!at)                                                                           \
			return call;                                                               \
		_pthread_cleanup_push(&buffer, cancelled, at);                                     \
		r = call;                                                                          \
		_pthread_cleanup_pop(&buffer, 0);                                                  \
		end(at);                                                                           \
		r;                                                                                 \
	})

/* The first versions of the first two had conditions of another form. */
APP int versioned_cond_wait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m);
APP int versioned_cond_wait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m)
{
	if (shared(m))
		return WAIT_AS_OWNER(m, REAL(pthread_cond_wait)(c, m));
	return REAL(pthread_cond_wait)(c, m);
}
VERSION(versioned_cond_wait, pthread_cond_wait, "@GLIBC_2.3.2");

APP int versioned_cond_timedwait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m,
				 const struct timespec *restrict t);
APP int versioned_cond_timedwait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m,
				 const struct timespec *restrict t)
{
	if (shared(m))
		return WAIT_AS_OWNER(m, REAL(pthread_cond_timedwait)(c, m, t));
	return REAL(pthread_cond_timedwait)(c, m, t);
}
VERSION(versioned_cond_timedwait, pthread_cond_timedwait, "@GLIBC_2.3.2");

APP int pthread_cond_clockwait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m,
			       clockid_t clock, const struct timespec *restrict t)
{
	if (shared(m))
		return WAIT_AS_OWNER(m, REAL(pthread_cond_clockwait)(c, m, clock, t));
	return REAL(pthread_cond_clockwait)(c, m, clock, t);
}
