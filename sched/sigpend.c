/* SPDX-License-Identifier: MIT */
/* Queues of pending signals. See sigpend.h. */
#include "sched/sigpend.h"

#include <stddef.h>
#include <sys/resource.h>

#include "sched/base/mem.h"
#include "sched/base/raw.h"

enum { GLIBC_LAST = 33 }; /* real-time signals that are glibc's own */

#define BIT(sig) (1ull << ((sig) - 1))

static struct sigq *free_q;
static uint64_t queued; /* entries that are in some queue */

static struct sigq *entry_new(void)
{
	struct sigq *q;

	if (!free_q) {
		struct sigq *chunk = mem_pages(MEM_PAGE);

		if (!chunk)
			return NULL;
		for (size_t i = 0; i < MEM_PAGE / sizeof *chunk; i++) {
			chunk[i].next = free_q;
			free_q = &chunk[i];
		}
	}
	q = free_q;
	free_q = q->next;
	queued++;
	return q;
}

static void entry_free(struct sigq *q)
{
	q->next = free_q;
	free_q = q;
	queued--;
}

bool sigpend_room(const siginfo_t *info)
{
	struct rlimit limit;

	/* What comes from the kernel has been through this. */
	if (info->si_signo <= GLIBC_LAST || info->si_code >= SI_USER || info->si_code == SI_TIMER)
		return true;
	return raw4(SYS_prlimit64, 0, RLIMIT_SIGPENDING, NULL, &limit) || queued < limit.rlim_cur;
}

/* A timer whose signal is still pending only counts. */
static bool merge_timer(struct sigpend *p, const siginfo_t *info)
{
	if (info->si_code != SI_TIMER)
		return false;
	for (struct sigq *q = p->head; q; q = q->next) {
		if (q->info.si_signo != info->si_signo || q->info.si_code != SI_TIMER ||
		    q->info.si_timerid != info->si_timerid)
			continue;
		q->info.si_overrun += 1 + info->si_overrun;
		return true;
	}
	return false;
}

bool sigpend_put(struct sigpend *p, const siginfo_t *info)
{
	int sig = info->si_signo;
	struct sigq *q;

	if ((atomic_load(&p->set) & BIT(sig)) && (sig < 32 || merge_timer(p, info)))
		return true;
	q = entry_new();
	if (!q)
		return false;
	q->info = *info;
	q->next = NULL;
	if (p->tail)
		p->tail->next = q;
	else
		p->head = q;
	p->tail = q;
	atomic_fetch_or(&p->set, BIT(sig));
	return true;
}

bool sigpend_take(struct sigpend *p, uint64_t set, siginfo_t *info)
{
	uint64_t have = atomic_load(&p->set) & set;
	struct sigq **at, *q;
	int sig;
	bool more = false;

	if (!have)
		return false;
	sig = have & BIT(32) ? 32 : __builtin_ctzll(have) + 1;
	for (at = &p->head; (*at)->info.si_signo != sig;)
		at = &(*at)->next;
	q = *at;
	*at = q->next;
	p->tail = NULL;
	for (struct sigq *r = p->head; r; r = r->next) {
		more |= r->info.si_signo == sig;
		p->tail = r;
	}
	if (!more)
		atomic_fetch_and(&p->set, ~BIT(sig));
	*info = q->info;
	entry_free(q);
	return true;
}

void sigpend_flush(struct sigpend *p, uint64_t set)
{
	siginfo_t info;

	while (sigpend_take(p, set, &info))
		;
}

void sigpend_forked(struct sigpend *p)
{
	p->head = p->tail = NULL;
	atomic_store(&p->set, 0);
	/* The lock may have been held: the list may be in the middle of a change. */
	free_q = NULL;
	queued = 0;
}
