/* SPDX-License-Identifier: MIT */
/* From dormant to active: find and patch the system call sites, adopt the calling thread as G. */
#include "shim/activate.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <unistd.h>

#include "interpose/patch.h"
#include "interpose/seam.h"
#include "interpose/sites.h"
#include "interpose/table.h"
#include "sched/base/fatal.h"
#include "sched/base/mem.h"
#include "sched/base/raw.h"
#include "sched/dump.h"
#include "sched/futex.h"
#include "sched/proc.h"
#include "sched/follow.h"
#include "sched/signal.h"
#include "sched/preempt.h"
#include "sched/sysmon.h"
#include "sched/trace.h"
#include "shim/blocking.h"
#include "shim/config.h"
#include "shim/loader.h"
#include "shim/owner.h"
#include "shim/process.h"
#include "shim/stop.h"

enum {
	SITES_MAX = 2048,
	MAIN_STACK_MAX = 64 << 20, /* bytes of it that we count on, when it has no other limit */
};

extern void *__libc_stack_end; /* of the loader: where the process's first frame begins */

enum { OBJECTS_MAX = 8 };

struct found {
	struct object objects[OBJECTS_MAX];
	size_t first[OBJECTS_MAX + 1]; /* of their sites */
	int n;
	bool valgrind;
};

static int look(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct found *f = arg;

	(void)size;
	f->valgrind |= strstr(info->dlpi_name, "/vgpreload_") != NULL;
	if (loader_on_list(info->dlpi_name) && f->n < OBJECTS_MAX)
		f->objects[f->n++] = (struct object){.base = info->dlpi_addr,
						     .phdr = info->dlpi_phdr,
						     .phnum = info->dlpi_phnum,
						     .name = info->dlpi_name};
	if (arch_text_lo == 0)
		for (int i = 0; i < info->dlpi_phnum; i++) {
			const ElfW(Phdr) *p = &info->dlpi_phdr[i];
			uintptr_t lo = info->dlpi_addr + p->p_vaddr;

			if (p->p_type == PT_LOAD && (p->p_flags & PF_X) && (uintptr_t)look >= lo &&
			    (uintptr_t)look < lo + p->p_memsz) {
				arch_text_lo = lo;
				arch_text_hi = lo + p->p_memsz;
			}
		}
	return 0;
}

/* The sites of all objects, one after the other. */
static bool find_sites(struct found *f, struct site *sites)
{
	size_t used = 0;

	for (int i = 0; i < f->n; i++) {
		struct sites_stats st;
		long n = sites_find(&f->objects[i], table_wants, sites + used, SITES_MAX - used,
				    &st);

		if (n < 0) {
			msg("%s: %s; running on plain threads", f->objects[i].name, st.why);
			return false;
		}
		f->first[i] = used;
		used += (size_t)n;
		f->first[i + 1] = used;
	}
	return true;
}

/* Pre: no other kernel thread runs. */
static bool patch_sites(const struct found *f, const struct site *sites)
{
	for (int i = 0; i < f->n; i++) {
		const struct site *s = sites + f->first[i];
		size_t n = f->first[i + 1] - f->first[i];
		struct patch_result r;

		if (patch_object(&f->objects[i], s, n, arch_seam_entry, false, &r)) {
			msg("%s: %s; running on plain threads", f->objects[i].name, r.why);
			return false;
		}
		stop_moved(&f->objects[i], s, n);
	}
	return true;
}

static bool patch_all(struct found *f)
{
	struct site *sites = mem_pages(sizeof *sites * SITES_MAX);
	bool ok = sites && f->n > 0 && find_sites(f, sites), others = process_has_others();

	if (others)
		atomic_fetch_add(&sched_foreign, 1);
	if (ok && others && !stop_others()) {
		msg("a thread that is there already cannot be stopped; running on plain threads");
		ok = false;
	} else if (ok) {
		ok = patch_sites(f, sites);
		if (ok)
			loader_watch();
		if (others)
			stop_end(true);
	}
	if (sites)
		mem_release(sites, sizeof *sites * SITES_MAX);
	return ok;
}

/* The kernel would go on writing the number of M0's processor into main's TLS. */
static void rseq_leave(void)
{
	struct rseq *area = (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);

	if (__rseq_size && !raw_failed(raw4(SYS_rseq, area, sizeof *area, RSEQ_FLAG_UNREGISTER, RSEQ_SIG)))
		area->cpu_id = (uint32_t)RSEQ_CPU_ID_UNINITIALIZED;
}

/* The shared mappings that are there already. */
static void note_map(uintptr_t lo, uintptr_t hi, bool shared)
{
	if (shared)
		memory_note_shared(lo, hi - lo);
}

/* The stack of the calling thread: where a preempted G keeps its registers. */
static void note_stack(struct g *g)
{
	pthread_attr_t attr;
	struct rlimit r;
	size_t size;
	void *lo;

	if (g->tid == raw0(SYS_gettid)) {
		/* The kernel's: it grows up to the limit, which a tight look at the maps would miss. */
		if (getrlimit(RLIMIT_STACK, &r) || r.rlim_cur > MAIN_STACK_MAX)
			r.rlim_cur = MAIN_STACK_MAX;
		g->stack_hi = (uintptr_t)__libc_stack_end;
		g->stack_lo = g->stack_hi - r.rlim_cur;
	} else if (pthread_getattr_np(pthread_self(), &attr) == 0) {
		pthread_attr_getstack(&attr, &lo, &size);
		g->stack_lo = (uintptr_t)lo;
		g->stack_hi = g->stack_lo + size;
		pthread_attr_destroy(&attr);
	}
}

static void find_syscall(void)
{
	void *f = dlsym(RTLD_DEFAULT, "syscall");
	const ElfW(Sym) *sym = NULL;
	Dl_info info;

	if (!f || !dladdr1(f, &info, (void **)&sym, RTLD_DL_SYMENT) || !sym)
		return;
	seam_syscall_lo = (uintptr_t)f;
	seam_syscall_hi = (uintptr_t)f + sym->st_size;
}

static void ignored(const char *complaint)
{
	msg("%s; ignored", complaint);
}

/* The kernel's own clock code, which wants no system call. The loader knows it as a library. */
static void find_clock(void)
{
	void *vdso = dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD);

	if (vdso)
		*(void **)&raw_vdso_clock_gettime = dlsym(vdso, "__vdso_clock_gettime");
}

static const char *call_name(long nr)
{
	const struct row *row = table_row(nr);

	return row ? row->name : NULL;
}

static void activate_once(void)
{
	struct sched_config c = {.pid = getpid()};
	struct config asked;
	uint64_t signalfds = process_signalfds();
	struct found f = {.n = 0};
	const char *why;
	int r;

	config_read(&asked, ignored);
	c.procs = asked.procs ? asked.procs : follow_begin("");
	c.procs_follow = !asked.procs;
	c.tls_below = (size_t)((char *)__builtin_thread_pointer() - (char *)&self_g) + 64;
	find_clock();
	dl_iterate_phdr(look, &f);
	why = f.valgrind ? "valgrind runs this process" : process_unfit();
	if (why) {
		msg("%s; running on plain threads", why);
		return;
	}
	process_maps(note_map);
	if (!patch_all(&f))
		return;
	find_syscall();
	blocking_start(asked.specs, asked.n_specs);
	rseq_leave();
	sched_exit_wake = seam_thread_ended;
	sched_exit_joiner = futex_thread_joiner;
	sched_m_started = sig_start_m;
	dump_init(asked.dumpsig, call_name);
	trace_init(asked.schedtrace * 1000000LL, asked.scheddetail);
	preempt_init(!asked.asyncpreemptoff, asked.slice, asked.granule);
	arch_foreign_place = patch_contains;
	r = sched_init(&c);
	if (r)
		msg("cannot start (error %d); running on plain threads", -r);
	if (r)
		return;
	sig_init(self_g, c.pid);
	raw2(SYS_prctl, PR_GET_NAME, self_g->name);
	if (signalfds)
		sig_mirror(self_g, signalfds);
	note_stack(self_g);
	if (stop_one_has_our_tls)
		self_g->vforked |= CHILD_SHARES;
	if (atomic_load(&sched_foreign))
		sysmon_start(); /* who makes the first G need not be one */
	/* What the kernel would clear and mark when this thread ends is from now on ours to do. */
	raw2(SYS_prctl, PR_GET_TID_ADDRESS, &self_g->clear_tid);
	raw3(SYS_get_robust_list, 0, &self_g->robust, &self_g->robust_len);
	owner_activated();
}

void activate(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	int saved = errno; /* pthread_create leaves errno alone, and so do we */

	pthread_once(&once, activate_once);
	errno = saved;
}
