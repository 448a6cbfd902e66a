/* SPDX-License-Identifier: MIT */
/*
 * The patcher: on functions of this program that are run before and after, and on a libc that is
 * not run, where objdump reads what was written. Each test has a process of its own.
 */
#include "interpose/patch.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <unwind.h>

#include "interpose/fde.h"
#include "interpose/room.h"
#include "tests/unit/image.h"
#include "tests/unit/traps.h"

enum { MAX = 1024 };

/*
 * What sites jump to: counts, makes the system call as it stands, and goes back. When test_visit is
 * set it is called, too; it may use vector registers.
 */
void test_entry(void);
extern unsigned long test_count;
extern void (*test_visit)(void);

__asm__("	.text\n"
	"	.globl	test_entry\n"
	"	.type	test_entry, @function\n"
	"test_entry:\n"
	"	.cfi_startproc\n"
	"	.cfi_def_cfa rsp, 136\n"
	"	.cfi_offset rip, -136\n"
	"	lock; incq test_count(%rip)\n"
	"	syscall\n"
	"	cmpq	$0, test_visit(%rip)\n"
	"	je	1f\n"
	"	push	%rbp\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	.cfi_rel_offset rbp, 0\n"
	"	mov	%rsp, %rbp\n"
	"	.cfi_def_cfa_register rbp\n"
	"	push	%rax\n"
	"	push	%rdi\n"
	"	push	%rsi\n"
	"	push	%rdx\n"
	"	and	$-16, %rsp\n"
	"	call	*test_visit(%rip)\n"
	"	mov	-8(%rbp), %rax\n"
	"	mov	-16(%rbp), %rdi\n"
	"	mov	-24(%rbp), %rsi\n"
	"	mov	-32(%rbp), %rdx\n"
	"	leave\n"
	"	.cfi_def_cfa rsp, 136\n"
	"	.cfi_restore rbp\n"
	"1:	pop	%rcx\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	.cfi_register rip, rcx\n"
	"	lea	128(%rsp), %rsp\n"
	"	.cfi_adjust_cfa_offset -128\n"
	"	jmp	*%rcx\n"
	"	.cfi_endproc\n"
	"	.size	test_entry, . - test_entry\n"
	"	.local	test_count, test_visit\n"
	"	.comm	test_count, 8, 8\n"
	"	.comm	test_visit, 8, 8\n");

static struct image image;
static struct site sites[MAX];
static struct sites_stats stats;
static struct patch_result result;
static long nsites;

static bool want_all(int nr)
{
	(void)nr;
	return true;
}

/* ---- Traps, run before and after ---- */

struct trap {
	const char *name;
	long (*run)(long nr);
	const char *end;
};

#define TRAP(name) { #name, name, name##_end },

static const struct trap traps[] = { TRAPS_TO_RUN(TRAP) };

enum { TRAPS = sizeof(traps) / sizeof(*traps) };

/* All that can be run, as one object. */
static void find_traps(void)
{
	image_self(&image);
	image_narrow(&image, (const void *)trap_plain, trap_entered_end);
	nsites = sites_find(&image.o, want_all, sites, MAX, &stats);
	cr_assert_geq(nsites, TRAPS, "%s", stats.why);
}

/* How many sites of T fulfil FLAGS. */
static unsigned sites_of(const struct trap *t, unsigned not )
{
	unsigned n = 0;

	for (long i = 0; i < nsites; i++) {
		uintptr_t at = image.o.base + sites[i].start;

		n += at >= (uintptr_t)t->run && at < (uintptr_t)t->end && !(sites[i].flags & not );
	}
	return n;
}

/* Runs all, natively and patched, and compares. */
static void run_patched(bool others, enum patch_way way)
{
	long before[TRAPS];
	unsigned skip = others ? SITE_SPLIT | SITE_TAIL : 0;
	unsigned plain = sites_of(&traps[0], skip);

	cr_assert_eq(plain, 1);
	for (int i = 0; i < TRAPS; i++)
		before[i] = traps[i].run(strstr(traps[i].name, "switch") ? 0 : SYS_getpid);
	cr_assert_eq(test_count, 0);

	cr_assert_eq(patch_object(&image.o, sites, (size_t)nsites, test_entry, others, &result), 0,
		     "%s", result.why);
	cr_assert_eq(result.way, way);
	cr_assert_null(result.why);
	cr_assert_eq(result.patched + result.skipped, nsites);
	cr_assert(others ? result.skipped > 0 : result.skipped == 0);

	for (int i = 0; i < TRAPS; i++) {
		const struct trap *t = &traps[i];
		/* This one goes on to trap_plain. */
		unsigned sum = sites_of(t, skip) + (strstr(t->name, "leaves") ? plain : 0);
		unsigned long count = test_count;
		long got = t->run(strstr(t->name, "switch") ? 0 : SYS_getpid);

		cr_expect_eq(got, before[i], "%s: %ld, not %ld", t->name, got, before[i]);
		cr_expect_eq(test_count - count, sum, "%s: %lu times, not %u", t->name,
			     test_count - count, sum);
	}
	cr_expect_eq(trap_rip(SYS_getpid), before[5], "the address is that of the old place");
	cr_expect_eq(trap_tail(0), getppid() + 1, "the other way through it");
}

/* ---- What the kernel is asked for ---- */

/* Lets through all system calls but those that the N instructions F decide about, which may use
 * the number (loaded already) and return. False where there is no seccomp. */
static bool filter(const struct sock_filter *f, size_t n)
{
	struct sock_filter all[32] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						offsetof(struct seccomp_data, nr)) };
	struct sock_fprog prog = { (unsigned short)(n + 2), all };

	cr_assert_leq(n + 2, sizeof(all) / sizeof(*all));
	memcpy(all + 1, f, n * sizeof(*f));
	all[n + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

/* System call CALL fails with ERROR. */
#define REFUSE(call, error)                                                                        \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1),                                         \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))

/* If the protection that CALL asks for has all of BITS, it does THEN. */
#define IF_PROT(call, bits, then)                                                                  \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 5),                                         \
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),        \
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, (bits)),                                       \
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (bits), 0, 1),                                 \
		BPF_STMT(BPF_RET | BPF_K, (then)),                                                 \
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))

#define FILTER(...)                                                                                \
	do {                                                                                       \
		const struct sock_filter f_[] = { __VA_ARGS__ };                                   \
                                                                                                   \
		if (!filter(f_, sizeof(f_) / sizeof(*f_)))                                         \
			cr_skip_test("no seccomp filters here");                                   \
	} while (0)

/* The lines of /proc/self/maps that are about [LO, HI). */
static void maps(char *buf, size_t size, uintptr_t lo, uintptr_t hi)
{
	static char line[4096];
	FILE *f = fopen("/proc/self/maps", "r");
	size_t n = 0;

	cr_assert_not_null(f);
	buf[0] = '\0';
	while (fgets(line, sizeof(line), f)) {
		uintptr_t from, to;
		char w, x;

		cr_assert_eq(sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*c%c%c", &from, &to, &w, &x),
			     4);
		cr_assert_not(w == 'w' && x == 'x', "%s", line);
		if (from < hi && to > lo)
			n += (size_t)snprintf(buf + n, size - n, "%s", line);
	}
	cr_assert_lt(n, size);
	fclose(f);
}

static char maps_before[16384], maps_after[16384];
static char text_before[16384];

static size_t traps_size(void)
{
	return (size_t)(trap_entered_end - (const char *)trap_plain);
}

/* Patching fails with ERROR, and nothing has changed. */
static void nothing_changed(bool others, int error)
{
	cr_expect_eq(patch_object(&image.o, sites, (size_t)nsites, test_entry, others, &result),
		     -error);
	cr_expect_not_null(result.why);
	cr_expect_eq(result.way, PATCH_NONE);
	cr_expect_eq(result.patched, 0);
	cr_expect_arr_eq((const void *)trap_plain, text_before, traps_size());
	cr_expect_eq(trap_plain(0), getppid());
	cr_expect_eq(test_count, 0);

	size_t n;

	patch_areas(&n);
	cr_expect_eq(n, 0);
}

static void remember_text(void)
{
	cr_assert_leq(traps_size(), sizeof(text_before));
	memcpy(text_before, (const void *)trap_plain, traps_size());
}

Test(patch, through_proc_self_mem, .init = find_traps)
{
	run_patched(false, PATCH_BY_MEM);
}

Test(patch, by_mapping_a_copy, .init = find_traps)
{
	run_patched(true, PATCH_BY_MAP);
}

Test(patch, no_mapping_changes, .init = find_traps)
{
	uintptr_t lo = (uintptr_t)trap_plain, hi = (uintptr_t)trap_entered_end;

	maps(maps_before, sizeof(maps_before), lo, hi);
	run_patched(false, PATCH_BY_MEM);
	maps(maps_after, sizeof(maps_after), lo, hi);
	cr_expect_str_eq(maps_after, maps_before);
	maps(maps_after, sizeof(maps_after), result.area.lo, result.area.hi);
	cr_expect_not_null(strstr(maps_after, "r-xp"), "%s", maps_after);
}

/* Whoever maps something writable and executable dies. */
Test(patch, never_writable_and_executable, .init = find_traps)
{
	FILTER(IF_PROT(SYS_mmap, PROT_WRITE | PROT_EXEC, SECCOMP_RET_KILL_PROCESS),
	       IF_PROT(SYS_mprotect, PROT_WRITE | PROT_EXEC, SECCOMP_RET_KILL_PROCESS));
	run_patched(false, PATCH_BY_MEM);
}

/* What systemd's MemoryDenyWriteExecute= forbids is not asked for. */
Test(patch, never_made_executable, .init = find_traps)
{
	FILTER(IF_PROT(SYS_mprotect, PROT_EXEC, SECCOMP_RET_KILL_PROCESS),
	       IF_PROT(SYS_mmap, PROT_WRITE | PROT_EXEC, SECCOMP_RET_KILL_PROCESS));
	run_patched(true, PATCH_BY_MAP);
}

Test(patch, without_proc_self_mem, .init = find_traps)
{
	/* Not with others: all sites, by the other way. */
	FILTER(REFUSE(SYS_openat, EACCES));
	run_patched(false, PATCH_BY_MAP);
}

Test(patch, without_memfd, .init = find_traps)
{
	FILTER(REFUSE(SYS_memfd_create, ENOSYS));
	run_patched(false, PATCH_BY_MEM);
}

Test(patch, refused_executable_memory, .init = find_traps)
{
	remember_text();
	FILTER(IF_PROT(SYS_mmap, PROT_EXEC, SECCOMP_RET_ERRNO | EACCES),
	       IF_PROT(SYS_mprotect, PROT_EXEC, SECCOMP_RET_ERRNO | EACCES));
	nothing_changed(false, EACCES);
	nothing_changed(true, EACCES);
}

Test(patch, refused_both_ways, .init = find_traps)
{
	remember_text();
	FILTER(REFUSE(SYS_openat, EPERM), REFUSE(SYS_memfd_create, EPERM));
	nothing_changed(false, EPERM);
	nothing_changed(true, EPERM);
}

/* A failure in the middle puts back what was written before it. */
Test(patch, refused_writes, .init = find_traps)
{
	remember_text();
	FILTER(REFUSE(SYS_pwrite64, EIO));
	nothing_changed(false, EIO);
}

Test(patch, nowhere_near, .init = find_traps)
{
	ElfW(Phdr) phdr = { .p_type = PT_LOAD, .p_vaddr = 0, .p_memsz = 3UL << 30 };
	struct object far = image.o;

	far.phdr = &phdr;
	far.phnum = 1;
	cr_expect_eq(patch_object(&far, sites, (size_t)nsites, test_entry, false, &result),
		     -ENOSPC);
	cr_expect_not_null(result.why);
}

Test(patch, nothing_to_do, .init = find_traps)
{
	cr_expect_eq(patch_object(&image.o, sites, 0, test_entry, false, &result), 0);
	cr_expect_eq(result.patched, 0);
	cr_expect_eq(result.way, PATCH_NONE);
}

Test(patch, areas, .init = find_traps)
{
	const struct patch_area *a;
	size_t n;

	run_patched(false, PATCH_BY_MEM);
	a = patch_areas(&n);
	cr_assert_eq(n, 1);
	cr_expect_eq(a->lo, result.area.lo);
	cr_expect_eq(a->hi, result.area.hi);
	cr_expect_eq(a->object, image.o.base);
	cr_expect(patch_contains(a->lo) && patch_contains(a->hi - 1));
	cr_expect_not(patch_contains(a->lo - 1) || patch_contains(a->hi));
	cr_expect_not(patch_contains((uintptr_t)trap_plain));
}

Test(patch, forget, .init = find_traps)
{
	struct patch_area old;

	run_patched(false, PATCH_BY_MEM);
	old = result.area;
	patch_forget(image.o.base + 1);
	cr_expect(patch_contains(old.lo));
	patch_forget(image.o.base);
	cr_expect_not(patch_contains(old.lo) || patch_contains(old.hi - 1));
	/* It is .bss of ours again. */
	cr_assert(old.lo >= (uintptr_t)patch_room && old.hi <= (uintptr_t)patch_room + ROOM_SIZE);
	for (uintptr_t at = old.lo; at < old.hi; at++)
		cr_assert_eq(*(char *)at, 0);
	*(char *)old.lo = 1;
}

/* When the room is full, trampolines lie somewhere else. */
Test(patch, room_is_full, .init = find_traps)
{
	struct site many[MAX];
	size_t n = 0;

	while (n + (size_t)nsites <= MAX && n + (size_t)nsites < 900) {
		memcpy(&many[n], sites, (size_t)nsites * sizeof(*sites));
		n += (size_t)nsites;
	}
	for (int i = 0; i < ROOM_SIZE / (900 * ROOM_SLOT) + 2; i++) {
		struct patch_area was = result.area;

		cr_assert_eq(patch_object(&image.o, many, n, test_entry, false, &result), 0, "%s",
			     result.why);
		cr_assert(patch_contains(result.area.lo) &&
			  !(result.area.lo < was.hi && was.lo < result.area.hi));
	}
	cr_expect(result.area.lo - (uintptr_t)patch_room >= ROOM_SIZE);
	patch_forget(image.o.base);
	cr_expect_not(patch_contains(result.area.lo));
	cr_expect_eq(mincore((void *)result.area.lo, 1, (unsigned char[1]){ 0 }), -1);
}

/* ---- Unwinding ---- */

static uintptr_t frames[16];
static int nframes;

static _Unwind_Reason_Code frame(struct _Unwind_Context *c, void *arg)
{
	(void)arg;
	if (nframes < 16)
		frames[nframes++] = _Unwind_GetIP(c);
	return nframes < 16 ? _URC_NO_REASON : _URC_END_OF_STACK;
}

static void walk(void)
{
	nframes = 0;
	_Unwind_Backtrace(frame, NULL);
}

static __attribute__((noinline)) long call_trap(long (*trap)(long))
{
	long r = trap(SYS_getpid);

	__asm__ volatile("" : "+r"(r)); /* no tail call */
	return r;
}

Test(patch, unwinding_from_entry_to_the_caller, .init = find_traps)
{
	int at = 0;

	run_patched(false, PATCH_BY_MEM);
	test_visit = walk;
	call_trap(trap_before);
	test_visit = NULL;
	while (at < nframes &&
	       (frames[at] < (uintptr_t)trap_before || frames[at] >= (uintptr_t)trap_before_end))
		at++;
	cr_assert_lt(at + 1, nframes, "the function at the site is not among its callers");
	cr_expect_leq(at, 2, "walk, test_entry, trap_before");
	cr_expect_eq((uintptr_t)_Unwind_FindEnclosingFunction((void *)frames[at + 1]),
		     (uintptr_t)call_trap);
}

/* ---- Unwinding from every instruction ---- */

/*
 * Calls FN with known values in all registers that it must keep. The processor traps behind every
 * instruction meanwhile, and at those in trampolines the stack is walked up to here, where the known values
 * must be what the walk has found.
 */
long test_step(long (*fn)(void));
extern const char test_step_end[];

__asm__("	.text\n"
	"	.globl	test_step\n"
	"	.type	test_step, @function\n"
	"test_step:\n"
	"	.cfi_startproc\n"
	"	push	%rbp\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	.cfi_rel_offset rbp, 0\n"
	"	push	%rbx\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	.cfi_rel_offset rbx, 0\n"
	"	push	%r12\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	.cfi_rel_offset r12, 0\n"
	"	push	%r13\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	.cfi_rel_offset r13, 0\n"
	"	push	%r14\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	.cfi_rel_offset r14, 0\n"
	"	push	%r15\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	.cfi_rel_offset r15, 0\n"
	"	sub	$8, %rsp\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	mov	$0x1003, %ebx\n"
	"	mov	$0x1006, %ebp\n"
	"	mov	$0x100c, %r12d\n"
	"	mov	$0x100d, %r13d\n"
	"	mov	$0x100e, %r14d\n"
	"	mov	$0x100f, %r15d\n"
	"	pushf\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	orl	$0x100, (%rsp)\n"
	"	popf\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	call	*%rdi\n"
	"	pushf\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	andl	$~0x100, (%rsp)\n"
	"	popf\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	add	$8, %rsp\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	pop	%r15\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	pop	%r14\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	pop	%r13\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	pop	%r12\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	pop	%rbx\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	pop	%rbp\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	ret\n"
	"	.cfi_endproc\n"
	"	.globl	test_step_end\n"
	"test_step_end:\n"
	"	.size	test_step, . - test_step\n");

static unsigned steps, arrived, wrong;
static uintptr_t wrong_at;

static _Unwind_Reason_Code step_frame(struct _Unwind_Context *c, void *arg)
{
	uintptr_t ip = _Unwind_GetIP(c);
	bool good = true;

	if (ip < (uintptr_t)test_step || ip >= (uintptr_t)test_step_end)
		return ++*(int *)arg < 32 ? _URC_NO_REASON : _URC_END_OF_STACK;
	for (int i = 0; i < 6; i++) {
		static const int regs[6] = { 3, 6, 12, 13, 14, 15 };

		good &= _Unwind_GetGR(c, regs[i]) == 0x1000U + (unsigned)regs[i];
	}
	arrived += good;
	return _URC_END_OF_STACK;
}

static void on_step(int sig, siginfo_t *info, void *uc)
{
	uintptr_t pc = (uintptr_t)((ucontext_t *)uc)->uc_mcontext.gregs[REG_RIP];
	unsigned before = arrived;
	int n = 0;

	(void)sig;
	(void)info;
	if (!patch_contains(pc))
		return;
	steps++;
	_Unwind_Backtrace(step_frame, &n);
	if (arrived == before && !wrong++)
		wrong_at = pc;
}

/* In how many instructions of trampolines FN is; WRONG is from how many of these the walk went wrong. */
static unsigned step_through(long (*fn)(void))
{
	struct sigaction sa = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };

	cr_assert_eq(sigaction(SIGTRAP, &sa, NULL), 0);
	steps = arrived = wrong = 0;
	test_step(fn);
	return steps;
}

static long (*stepped_trap)(long);

static long step_trap(void)
{
	return stepped_trap(SYS_getpid) + 1;
}

Test(patch, unwinding_from_every_instruction_of_traps, .init = find_traps)
{
	run_patched(false, PATCH_BY_MEM);
	for (int i = 0; i < TRAPS; i++) {
		bool gap = strcmp(traps[i].name, "trap_gap") == 0; /* no FDE covers its site */

		stepped_trap = traps[i].run;
		if (strstr(traps[i].name, "switch"))
			continue;
		cr_expect_geq(step_through(step_trap), 3, "%s", traps[i].name);
		cr_expect_eq(wrong, gap ? steps : 0, "%s: %u of %u, the first at %#lx",
			     traps[i].name, wrong, steps, (long)wrong_at);
	}
}

/* ---- A thread that sleeps in a system call while its site is patched ---- */

static int pipes[2];
static _Atomic pid_t sleeper;
static _Atomic int signals;

static void on_signal(int sig)
{
	(void)sig;
	atomic_fetch_add(&signals, 1);
}

static void *sleep_in_read(void *arg)
{
	char byte;

	(void)arg;
	atomic_store(&sleeper, (pid_t)syscall(SYS_gettid));
	return (void *)trap_read(pipes[0], &byte, 1);
}

/* Until the kernel says that it sleeps in read(). */
static void wait_for_sleep(void)
{
	char path[64], line[64];
	bool sleeps = false;

	while (!atomic_load(&sleeper))
		sched_yield();
	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", (int)atomic_load(&sleeper));
	while (!sleeps) {
		FILE *f = fopen(path, "r");

		if (!f)
			cr_skip_test("%s cannot be read", path);
		sleeps = fgets(line, sizeof(line), f) && line[0] == '0' && line[1] == ' ';
		fclose(f);
		sched_yield();
	}
}

Test(patch, restarted_system_call_of_a_sleeper, .timeout = 60)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	pthread_t thread;
	void *got;

	image_self(&image);
	image_narrow(&image, (const void *)trap_read, trap_read_end);
	nsites = sites_find(&image.o, want_all, sites, MAX, &stats);
	cr_assert_eq(nsites, 1);
	cr_assert_eq(sites[0].flags, 0);
	cr_assert_eq(pipe(pipes), 0);
	cr_assert_eq(sigaction(SIGUSR1, &sa, NULL), 0);
	cr_assert_eq(pthread_create(&thread, NULL, sleep_in_read, NULL), 0);
	wait_for_sleep();

	cr_assert_eq(patch_object(&image.o, sites, 1, test_entry, true, &result), 0, "%s",
		     result.why);
	cr_assert_eq(result.patched, 1);
	cr_assert_eq(pthread_kill(thread, SIGUSR1), 0);
	while (!atomic_load(&signals))
		sched_yield();
	wait_for_sleep(); /* in the same call, restarted inside the window */
	cr_assert_eq(write(pipes[1], "x", 1), 1);
	cr_assert_eq(pthread_join(thread, &got), 0);
	cr_expect_eq((long)got, 1);
	cr_expect_eq(test_count, 0, "the restart is the kernel's");

	cr_assert_eq(write(pipes[1], "y", 1), 1);
	cr_expect_eq((long)sleep_in_read(NULL), 1);
	cr_expect_eq(test_count, 1, "the next one is ours");
}

/* ---- All of libc ---- */

/* Not what returns from a signal or twice, nor what starts on another stack: test_entry knows
 * nothing of these. */
static bool want_simple(int nr)
{
	return nr != SYS_rt_sigreturn && nr != SYS_vfork && nr != SYS_clone && nr != SYS_clone3;
}

/* This process's own libc, while it goes on working. */
Test(patch, libc_goes_on, .timeout = 60)
{
	char line[256], *p[64];
	FILE *f;
	int lines = 0, fds[2];

	cr_assert(image_loaded(&image, "libc.so.6"));
	nsites = sites_find(&image.o, want_simple, sites, MAX, &stats);
	cr_assert_gt(nsites, 300, "%s", stats.why);
	cr_assert_eq(patch_object(&image.o, sites, (size_t)nsites, test_entry, false, &result), 0,
		     "%s", result.why);
	cr_assert_eq(result.patched, nsites);

	f = fopen("/proc/self/maps", "r");
	cr_assert_not_null(f);
	while (fgets(line, sizeof(line), f))
		lines++;
	fclose(f);
	cr_expect_gt(lines, 10);
	for (int i = 0; i < 64; i++)
		cr_assert_not_null(p[i] = malloc(1U << (10 + i % 16)));
	for (int i = 0; i < 64; i++)
		free(p[i]);
	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(write(fds[1], "abc", 3), 3);
	cr_assert_eq(read(fds[0], line, sizeof(line)), 3);
	cr_expect_eq(read(-1, line, 1), -1);
	cr_expect_eq(errno, EBADF);
	cr_expect_eq(getppid(), (pid_t)syscall(SYS_getppid));
	cr_expect_gt(test_count, 10);
}

static int step_pipe[2];

static long step_calls(void)
{
	struct timespec zero = { 0, 0 };
	struct pollfd p = { step_pipe[0], POLLIN, 0 };
	struct sigaction sa;
	char buf[16];
	fd_set set;
	sigset_t mask;

	/* What is a system call and little else, what keeps registers, what waits, what has tails. */
	FD_ZERO(&set);
	FD_SET(step_pipe[0], &set);
	getppid();
	(void)!write(step_pipe[1], "abc", 3);
	poll(&p, 1, 0);
	ppoll(&p, 1, &zero, NULL);
	select(step_pipe[0] + 1, &set, NULL, NULL, &(struct timeval){ 0, 0 });
	(void)!read(step_pipe[0], buf, 3);
	clock_nanosleep(CLOCK_MONOTONIC, 0, &zero, NULL);
	sigaction(SIGUSR1, NULL, &sa);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	sigemptyset(&mask);
	sigtimedwait(&mask, NULL, &zero);
	raise(0);
	sched_yield();
	close(open("/dev/null", O_RDONLY));
	munmap(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096);
	syscall(SYS_getpid);
	lockf(-1, F_ULOCK, 0);
	fcntl(step_pipe[0], F_GETFL);
	return 1;
}

Test(patch, unwinding_from_every_instruction_of_libc, .timeout = 60)
{
	cr_assert_eq(pipe(step_pipe), 0);
	cr_assert(image_loaded(&image, "libc.so.6"));
	nsites = sites_find(&image.o, want_simple, sites, MAX, &stats);
	cr_assert_eq(patch_object(&image.o, sites, (size_t)nsites, test_entry, false, &result), 0,
		     "%s", result.why);
	if (result.area.lo - (uintptr_t)patch_room >= ROOM_SIZE)
		cr_skip_test("libc is too far from this program");
	cr_expect_geq(step_through(step_calls), 50);
	cr_expect_eq(wrong, 0, "%u of %u, the first at %#lx", wrong, steps, (long)wrong_at);
}

/* The rules of nearly every site of libc are known, and nothing changes them on the way to it. */
Test(patch, rules_of_libc, .timeout = 60)
{
	struct fde_table table;
	unsigned without = 0, change = 0;

	cr_assert(image_loaded(&image, "libc.so.6"));
	nsites = sites_find(&image.o, want_simple, sites, MAX, &stats);
	fde_open(&table, &image.o);
	for (long i = 0; i < nsites; i++) {
		struct fde_rules at, before;
		struct fde f;

		memset(&at, 0, sizeof(at));
		memset(&before, 0, sizeof(before));
		if (!fde_find(&table, sites[i].start, &f) ||
		    !fde_rules(&image.o, &f, sites[i].start + sites[i].sys, &at) ||
		    !fde_rules(&image.o, &f, sites[i].start, &before)) {
			without++;
			continue;
		}
		change += memcmp(&at, &before, sizeof(at)) != 0;
	}
	/* The start of a thread, and the tail of longjmp; a push on the way. */
	cr_expect_leq(without, 5);
	cr_expect_leq(change, 5);
}

/* The address that the jump at WINDOW leads to. */
static uint64_t jump_target(const uint8_t *window)
{
	int32_t rel;

	cr_assert_eq(window[0], 0xe9);
	memcpy(&rel, window + 1, sizeof(rel));
	return (uintptr_t)window + 5 + (uint64_t)(int64_t)rel;
}

/* The instruction at AT of L is TEXT; returns what comes behind. */
static uint64_t expect_insn(const struct listing *l, uint64_t at, const char *text, bool rip)
{
	long i = listing_find(l, at);

	cr_assert_geq(i, 0, "no instruction at %#" PRIx64, at);
	if (rip) { /* all but its displacement */
		const char *a = strstr(l->insns[i].text, "(%rip)"), *b = strstr(text, "(%rip)");

		cr_assert(a && b, "%s, not %s", l->insns[i].text, text);
		cr_assert_str_eq(a, b);
		cr_assert_eq(strncmp(l->insns[i].text, text, 4), 0);
	} else {
		cr_assert_str_eq(l->insns[i].text, text);
	}
	return l->insns[i + 1].at;
}

/* Those of the original O at [AT, END), moved to NOW in L. */
static uint64_t expect_moved(const struct listing *l, uint64_t now, const struct listing *o,
			     uint64_t at, uint64_t end)
{
	for (long i = listing_find(o, at); o->insns[i].at < end; i++)
		now = expect_insn(l, now, o->insns[i].text,
				  strstr(o->insns[i].text, "(%rip)") != NULL);
	return now;
}

static uint64_t load64(uint64_t at)
{
	uint64_t v;

	memcpy(&v, (const void *)at, sizeof(v));
	return v;
}

/* Of a RIP-relative instruction of LEN bytes whose displacement is its last four. */
static uint64_t operand(uint64_t at, unsigned len)
{
	int32_t disp;

	memcpy(&disp, (const void *)(at + len - 4), sizeof(disp));
	return at + len + (uint64_t)(int64_t)disp;
}

static void check_trampoline(const struct listing *t, const struct listing *o, const struct site *s)
{
	const uint8_t *window = object_at(&image.o, s->start);
	uint64_t at = jump_target(window), moved = at, end = (uintptr_t)window + s->len, resume;

	cr_assert(patch_contains(at));
	at = expect_moved(t, at, o, s->start, s->start + s->sys);
	at = expect_insn(t, at, "lea    -0x80(%rsp),%rsp", false);
	resume = load64(operand(at, 6));
	at = expect_insn(t, at, "push   0x0(%rip)", true);
	cr_assert_eq(load64(operand(at, 6)), (uintptr_t)test_entry);
	at = expect_insn(t, at, "jmp    *0x0(%rip)", true);
	if (s->flags & SITE_TAIL) {
		cr_assert_eq(resume, at);
		moved = at - 2;
		at = expect_moved(t, at, o, s->start + 2U, s->start + s->len);
		cr_assert_eq(jump_target((const uint8_t *)at), end);
	} else {
		cr_assert_eq(resume, end);
	}
	if (s->flags & SITE_RIPREL) {
		int32_t now, then;
		uint8_t original[SITE_MAX];
		FILE *f = fopen(image.path, "r");
		const ElfW(Phdr) *p = object_segment(&image.o, s->start, s->len);

		cr_assert(f && !fseek(f, (long)(p->p_offset + s->start - p->p_vaddr), SEEK_SET));
		cr_assert_eq(fread(original, 1, s->len, f), s->len);
		fclose(f);
		memcpy(&now, (const void *)(moved + s->rip), 4);
		memcpy(&then, original + s->rip, 4);
		cr_assert_eq(moved + s->rip_end + (uint64_t)(int64_t)now,
			     (uintptr_t)window + s->rip_end + (uint64_t)(int64_t)then);
	}
	/* The rest of the window. */
	for (unsigned i = 5; i < s->len; i++) {
		if (s->flags & SITE_SPLIT || i < s->first)
			cr_assert_eq(window[i], 0xcc);
		else if (i == s->sys)
			cr_assert(window[i] == 0x0f && window[i + 1] == 0x05);
	}
}

/* A libc that is only laid out, and not run. */
static void check_decoded(const char *name)
{
	struct listing original, trampolines;
	struct image loaded;
	char path[] = "/tmp/trampolines.XXXXXX";
	uintptr_t code;
	int fd;

	cr_assert(image_loaded(&loaded, name));
	cr_assert(image_map(&image, loaded.path));
	nsites = sites_find(&image.o, want_all, sites, MAX, &stats);
	cr_assert_gt(nsites, 0, "%s", stats.why);
	if (!listing_read(&original, image.path, false, 0))
		cr_skip_test("no objdump here");
	cr_assert_eq(patch_object(&image.o, sites, (size_t)nsites, test_entry, false, &result), 0,
		     "%s", result.why);
	cr_assert_eq(result.patched, nsites);

	code = (result.area.lo + 8 + 8 * (size_t)nsites + ROOM_SLOT - 1) & -(uintptr_t)ROOM_SLOT;
	fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	for (uintptr_t at = code; at < result.area.hi; at += ROOM_SLOT) {
		char slot[ROOM_SLOT];

		/* Its data would be taken for code. */
		memcpy(slot, (const void *)at, ROOM_SLOT);
		memset(slot + ROOM_DATA, 0xcc, ROOM_SLOT - ROOM_DATA);
		cr_assert_eq(write(fd, slot, ROOM_SLOT), ROOM_SLOT);
	}
	close(fd);
	cr_assert(listing_read(&trampolines, path, true, code));
	unlink(path);
	for (long i = 0; i < nsites; i++)
		check_trampoline(&trampolines, &original, &sites[i]);
	listing_free(&original);
	listing_free(&trampolines);
}

Test(patch, trampolines_of_libc_decoded, .timeout = 120)
{
	check_decoded("libc.so.6");
}
