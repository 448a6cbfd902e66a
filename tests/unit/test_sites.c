/* SPDX-License-Identifier: MIT */
/*
 * The finder of sites: on functions with traps, and on the libraries of this machine, where another
 * decoder, objdump, has to agree.
 *
 * GOTHREADS_TEST_LIBS=DIR: also all libraries below DIR, which are read, never run. (Unpack there
 * what other distributions have: dpkg-deb -x libc6_*.deb DIR.)
 */
#include "interpose/sites.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "interpose/fde.h"
#include "tests/unit/image.h"
#include "tests/unit/traps.h"

enum { MAX = 8192 };

static struct site sites[MAX];
static struct sites_stats stats;
static struct image image;

static bool want_all(int nr)
{
	(void)nr;
	return true;
}

static bool want_none(int nr)
{
	(void)nr;
	return false;
}

/* ---- Traps ---- */

/* The sites between LO and HI, how many. */
static long find(const void *lo, const void *hi, bool (*want)(int))
{
	unsigned sum;
	long n;

	image_self(&image);
	image_narrow(&image, lo, hi);
	n = sites_find(&image.o, want, sites, MAX, &stats);
	cr_assert_geq(n, 0, "%s", stats.why);
	sum = stats.found + stats.unwanted;
	for (int i = 0; i < SITES_LEFT_REASONS; i++)
		sum += stats.left[i];
	cr_assert_eq(sum, stats.raw, "each is found, unwanted or left alone: %u of %u", sum,
		     stats.raw);
	return n;
}

#define FIND(name) find((const void *)(name), name##_end, want_all)

/* NAME has one site, and its window is as said. */
#define FOUND(name, nr_, len_, sys_, flags_)                                                       \
	do {                                                                                       \
		cr_assert_eq(FIND(name), 1, #name);                                                \
		cr_expect_eq(image.o.base + sites[0].start + sites[0].sys, (uintptr_t)name##_sys); \
		cr_expect_eq(sites[0].nr, nr_, #name ": nr %d", sites[0].nr);                      \
		cr_expect_eq(sites[0].len, len_, #name ": len %u", sites[0].len);                  \
		cr_expect_eq(sites[0].sys, sys_, #name ": sys %u", sites[0].sys);                  \
		cr_expect_eq(sites[0].flags, flags_, #name ": flags %#x", sites[0].flags);         \
	} while (0)

/* It has none, for this reason. */
#define LEFT(name, why)                                                                            \
	do {                                                                                       \
		cr_assert_eq(FIND(name), 0, #name);                                                \
		cr_expect_eq(stats.raw, 1);                                                        \
		cr_expect_eq(stats.left[why], 1, #name " is not left alone because %s",            \
			     sites_left_phrase(why));                                              \
	} while (0)

Test(sites, mov_and_syscall)
{
	FOUND(trap_plain, SYS_getppid, 7, 5, 0);
	cr_expect_eq(sites[0].first, 5);
}

Test(sites, number_loaded_earlier)
{
	FOUND(trap_before, SYS_getppid, 7, 5, 0);
}

Test(sites, mov_of_another_register)
{
	FOUND(trap_other_mov, -1, 8, 6, 0);
}

Test(sites, mov_bytes_in_a_store)
{
	FOUND(trap_store, -1, 10, 8, 0);
}

Test(sites, number_partly_overwritten)
{
	FOUND(trap_rewritten, -1, 5, 3, SITE_SPLIT);
}

Test(sites, rip_relative_operand)
{
	FOUND(trap_rip, -1, 9, 7, SITE_RIPREL);
	cr_expect_eq(sites[0].rip, 3);
	cr_expect_eq(sites[0].rip_end, 7);
}

Test(sites, rip_relative_operand_with_immediate)
{
	FOUND(trap_rip_imm, -1, 12, 10, SITE_RIPREL);
	cr_expect_eq(sites[0].rip, 2);
	cr_expect_eq(sites[0].rip_end, 10);
}

Test(sites, window_that_begins_with_the_syscall)
{
	FOUND(trap_tail, -1, 5, 0, SITE_TAIL | SITE_SPLIT);
	cr_expect_eq(sites[0].first, 2);
	FOUND(trap_tail_rip, -1, 8, 0, SITE_TAIL | SITE_SPLIT | SITE_RIPREL);
	cr_expect_eq(sites[0].rip, 4);
	cr_expect_eq(sites[0].rip_end, 8);
}

Test(sites, jump_over_a_lock_prefix)
{
	FOUND(trap_lock, SYS_getppid, 7, 5, 0);
}

Test(sites, switch_around_the_window)
{
	FOUND(trap_switch, SYS_getppid, 7, 5, SITE_VEC);
}

Test(sites, function_that_runs_on_behind_its_fde)
{
	FOUND(trap_gap, SYS_getppid, 7, 5, SITE_VEC);
}

Test(sites, vector_registers)
{
	FOUND(trap_vec, SYS_getppid, 7, 5, SITE_VEC);
	FOUND(trap_x87, SYS_getppid, 7, 5, SITE_VEC);
	FOUND(trap_leaves, SYS_getppid, 7, 5, SITE_VEC);
	FOUND(trap_entered, SYS_getppid, 7, 5, SITE_VEC);
}

Test(sites, pattern_in_another_function_that_is_no_jump)
{
	/* Believed to be one only for that which costs nothing but time. */
	FOUND(trap_false, SYS_getppid, 7, 5, SITE_VEC);
}

Test(sites, bytes_of_an_immediate)
{
	LEFT(trap_immediate, SITES_LEFT_EMBEDDED);
}

Test(sites, no_room)
{
	LEFT(trap_room, SITES_LEFT_ROOM);
}

Test(sites, jumps_into_both_windows)
{
	LEFT(trap_target, SITES_LEFT_TARGET);
}

Test(sites, jump_from_another_function)
{
	LEFT(trap_near, SITES_LEFT_TARGET);
	LEFT(trap_far, SITES_LEFT_TARGET);
}

Test(sites, case_of_a_switch)
{
	LEFT(trap_case, SITES_LEFT_TARGET);
}

Test(sites, pointer_in_data)
{
	LEFT(trap_pointer, SITES_LEFT_TARGET);
}

Test(sites, address_taken)
{
	LEFT(trap_address, SITES_LEFT_TARGET);
}

/* trap_plain's own dynamic section is DYN, of SIZE bytes, which names its syscall. */
static void named_by(ElfW(Dyn) * dyn, size_t size)
{
	image_self(&image);
	image_narrow(&image, (const void *)trap_plain, trap_plain_end);
	for (int i = 0; i < image.o.phnum; i++) {
		if (image.phdr[i].p_type != PT_DYNAMIC)
			continue;
		image.phdr[i].p_vaddr = (uintptr_t)dyn - image.o.base;
		image.phdr[i].p_filesz = image.phdr[i].p_memsz = size;
	}
	cr_expect_eq(sites_find(&image.o, want_all, sites, MAX, &stats), 0);
	cr_expect_eq(stats.left[SITES_LEFT_TARGET], 1);
}

Test(sites, dynamic_symbol)
{
	static ElfW(Sym) symbols[3] = { [2] = { .st_shndx = 1 } };
	static uint32_t hash[8] = { 1, 3 };
	/* One bucket, the first symbol hashed is 1, one word of Bloom filter; a chain of two. */
	static uint32_t gnu_hash[9] = { 1, 1, 1, 0, 0, 0, 1, 2, 3 };
	static ElfW(Dyn) dyn[3] = { { .d_tag = DT_SYMTAB } };

	image_self(&image);
	symbols[2].st_value = (uintptr_t)trap_plain_sys - image.o.base;
	dyn[0].d_un.d_ptr = (uintptr_t)symbols;
	dyn[1].d_tag = DT_HASH;
	dyn[1].d_un.d_ptr = (uintptr_t)hash;
	named_by(dyn, sizeof(dyn));
	dyn[1].d_tag = DT_GNU_HASH;
	dyn[1].d_un.d_ptr = (uintptr_t)gnu_hash;
	named_by(dyn, sizeof(dyn));
}

Test(sites, pointer_relocated_by_relr)
{
	/* Not in .bss, which no file has. */
	static const void *pointers[80] = { &image };
	static uint64_t relr[3] = { 1 };
	static ElfW(Dyn) dyn[3] = { { .d_tag = DT_RELR },
				    { .d_tag = DT_RELRSZ, .d_un.d_val = sizeof(relr) } };

	/* The first is named by its address, the others by bits: 63 for each word. */
	image_self(&image);
	dyn[0].d_un.d_ptr = (uintptr_t)relr;
	relr[0] = (uintptr_t)pointers - image.o.base;
	pointers[0] = NULL;
	for (unsigned i = 0; i < 80; i += 13) {
		relr[1] = relr[2] = 1;
		if (i)
			relr[1 + (i - 1) / 63] |= 2ULL << (i - 1) % 63;
		pointers[i] = trap_plain_sys;
		named_by(dyn, sizeof(dyn));
		pointers[i] = NULL;
	}
}

Test(sites, landing_pad)
{
	LEFT(trap_pad, SITES_LEFT_TARGET);
}

Test(sites, computed_jump)
{
	LEFT(trap_computed, SITES_LEFT_COMPUTED);
}

Test(sites, operand_that_cannot_be_moved)
{
	LEFT(trap_eip, SITES_LEFT_RIPREL);
}

Test(sites, data_in_code)
{
	FOUND(trap_padding, SYS_getppid, 7, 5, 0);
	LEFT(trap_data, SITES_LEFT_UNDECODED);
}

Test(sites, no_fde)
{
	LEFT(trap_no_fde, SITES_LEFT_NO_FUNCTION);
}

Test(sites, signal_trampoline)
{
	LEFT(trap_sigframe, SITES_LEFT_SIGFRAME);
}

Test(sites, windows_do_not_overlap)
{
	cr_assert_eq(FIND(trap_overlap), 1);
	cr_expect_eq(image.o.base + sites[0].start, (uintptr_t)trap_overlap_sys);
	cr_expect_eq(sites[0].flags, SITE_TAIL | SITE_SPLIT);
	cr_expect_eq(stats.left[SITES_LEFT_OVERLAP], 1);
}

Test(sites, unwanted_numbers)
{
	cr_expect_eq(find((const void *)trap_lock, trap_lock_end, want_none), 0);
	cr_expect_eq(stats.unwanted, 1);
	cr_expect_eq(stats.insns, 0, "not decoded at all");
	cr_expect_eq(find((const void *)trap_before, trap_before_end, want_none), 0);
	cr_expect_eq(stats.unwanted, 1);
	/* Those whose number is not known are always wanted. */
	cr_expect_eq(find((const void *)trap_other_mov, trap_other_mov_end, want_none), 1);
	cr_expect_eq(find((const void *)trap_tail, trap_tail_end, want_none), 1);
}

Test(sites, more_than_there_is_room_for)
{
	image_self(&image);
	image_narrow(&image, (const void *)trap_plain, trap_tail_end);
	cr_expect_eq(sites_find(&image.o, want_all, sites, 2, &stats), -ENOSPC);
	cr_expect_not_null(stats.why);
	cr_expect_eq(stats.found, 2);
}

Test(sites, position_dependent_object)
{
	ElfW(Ehdr) e = { .e_type = ET_EXEC, .e_machine = EM_X86_64 };
	ElfW(Phdr) p = { .p_type = PT_LOAD,
			 .p_flags = PF_R | PF_X,
			 .p_filesz = sizeof(e),
			 .p_memsz = sizeof(e) };
	struct object o = { (uintptr_t)&e, &p, 1, "fixed" };

	cr_expect_eq(sites_find(&o, want_all, sites, MAX, &stats), -ENOTSUP);
	cr_expect_not_null(stats.why);
}

/* ---- Libraries ---- */

static bool has(const char *text, const char *what)
{
	return strstr(text, what) != NULL;
}

/* Control flow, or a trap, as objdump writes it. */
static bool is_flow(const char *text)
{
	static const char *const words[] = { "j",   "call", "ret", "loop", "syscall",
					     "int", "ud2",  "hlt", "iret" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strncmp(text, words[i], strlen(words[i])))
			return true;
	return has(text, "jmp") || has(text, "ret");
}

static bool is_vector(const char *text)
{
	return has(text, "mm0") || has(text, "mm1") || has(text, "mm2") || has(text, "mm3") ||
	       has(text, "mm4") || has(text, "mm5") || has(text, "mm6") || has(text, "mm7") ||
	       has(text, "mm8") || has(text, "mm9") || has(text, "%st") || text[0] == 'f' ||
	       has(text, "xsave") || has(text, "fxsave") || has(text, "xrstor") ||
	       has(text, "fxrstor");
}

/* The number that the instruction before loads, or -1. */
static long number_before(const char *text)
{
	if (!strncmp(text, "mov ", 4) && (has(text, ",%eax") || has(text, ",%rax")) &&
	    has(text, "$0x"))
		return strtol(strchr(text, '$') + 1, NULL, 16);
	return -1;
}

static void check_site(const struct image *m, const struct fde_table *t, const struct listing *l,
		       const struct site *s)
{
	const char *path = m->path;
	uint64_t end = s->start + s->len;
	long first = listing_find(l, s->start), sys = listing_find(l, s->start + s->sys);
	long behind = listing_find(l, end);
	int rip = 0;
	struct fde f;

	cr_assert(first >= 0 && sys >= first, "%s: %#x: no instruction begins there", path,
		  s->start);
	cr_assert(!strncmp(l->insns[sys].text, "syscall", 7), "%s: %#x: %s", path, s->start,
		  l->insns[sys].text);
	cr_assert(behind > sys, "%s: %#x: no instruction begins behind it", path, s->start);
	cr_assert(s->len >= SITE_MIN && s->len <= SITE_MAX);
	cr_assert_eq(l->insns[first + 1].at - s->start, s->first);
	cr_assert_eq(!!(s->flags & SITE_SPLIT), s->first < SITE_MIN);
	if (s->flags & SITE_TAIL)
		cr_assert(sys == first && behind > sys + 1, "%s: %#x", path, s->start);
	else
		cr_assert_eq(behind, sys + 1, "%s: %#x", path, s->start);
	cr_assert_not(listing_entered(l, s->start + 1, end), "%s: %#x: something jumps in", path,
		      s->start);
	for (long i = first; i < behind; i++) {
		cr_assert(i == sys || !is_flow(l->insns[i].text), "%s: %#x: %s", path, s->start,
			  l->insns[i].text);
		rip += has(l->insns[i].text, "(%rip)");
	}
	cr_assert_eq(rip, !!(s->flags & SITE_RIPREL), "%s: %#x", path, s->start);
	if (number_before(l->insns[sys - 1].text) >= 0 && !(s->flags & SITE_TAIL))
		cr_assert_eq(s->nr, number_before(l->insns[sys - 1].text), "%s: %#x", path,
			     s->start);

	if (s->flags & SITE_VEC)
		return;
	cr_assert(fde_find(t, s->start, &f));
	for (long i = listing_find(l, f.start); i >= 0 && l->insns[i].at < f.end; i++)
		cr_assert_not(is_vector(l->insns[i].text), "%s: %#x: %s", path, s->start,
			      l->insns[i].text);
}

/* Everything that can be said of one library. */
static void check_library(const char *path)
{
	struct fde_table table;
	struct listing l;
	unsigned seen = 0, left = 0;
	uint64_t last = 0;
	char reasons[512] = "";
	long n;

	if (!image_map(&image, path))
		return;
	n = sites_find(&image.o, want_all, sites, MAX, &stats);
	cr_assert_geq(n, 0, "%s: %s", path, stats.why);
	if (!stats.raw) {
		image_unmap(&image);
		return;
	}
	if (!listing_read(&l, path, false, 0))
		cr_skip_test("no objdump here");

	fde_open(&table, &image.o);
	for (long i = 0; i < n; i++) {
		cr_assert_geq(sites[i].start, last, "%s: windows overlap", path);
		last = sites[i].start + sites[i].len;
		check_site(&image, &table, &l, &sites[i]);
	}
	for (size_t i = 0; i < l.n; i++)
		seen += !strncmp(l.insns[i].text, "syscall", 7);
	for (int i = 0; i < SITES_LEFT_REASONS; i++) {
		if (i != SITES_LEFT_EMBEDDED)
			left += stats.left[i];
		if (stats.left[i])
			snprintf(reasons + strlen(reasons), sizeof(reasons) - strlen(reasons),
				 "; %u: %s", stats.left[i], sites_left_phrase((enum sites_left)i));
	}
	cr_log_info("%s: %u sites (%u tail, %u rip, %u split, %u vec, %u of unknown number)%s",
		    path, stats.found, stats.tail, stats.riprel, stats.split, stats.vec,
		    stats.unknown, reasons);
	/* objdump reads data in code as code; a function of ours is left alone then. */
	cr_expect_leq(seen, stats.found + left + stats.left[SITES_LEFT_EMBEDDED], "%s", path);
	if (!stats.left[SITES_LEFT_NO_FUNCTION])
		cr_expect_leq(left * 20, seen + 20, "%s: %u of %u left alone", path, left, seen);
	listing_free(&l);
	image_unmap(&image);
}

/* Where the loader found it. */
static void check_loaded(const char *name)
{
	static const char *const dirs[] = { "/lib/x86_64-linux-gnu",
					    "/usr/lib/x86_64-linux-gnu",
					    "/lib64",
					    "/usr/lib64",
					    "/usr/lib",
					    "/lib" };
	char path[256];

	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		snprintf(path, sizeof(path), "%s/%s", dirs[i], name);
		if (image_map(&image, path)) {
			image_unmap(&image);
			check_library(path);
			return;
		}
	}
	cr_skip_test("%s is not installed", name);
}

Test(sites, libc, .timeout = 120)
{
	check_loaded("libc.so.6");
	cr_expect_geq(stats.found, 300);
}

Test(sites, libgomp, .timeout = 120)
{
	check_loaded("libgomp.so.1");
	cr_expect_geq(stats.found, 20);
}

Test(sites, liburing, .timeout = 120)
{
	check_loaded("liburing.so.2");
	cr_expect_geq(stats.found, 20);
}

/* The same sites in libc as the loader laid it out, relocated, as in its file. */
Test(sites, loaded_libc_as_its_file)
{
	static struct site other[MAX];
	struct image loaded;
	long n;

	cr_assert(image_loaded(&loaded, "libc.so.6"));
	n = sites_find(&loaded.o, want_all, other, MAX, &stats);
	cr_assert_gt(n, 0, "%s", stats.why);
	cr_assert(image_map(&image, loaded.path));
	cr_assert_eq(sites_find(&image.o, want_all, sites, MAX, &stats), n);
	cr_assert_arr_eq(sites, other, (size_t)n * sizeof(*sites));
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	if (type == FTW_F && has(path, ".so"))
		check_library(path);
	return 0;
}

Test(sites, more_libraries, .timeout = 3600)
{
	const char *dir = getenv("GOTHREADS_TEST_LIBS");

	if (!dir)
		cr_skip_test("GOTHREADS_TEST_LIBS names no directory of libraries");
	cr_assert_eq(nftw(dir, visit, 16, FTW_PHYS), 0);
}
