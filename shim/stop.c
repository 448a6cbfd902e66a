/* SPDX-License-Identifier: MIT */
/* Stopping the other kernel threads. See stop.h. */
#include "shim/stop.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "interpose/patch.h"
#include "sched/arch/arch.h"
#include "sched/base/raw.h"
#include "sched/signal.h"
#include "shim/process.h"

/* How long they are waited for. A thread that may take a signal takes it within microseconds, unless
 * the machine is busy; one that has blocked even this one never does. */
static const int64_t PATIENCE = 2000000000;

static struct stopped {
	int32_t tid;
	_Atomic(ucontext_t *) uc;
} stopped[STOP_MAX];
static _Atomic uint32_t n_stopped, arrived, go, left; /* go, arrived: futex words */
static struct sig_action before;
static uintptr_t our_tls;
bool stop_one_has_our_tls;

static void stand_still(int sig, siginfo_t *info, void *uc)
{
	int32_t tid = (int32_t)raw0(SYS_gettid);
	uint32_t n = atomic_load(&n_stopped);

	(void)sig;
	(void)info;
	if (arch_get_fs() == our_tls)
		stop_one_has_our_tls = true;
	for (uint32_t i = 0; i < n; i++)
		if (stopped[i].tid == tid)
			atomic_store(&stopped[i].uc, uc);
	atomic_fetch_add(&arrived, 1);
	raw3(SYS_futex, &arrived, FUTEX_WAKE_PRIVATE, 1);
	while (!atomic_load(&go))
		raw4(SYS_futex, &go, FUTEX_WAIT_PRIVATE, 0, NULL);
	atomic_fetch_add(&left, 1);
	raw3(SYS_futex, &left, FUTEX_WAKE_PRIVATE, 1);
}

static void stop_one(int32_t tid)
{
	uint32_t n = atomic_load(&n_stopped);

	if (tid == (int32_t)raw0(SYS_gettid))
		return;
	for (uint32_t i = 0; i < n; i++)
		if (stopped[i].tid == tid)
			return;
	if (n == STOP_MAX)
		return;
	stopped[n].tid = tid;
	atomic_store(&stopped[n].uc, NULL);
	atomic_store(&n_stopped, n + 1);
	raw3(SYS_tgkill, raw0(SYS_getpid), tid, SIG_KICK);
}

/* How many have been asked and are still there, but do not stand still yet. */
static uint32_t missing(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < atomic_load(&n_stopped); i++)
		n += !atomic_load(&stopped[i].uc) &&
		     raw3(SYS_tgkill, raw0(SYS_getpid), stopped[i].tid, 0) == 0;
	return n;
}

static void wait_for(_Atomic uint32_t *word, uint32_t seen)
{
	struct timespec ms = { 0, 1000000 };

	raw4(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, &ms);
}

bool stop_others(void)
{
	const struct sig_action act = {
		.handler = (void (*)(void))stand_still,
		.flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART | 0x04000000 /* SA_RESTORER */,
		.restorer = (void *)arch_restorer,
		.mask = ~0ull,
	};
	int64_t end = raw_now() + PATIENCE;
	uint32_t known, seen;

	our_tls = arch_get_fs();
	raw4(SYS_rt_sigaction, SIG_KICK, &act, &before, 8);
	/* Those that still run may make others: until all that are listed stand. */
	do {
		known = atomic_load(&n_stopped);
		if (!process_tasks(stop_one))
			break;
		while (seen = atomic_load(&arrived), missing() && raw_now() < end)
			wait_for(&arrived, seen);
	} while (known != atomic_load(&n_stopped) && raw_now() < end);
	if (known == atomic_load(&n_stopped) && known < STOP_MAX && !missing())
		return true;
	stop_end(false);
	return false;
}

/* Where the instruction at offset OFF of a window is now, in the trampoline that begins at T: patch.h
 * shows how it is laid out. */
static uintptr_t moved_to(const struct site *s, uintptr_t t, uintptr_t off)
{
	if (!(s->flags & SITE_TAIL))
		return t + off;
	return t + PATCH_CALL + (off - 2);
}

void stop_moved(const struct object *o, const struct site *sites, size_t n)
{
	for (uint32_t i = 0; i < atomic_load(&n_stopped); i++) {
		ucontext_t *uc = atomic_load(&stopped[i].uc);

		for (size_t k = 0; uc && k < n; k++) {
			uintptr_t window = o->base + sites[k].start, off = arch_pc(uc) - window;
			int32_t rel;

			if (!off || off >= sites[k].len || *(const uint8_t *)window != PATCH_JMP)
				continue;
			memcpy(&rel, (const void *)(window + 1), sizeof rel);
			arch_set_pc(uc, moved_to(&sites[k], window + 5 + (uintptr_t)(intptr_t)rel,
						 off));
			break;
		}
	}
}

void stop_end(bool all)
{
	uint32_t seen;

	atomic_store(&go, 1);
	raw3(SYS_futex, &go, FUTEX_WAKE_PRIVATE, INT32_MAX);
	while ((seen = atomic_load(&left)) < atomic_load(&arrived))
		wait_for(&left, seen);
	/* Our signal may still be on its way to one that has it blocked, and the default is to die of it. */
	if (all || (uintptr_t)before.handler > 1)
		raw4(SYS_rt_sigaction, SIG_KICK, &before, NULL, 8);
}
