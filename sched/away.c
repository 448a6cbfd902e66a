/* SPDX-License-Identifier: MIT */
/* Gs that are in a function of the program's without a P. See away.h. */
#include "sched/away.h"

#include "sched/base/raw.h"
#include "sched/sched.h"
#include "sched/signal.h"

/* Of the unwinder's ABI. */
enum { UA_CLEANUP_PHASE = 2, URC_CONTINUE_UNWIND = 8 };

static bool on_stack(const struct g *g, uintptr_t a)
{
	return a >= g->stack_lo && a < g->stack_hi;
}

/* Is the frame that g->away lies in still there, as far as can be seen from here? */
static bool still_away(const struct g *g)
{
	const struct away *a = g->away;
	uintptr_t sp = (uintptr_t)__builtin_frame_address(0), at = (uintptr_t)a;

	if (!on_stack(g, sp) || !on_stack(g, at))
		return true;
	return sp < at && a->g == g && a->seq == g->away_seq;
}

void sched_leave_away(struct g *g)
{
	struct m *m = g->m;
	uint32_t none = RETAKE_NONE;

	if (!still_away(g)) {
		g->away = NULL;
		sched_leave(g);
		return;
	}
	for (uint32_t i = 1; !atomic_compare_exchange_strong(&m->retaken, &none, RETAKE_AWAY);
	     i++) {
		none = RETAKE_NONE;
		raw_pause();
		if (i % 64 == 0)
			raw0(SYS_sched_yield);
	}
	sched_enter_syscall(g);
	atomic_store_explicit(&m->in_sched, 0, memory_order_release);
}

bool away_begin(struct g *g, struct away *a)
{
	if (g->vforked && sig_in_child(g))
		return false;
	if (g->away && still_away(g) && g->away != a)
		return false;
	sched_enter(g);
	*a = (struct away){ g, ++g->away_seq };
	g->away = a;
	sched_leave(g);
	return true;
}

static void come_back(struct g *g)
{
	sched_enter(g);
	g->away = NULL;
	sched_leave(g);
}

void away_end(struct away *a)
{
	struct g *g = a->g;

	if (g->away == a)
		come_back(g);
}

/* Of arch_call_away()'s frame: it is being unwound, by an exception or a thread's end. */
int away_personality(int version, int actions, uint64_t class, void *exception, void *context);
int away_personality(int version, int actions, uint64_t class, void *exception, void *context)
{
	struct g *g = self_g;

	(void)version;
	(void)class;
	(void)exception;
	(void)context;
	if ((actions & UA_CLEANUP_PHASE) && g && g->away) {
		come_back(g);
		if (atomic_load(&g->attn) || atomic_load(&g->m->attn))
			sched_attend(NULL);
	}
	return URC_CONTINUE_UNWIND;
}
