/* SPDX-License-Identifier: MIT */
/* What schedtrace and the dump print of a scheduler that is made up. */
#include "sched/dump.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <regex.h>
#include <search.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sched/base/mem.h"
#include "sched/gtab.h"
#include "sched/proc.h"
#include "sched/runq.h"
#include "sched/trace.h"
#include "sched/where.h"

enum { TEXT = 1 << 16 };

static char text[TEXT];

static int new_file(void)
{
	int fd = memfd_create("report", MFD_CLOEXEC);

	cr_assert_geq(fd, 0);
	return fd;
}

/* What was written to FD is then in text[]. */
static void take(int fd)
{
	ssize_t len = pread(fd, text, TEXT - 1, 0);

	cr_assert_geq(len, 0);
	text[len] = '\0';
	close(fd);
}

/* Two Ps: one busy with a G that has two behind it, one idle; three Gs that wait. */
static struct p ps[2];
static struct m ms[2];
static struct g *gs[6];

static void make_up(void)
{
	static const enum g_status states[] = { G_RUNNING, G_RUNNABLE, G_RUNNABLE,
						G_SYSCALL, G_WAITING,  G_DEAD };

	for (unsigned i = 0; i < 6; i++) {
		gs[i] = gtab_new(NULL);
		gs[i]->tid = 100 + (int)i;
		atomic_store(&gs[i]->status, states[i]);
		gs[i]->m = &ms[i == 3];
	}
	atomic_store(&gs[4]->wait_reason, WAIT_FUTEX);
	atomic_store(&gs[4]->wait_on, 0x1234);
	strcpy(gs[4]->name, "a\"b\nc");
	gs[4]->named = true;
	atomic_store(&gs[3]->own_m, &ms[1]);
	ms[0] = (struct m){ .tid = 7, .id = 0, .p = &ps[0], .curg = gs[0] };
	ms[1] = (struct m){ .tid = 8,
			    .id = 2,
			    .curg = gs[3],
			    .in_sched = 1,
			    .locked_g = gs[3],
			    .all_link = &ms[0] };
	ps[0] = (struct p){ .status = P_RUNNING, .m = &ms[0], .tick = 11, .syscall_tick = 5 };
	ps[1] = (struct p){ .id = 1, .n_free = 3 };
	ps[1].timers.n = 2;
	runq_put(&ps[0].runq, gs[1], false);
	runq_put(&ps[0].runq, gs[2], true);
	sched.n_ps = sched.n_procs = 2;
	sched.ps = ps;
	sched.n_idle_ps = 1;
	sched.all_ms = &ms[1];
	sched.n_ms = 3;
	sched.n_idle_ms = 0;
}

static void trace(bool detail)
{
	int fd = new_file();
	struct out o;

	out_init(&o, fd, 0);
	trace_report(&o, 1009999999, detail);
	out_flush(&o);
	take(fd);
}

Test(reports, schedtrace)
{
	make_up();
	trace(false);
	cr_assert_str_eq(text, "SCHED 1009ms: gomaxprocs=2 idleprocs=1 threads=3 spinningthreads=0 "
			       "idlethreads=0 runqueue=0 [2 0]\n");
}

Test(reports, scheddetail)
{
	make_up();
	trace(true);
	cr_assert_str_eq(
		text,
		"SCHED 1009ms: gomaxprocs=2 idleprocs=1 threads=3 spinningthreads=0 idlethreads=0 "
		"runqueue=0 gcwaiting=0 nmidlelocked=0 stopwait=0 sysmonwait=0 preempts=0\n"
		"  P0: status=1 schedtick=11 syscalltick=5 m=0 runqsize=2 gfreecnt=0 timerslen=0\n"
		"  P1: status=0 schedtick=0 syscalltick=0 m=-1 runqsize=0 gfreecnt=3 timerslen=2\n"
		"  M2: p=-1 curg=103 mallocing=0 throwing=0 preemptoff= locks=1 dying=0 "
		"spinning=false blocked=false lockedg=103\n"
		"  M0: p=0 curg=100 mallocing=0 throwing=0 preemptoff= locks=0 dying=0 "
		"spinning=false blocked=false lockedg=-1\n"
		"  G100: status=2() m=0 lockedm=-1\n"
		"  G101: status=1() m=-1 lockedm=-1\n"
		"  G102: status=1() m=-1 lockedm=-1\n"
		"  G103: status=3() m=2 lockedm=2\n"
		"  G104: status=4(futex) m=-1 lockedm=-1\n"
		"  G105: status=6() m=-1 lockedm=-1\n");
}

static const char *call_name(long nr)
{
	return nr == 202 ? "futex" : NULL;
}

static bool has(const char *pattern)
{
	regex_t re;
	bool found;

	cr_assert_eq(regcomp(&re, pattern, REG_EXTENDED | REG_NEWLINE | REG_NOSUB), 0);
	found = regexec(&re, text, 0, NULL, 0) == 0;
	regfree(&re);
	return found;
}

#define HAS(pattern) cr_assert(has(pattern), "no line %s in\n%s", pattern, text)

Test(reports, dump)
{
	/* The stack of a call: the frame of the seam, the red zone, then the patched function's. */
	struct {
		struct seam seam;
		char red_zone[128];
		uintptr_t words[64];
	} stack = { { { 0x1234, 393, 0, -11, 0x5000, 0 }, 202, 0 }, "", { 0 } };
	struct seam *gone = mem_pages(MEM_PAGE);
	int fd = new_file();

	make_up();
	stack.seam.resume = (uintptr_t)lsearch + 1;
	gs[4]->seam = &stack.seam;
	gs[4]->wait_since = 1;
	gs[3]->seam = gone;
	mem_release(gone, MEM_PAGE);
	dump_init(0, call_name);
	dump_all(fd);
	take(fd);
	HAS("^gothreads: dump of process [0-9]+: 6 Gs, 3 Ms \\(0 idle, 0 spinning\\), 2 Ps \\(1 idle\\), "
	    "0 queued globally$");
	HAS("^G 100: running, M 0, sp 0x");
	HAS("^G 102: runnable, sp ");
	HAS("^G 103: syscall \\(\\), M 2, sp ");
	HAS("^G 104 \"a\"b\\?c\": waiting \\(futex\\) on 0x1234 for [0-9]+\\.[0-9]{3} s, sp ");
	HAS("^    futex\\(0x1234, 393, 0, -11, 0x5000, 0\\) at ");
	HAS(" at libc\\.so\\.6\\+0x[0-9a-f]+ \\(lsearch\\+0x1\\)$");
	HAS("^M 0: tid 7, running G 100 on P 0$");
	HAS("^M 2: tid 8, in a call of G 103$");
	HAS("^P 0: running, M 0, 2 queued, 0 timers$");
	HAS("^P 1: idle, 0 queued, 2 timers$");
	HAS("^gothreads: end of dump$");
}

/* The dump never waits for a reader that has gone away, or that does not read. */
Test(reports, nobody_reads, .timeout = 60)
{
	int fd[2];
	struct out o;

	cr_assert_eq(pipe(fd), 0);
	out_init(&o, fd[1], 0);
	for (int i = 0; i < 100000; i++)
		out_add(&o, "line %d\n", i);
	out_flush(&o);
	cr_assert(o.dropped);
	close(fd[0]);
	out_init(&o, fd[1], 60000);
	out_add(&o, "nobody");
	out_flush(&o); /* neither SIGPIPE nor a wait */
	cr_assert(o.dropped);
}

Test(reports, long_ones_are_whole)
{
	int fd = new_file(), n = 0;
	struct out o;
	char *at = text;

	out_init(&o, fd, 1000);
	for (int i = 0; i < 4000; i++)
		out_add(&o, "line %d\n", i);
	out_flush(&o);
	take(fd);
	for (int read; sscanf(at, "line %d\n", &read) == 1; n++) {
		cr_assert_eq(read, n);
		at = strchr(at, '\n') + 1;
	}
	cr_assert_eq(n, 4000);
	cr_assert_eq(*at, '\0');
}

/* ---- Dying ------------------------------------------------------------------------------- */

Test(reports, throw_names_the_thrower_and_dumps)
{
	int fd = new_file(), status;
	pid_t pid;

	make_up();
	dump_init(0, call_name);
	pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		struct rlimit no_core = { 0, 0 };

		setrlimit(RLIMIT_CORE, &no_core);
		self_g = gs[0];
		dup2(fd, 2);
		throw("the %s is on fire", "printer");
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "status %#x", status);
	take(fd);
	HAS("^gothreads: fatal: the printer is on fire \\(G 100, M 0, P 0\\)$");
	HAS("^G 104 ");
	HAS("^gothreads: end of dump$");
}

Test(reports, throw_outside_of_the_scheduler)
{
	int fd = new_file(), status;
	pid_t pid;

	dump_init(0, call_name);
	pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		struct rlimit no_core = { 0, 0 };

		setrlimit(RLIMIT_CORE, &no_core);
		dup2(fd, 2);
		throw("nothing here");
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	take(fd);
	HAS("^gothreads: fatal: nothing here \\(no G, no M, no P\\)$");
	HAS("^gothreads: end of dump$");
}

/* ---- Addresses --------------------------------------------------------------------------- */

static const char *where(uintptr_t pc)
{
	static struct where_map map;
	struct print p;

	where_init();
	where_load(&map);
	print_init(&p, text, TEXT - 1);
	where_print(&map, &p, pc);
	text[p.len] = '\0';
	return text;
}

Test(where, functions_of_libraries)
{
	where((uintptr_t)lsearch + 2);
	HAS("^libc\\.so\\.6\\+0x[0-9a-f]+ \\(lsearch\\+0x2\\)$");
}

Test(where, offsets_are_those_of_the_file)
{
	uintptr_t pc = (uintptr_t)where, offset;
	Dl_info info;
	char name[64], path[512];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	cr_assert_gt(len, 0);
	path[len] = '\0';
	cr_assert(dladdr((void *)pc, &info));
	cr_assert_eq(sscanf(where(pc), "%63[^+]+%lx", name, &offset), 2, "%s", text);
	cr_assert_eq((uintptr_t)info.dli_fbase + offset, pc);
	cr_assert_str_eq(name, strrchr(path, '/') + 1);
}

Test(where, what_is_no_code)
{
	char want[32];

	snprintf(want, sizeof(want), "%p", (void *)&text);
	cr_assert_str_eq(where((uintptr_t)&text), want);
	cr_assert_str_eq(where(16), "0x10");
}

Test(mem, peek)
{
	char *page = mem_pages(2 * MEM_PAGE), c[2];

	page[MEM_PAGE - 1] = 'x';
	cr_assert(mem_peek(c, page + MEM_PAGE - 1, 2));
	cr_assert_eq(c[0], 'x');
	mem_release(page + MEM_PAGE, MEM_PAGE);
	cr_assert(mem_peek(c, page + MEM_PAGE - 1, 1));
	cr_assert_not(mem_peek(c, page + MEM_PAGE - 1, 2));
	cr_assert_not(mem_peek(c, NULL, 1));
}
