/* SPDX-License-Identifier: MIT */
/* The dump of all Gs, Ms and Ps. See dump.h. */
#include "sched/dump.h"

#include <fcntl.h>

#include "sched/arch/arch.h"
#include "sched/base/mem.h"
#include "sched/base/out.h"
#include "sched/base/raw.h"
#include "sched/gtab.h"
#include "sched/proc.h"
#include "sched/runq.h"
#include "sched/sysmon.h"
#include "sched/where.h"

enum { PATIENCE = 2000 }; /* ms, for a slow reader */

static int signal_asked; /* 0: none */
static const char *(*call_name_of)(long nr);
static _Atomic bool wanted;

/* The one dump that is being printed. */
static _Atomic bool printing;
static struct out out;
static struct where_map map;

/* ---- Gs ---------------------------------------------------------------------------------- */

static const char *const wait_reason_names[WAIT_REASONS] = {
	[WAIT_NONE] = "",       [WAIT_FUTEX] = "futex",        [WAIT_FUTEX_PI] = "futex (PI)",
	[WAIT_SLEEP] = "sleep", [WAIT_IO] = "IO wait",         [WAIT_SIGNAL] = "signal wait",
	[WAIT_PAUSE] = "pause",
};

/* The call that G is in; false when it is in none, or the frame is gone by now. */
static bool call_of(struct g *g, struct seam *s)
{
	struct seam *at = atomic_load(&g->seam);

	return at && mem_peek(s, at, sizeof *s);
}

const char *dump_wait_reason(struct g *g)
{
	enum g_status s = atomic_load(&g->status);
	uint32_t why = atomic_load(&g->wait_reason);
	const char *name = NULL;
	struct seam call;

	if (s == G_WAITING && why < WAIT_REASONS)
		return wait_reason_names[why];
	if (s == G_SYSCALL && call_name_of && call_of(g, &call))
		name = call_name_of(call.nr);
	else if (s == G_SYSCALL && g->away)
		name = "blocking function";
	return name ? name : "";
}

static const char *status_name(enum g_status s)
{
	static const char *const names[] = {
		[G_FREE] = "free",       [G_RUNNABLE] = "runnable", [G_RUNNING] = "running",
		[G_SYSCALL] = "syscall", [G_WAITING] = "waiting",   [G_DEAD] = "dead",
	};

	return names[s];
}

/* 12.034 s */
static void add_time(const char *before, int64_t ns)
{
	if (ns < 0)
		ns = 0;
	out_add(&out, "%s%ld.%03ld s", before, (long)(ns / 1000000000),
		(long)(ns / 1000000 % 1000));
}

static void add_name(const struct g *g)
{
	if (!g->named)
		return;
	out_add(&out, " \"");
	for (size_t i = 0; i < sizeof g->name && g->name[i]; i++)
		out_add(&out, "%c", g->name[i] >= ' ' && g->name[i] < 127 ? g->name[i] : '?');
	out_add(&out, "\"");
}

/* An argument: descriptors and small numbers as such, addresses as addresses. */
static void add_argument(const char *before, long v)
{
	out_add(&out, v > -4096 && v < 4096 ? "%s%ld" : "%s0x%lx", before, v);
}

static void add_call(const struct seam *s, uintptr_t sp)
{
	const char *name = call_name_of ? call_name_of(s->nr) : NULL;
	uintptr_t caller;

	if (name)
		out_add(&out, "    %s(", name);
	else
		out_add(&out, "    system call %ld (", s->nr);
	for (int i = 0; i < 6; i++)
		add_argument(i ? ", " : "", s->arg[i]);
	out_add(&out, ") at ");
	where_print(&map, out_room(&out), s->resume);
	out_add(&out, "\n");
	caller = where_caller(&map, sp, s->resume);
	if (!caller)
		return;
	out_add(&out, "    called from ");
	where_print(&map, out_room(&out), caller);
	out_add(&out, "\n");
}

/* The next number of a /proc line, "-1" or decimal or 0x…; *AT moves behind it. */
static unsigned long next_number(const char **at)
{
	unsigned long v = 0, base = 10;
	const char *s = *at;

	while (*s == ' ' || *s == '-')
		s++;
	if (s[0] == '0' && s[1] == 'x') {
		base = 16;
		s += 2;
	}
	for (;; s++) {
		if (*s >= '0' && *s <= '9')
			v = v * base + (unsigned long)(*s - '0');
		else if (*s >= 'a' && *s <= 'f')
			v = v * base + (unsigned long)(*s - 'a' + 10);
		else
			break;
	}
	*at = s;
	return v;
}

/* M's kernel thread runs the program's code. If it sleeps there, in a call that the seam does not see
 * or for a page, the kernel says where: "NR ARG… SP PC", "-1 SP PC", or else "running". */
static void add_unseen(const struct m *m)
{
	char path[64], line[256];
	const char *at = line;
	struct print p;
	bool fault;
	long fd, n, nr;

	print_init(&p, path, sizeof path);
	print_add(&p, "/proc/self/task/%d/syscall%c", m->tid, 0);
	fd = raw3(SYS_open, path, O_RDONLY | O_CLOEXEC, 0);
	if (raw_failed(fd))
		return;
	n = raw3(SYS_read, fd, line, sizeof line - 1);
	raw1(SYS_close, fd);
	line[n > 0 ? n : 0] = '\0';
	if (*at != '-' && (*at < '0' || *at > '9'))
		return;
	fault = *at == '-';
	nr = (long)next_number(&at);
	if (fault)
		out_add(&out, "    asleep");
	else if (call_name_of && call_name_of(nr))
		out_add(&out, "    unseen %s", call_name_of(nr));
	else
		out_add(&out, "    unseen system call %ld", nr);
	for (int i = fault ? 5 : -1; i < 6; i++) /* the arguments, then sp */
		next_number(&at);
	out_add(&out, " at ");
	where_print(&map, out_room(&out), next_number(&at));
	out_add(&out, "\n");
}

static void add_g(struct g *g, int64_t now)
{
	enum g_status s = atomic_load(&g->status);
	struct seam *at = atomic_load(&g->seam), call;
	bool stopped = s == G_WAITING || s == G_SYSCALL;
	const struct m *m = g->m;

	if (s == G_FREE)
		return;
	out_add(&out, "G %d", g->tid);
	add_name(g);
	out_add(&out, ": %s", status_name(s));
	if (stopped)
		out_add(&out, " (%s)", dump_wait_reason(g));
	if (s == G_WAITING && atomic_load(&g->wait_on))
		out_add(&out, " on 0x%lx", (unsigned long)atomic_load(&g->wait_on));
	if (stopped && g->wait_since)
		add_time(" for ", now - g->wait_since);
	if (s == G_WAITING && atomic_load(&g->timer.p))
		add_time(", until in ", g->timer.when - now);
	if (m && (s == G_RUNNING || s == G_SYSCALL))
		out_add(&out, ", M %u", m->id);
	if (!atomic_load(&g->on_cpu))
		out_add(&out, ", sp %p", g->ctx.sp);
	out_add(&out, "\n");
	if (stopped && at && mem_peek(&call, at, sizeof call))
		add_call(&call, arch_seam_sp(at));
	if ((s == G_RUNNING || (s == G_SYSCALL && !at)) && m && !atomic_load(&m->in_sched) && m->tid != raw0(SYS_gettid))
		add_unseen(m);
}

/* ---- Ms and Ps --------------------------------------------------------------------------- */

static void add_m(struct m *m)
{
	const struct p *p = m->p;
	struct g *g = atomic_load(&m->curg);

	out_add(&out, "M %u: tid %d, ", m->id, m->tid);
	if (g && atomic_load(&m->retaken) == RETAKE_DONE)
		out_add(&out, "stalled in G %d, its P taken", g->tid);
	else if (g && atomic_load(&g->status) == G_SYSCALL)
		out_add(&out, "in a call of G %d", g->tid);
	else if (g && p)
		out_add(&out, "running G %d on P %u", g->tid, p->id);
	else if (g)
		out_add(&out, "with G %d and no P", g->tid);
	else if (p)
		out_add(&out, "%s on P %u", m->spinning ? "spinning" : "looking for work", p->id);
	else if (atomic_load(&sched.timer_m) == m)
		out_add(&out, "idle, until the next timer");
	else
		out_add(&out, "idle");
	out_add(&out, "\n");
}

static void add_p(struct p *p)
{
	static const char *const names[] = {
		[P_IDLE] = "idle",
		[P_RUNNING] = "running",
		[P_SYSCALL] = "syscall",
		[P_STOPPED] = "stopped",
	};
	const struct m *m = p->m;

	out_add(&out, "P %u: %s", p->id, names[atomic_load(&p->status)]);
	if (m)
		out_add(&out, ", M %u", m->id);
	out_add(&out, ", %u queued, %u timers\n", runq_len(&p->runq), p->timers.n);
}

void dump_all(int fd)
{
	const struct m *watcher = sysmon_machine();
	int64_t now;

	if (atomic_exchange(&printing, true))
		return;
	now = raw_now();
	where_load(&map);
	out_init(&out, fd, PATIENCE);
	out_add(&out,
		"gothreads: dump of process %ld: %u Gs, %u Ms (%u idle, %u spinning), %u Ps (%u idle), "
		"%u queued globally\n",
		raw0(SYS_getpid), gtab_alive(), sched.n_ms - sched.n_dead_ms, sched.n_idle_ms,
		atomic_load(&sched.n_spinning), sched.n_procs, atomic_load(&sched.n_idle_ps),
		atomic_load(&sched.n_global));
	for (uint32_t i = 0; i < gtab_top(); i++)
		add_g(gtab_slot(i), now);
	for (struct m *m = sched.all_ms; m; m = m->all_link)
		if (!m->gone && m != watcher)
			add_m(m);
	if (watcher)
		out_add(&out, "M %u: tid %d, the watcher\n", watcher->id, watcher->tid);
	for (uint32_t i = 0; i < atomic_load(&sched.n_ps); i++)
		add_p(&sched.ps[i]);
	out_add(&out, "gothreads: end of dump\n");
	out_flush(&out);
	atomic_store(&printing, false);
}

/* ---- Asking for it ----------------------------------------------------------------------- */

/* This kernel thread's M; NULL when it is none of ours. */
static const struct m *this_m(void)
{
	const struct g *g = self_g;
	int32_t tid = (int32_t)raw0(SYS_gettid);
	const struct m *m = sched.all_ms;

	if (g)
		return g->m;
	while (m && m->tid != tid)
		m = m->all_link;
	return m;
}

static void add_where(struct print *p)
{
	const struct g *g = self_g;
	const struct m *m = this_m();
	const struct p *mp = m ? m->p : NULL;

	print_add(p, " (");
	if (g)
		print_add(p, "G %d, ", g->tid);
	else
		print_add(p, "no G, ");
	if (m)
		print_add(p, "M %u, ", m->id);
	else
		print_add(p, "no M, ");
	if (mp)
		print_add(p, "P %u)", mp->id);
	else
		print_add(p, "no P)");
}

void dump_init(int sig, const char *(*call_name)(long nr))
{
	where_init();
	signal_asked = sig;
	call_name_of = call_name;
	fatal_where = add_where;
	fatal_dump = dump_all;
}

int dump_signal(void)
{
	return signal_asked;
}

void dump_request(void)
{
	atomic_store(&wanted, true);
	if (!sysmon_wake())
		dump_answer();
}

void dump_forked(void)
{
	atomic_store(&wanted, false);
	atomic_store(&printing, false);
}

bool dump_wanted(void)
{
	return atomic_load(&wanted);
}

void dump_answer(void)
{
	if (atomic_exchange(&wanted, false))
		dump_all(2);
}
