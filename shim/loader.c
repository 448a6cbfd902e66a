/* SPDX-License-Identifier: MIT */
/* Libraries that come and go. See loader.h. */
#include "shim/loader.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "interpose/patch.h"
#include "interpose/seam.h"
#include "interpose/sites.h"
#include "interpose/table.h"
#include "sched/base/fatal.h"
#include "sched/base/mem.h"
#include "sched/base/raw.h"
#include "sched/signal.h"
#include "shim/blocking.h"

enum { SITES_MAX = 2048, JUMP = 5 };

/* The libraries whose system calls we take over: glibc, and those that make futex calls of their
 * own for threads that glibc made. */
static const char *const libraries[] = { "libc.so.6", "libgomp.so.1", "liburing.so.2" };

bool loader_on_list(const char *path)
{
	const char *name = strrchr(path, '/');

	name = name ? name + 1 : path;
	for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++)
		if (strcmp(name, libraries[i]) == 0)
			return true;
	return false;
}

/* What of the list is loaded, by base address. [the loader's own lock, which it holds when it calls] */
static struct loaded {
	uintptr_t base; /* 0: free */
	bool seen;
} loaded[PATCH_AREAS_MAX];

static struct loaded *find(uintptr_t base)
{
	for (size_t i = 0; i < PATCH_AREAS_MAX; i++)
		if (loaded[i].base == base)
			return &loaded[i];
	return NULL;
}

static void patch(const struct link_map *l)
{
	/* A library's first segment begins with it. */
	const ElfW(Ehdr) *e = (const void *)l->l_addr;
	struct site *sites = mem_pages(sizeof *sites * SITES_MAX);
	struct object o = { .base = l->l_addr,
			    .phdr = (const void *)(l->l_addr + e->e_phoff),
			    .phnum = e->e_phnum,
			    .name = l->l_name };
	struct sites_stats st;
	struct patch_result r;
	long n;

	if (!sites)
		return;
	n = sites_find(&o, table_wants, sites, SITES_MAX, &st);
	/* Nobody runs it yet. */
	if (n < 0)
		msg("%s: %s; its system calls are left alone", l->l_name, st.why);
	else if (patch_object(&o, sites, (size_t)n, arch_seam_entry, false, &r))
		msg("%s: %s; its system calls are left alone", l->l_name, r.why);
	mem_release(sites, sizeof *sites * SITES_MAX);
}

void loader_each(void (*fn)(const struct link_map *l))
{
	const struct r_debug_extended *d = (const void *)&_r_debug;

	for (; d; d = _r_debug.r_version > 1 ? d->r_next : NULL)
		for (const struct link_map *l = d->base.r_map; l; l = l->l_next)
			fn(l);
}

static bool ours(const struct link_map *l)
{
	return l->l_addr && loader_on_list(l->l_name);
}

static void note(const struct link_map *l)
{
	struct loaded *at = find(l->l_addr);

	if (!ours(l))
		return;
	if (!at)
		at = find(0);
	if (at)
		*at = (struct loaded){ l->l_addr, true };
}

static void note_or_patch(const struct link_map *l)
{
	const bool known = find(l->l_addr);

	note(l);
	if (!known && ours(l))
		patch(l);
}

/* In the place of the loader's empty function: it holds its lock, and nothing of what it has mapped has
 * run. */
static void changed(void)
{
	struct g *g = self_g;

	/* In a vfork child it is not our process that changes. */
	if (!sched_active() || (g && g->vforked && !sig_own_process()))
		return;
	for (size_t i = 0; i < PATCH_AREAS_MAX; i++)
		loaded[i].seen = false;
	loader_each(note_or_patch);
	for (size_t i = 0; i < PATCH_AREAS_MAX; i++)
		if (loaded[i].base && !loaded[i].seen) {
			patch_forget(loaded[i].base);
			loaded[i].base = 0;
		}
	blocking_loaded();
}

/* Does a function that does nothing lie at F, and room for a jump behind it? */
static bool empty(const uint8_t *f)
{
	static const uint8_t endbr[] = { 0xf3, 0x0f, 0x1e, 0xfa }, ret = 0xc3;
	/* how gcc and gas fill the room between functions, the longest instruction first */
	static const char *const pads[] = { "\x66\x66\x2e\x0f\x1f\x84",
					    "\x66\x2e\x0f\x1f\x84",
					    "\x0f\x1f\x84",
					    "\x0f\x1f\x80",
					    "\x66\x0f\x1f\x44",
					    "\x0f\x1f\x44",
					    "\x0f\x1f\x40",
					    "\x90\x90\x90\x90",
					    "\xcc\xcc\xcc\xcc" };
	const ElfW(Sym) *sym = NULL;
	Dl_info info;

	if ((uintptr_t)f % 16 || !dladdr1(f, &info, (void **)&sym, RTLD_DL_SYMENT) || !sym ||
	    info.dli_saddr != f || sym->st_size > JUMP)
		return false;
	if (memcmp(f, endbr, sizeof endbr) == 0)
		return f[sizeof endbr] == ret;
	for (size_t i = 0; *f == ret && i < sizeof pads / sizeof *pads; i++)
		if (memcmp(f + 1, pads[i], strlen(pads[i])) == 0)
			return true;
	return false;
}

void loader_watch(void)
{
	uintptr_t at = _r_debug.r_brk;
	intptr_t rel = (intptr_t)((uintptr_t)changed - (at + JUMP));
	uint8_t jump[JUMP] = { PATCH_JMP };
	int32_t rel32 = (int32_t)rel;
	long fd;

	if (!at || rel != rel32 || !empty((const uint8_t *)at))
		return;
	memcpy(jump + 1, &rel32, sizeof rel32);
	loader_each(note);
	fd = raw4(SYS_openat, AT_FDCWD, "/proc/self/mem", O_RDWR | O_CLOEXEC, 0);
	if (fd < 0)
		return;
	raw4(SYS_pwrite64, fd, jump, sizeof jump, at);
	raw1(SYS_close, fd);
}
