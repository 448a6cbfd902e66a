/* SPDX-License-Identifier: MIT */
/* Functions that block, by name. See blocking.h. */
#include "shim/blocking.h"

#include <config.h> /* not shim/config.h */

#include <dlfcn.h>
#include <fcntl.h>
#include <ffi.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "interpose/seam.h"
#include "sched/away.h"
#include "sched/base/fatal.h"
#include "sched/base/mem.h"
#include "sched/base/raw.h"
#include "sched/sched.h"
#include "shim/loader.h"

/* ---- libffi ------------------------------------------------------------------------------ */

static struct {
	__typeof__(ffi_prep_cif) *prep_cif;
	__typeof__(ffi_call) *call;
	__typeof__(ffi_closure_alloc) *closure_alloc;
	__typeof__(ffi_prep_closure_loc) *prep_closure;
} ffi;

static struct letter {
	char letter;
	const char *name;
	ffi_type *type;
} letters[] = {
	{ 'v', "ffi_type_void", NULL },    { 'c', "ffi_type_sint8", NULL },
	{ 'C', "ffi_type_uint8", NULL },   { 'h', "ffi_type_sint16", NULL },
	{ 'H', "ffi_type_uint16", NULL },  { 'i', "ffi_type_sint32", NULL },
	{ 'u', "ffi_type_uint32", NULL },  { 'l', "ffi_type_sint64", NULL },
	{ 'L', "ffi_type_uint64", NULL },  { 'q', "ffi_type_sint64", NULL },
	{ 'Q', "ffi_type_uint64", NULL },  { 'f', "ffi_type_float", NULL },
	{ 'd', "ffi_type_double", NULL },  { 'D', "ffi_type_longdouble", NULL },
	{ 'p', "ffi_type_pointer", NULL }, { 's', "ffi_type_pointer", NULL },
};

static bool ffi_open(void)
{
	void *lib = dlopen(FFI_SONAME, RTLD_NOW | RTLD_LOCAL);
	bool all = true;

	if (!lib)
		return false;
	ffi.prep_cif = dlsym(lib, "ffi_prep_cif");
	ffi.call = dlsym(lib, "ffi_call");
	ffi.closure_alloc = dlsym(lib, "ffi_closure_alloc");
	ffi.prep_closure = dlsym(lib, "ffi_prep_closure_loc");
	for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
		letters[i].type = dlsym(lib, letters[i].name);
		all &= letters[i].type != NULL;
	}
	return all && ffi.prep_cif && ffi.call && ffi.closure_alloc && ffi.prep_closure;
}

/* ---- types ------------------------------------------------------------------------------- */

/* What is never given back. */
static void *arena(size_t size)
{
	static char *at, *end;
	void *r;

	size = mem_round(size, 16);
	if (!at || (size_t)(end - at) < size) {
		size_t more = mem_round(size > 65536 ? size : 65536, MEM_PAGE);

		at = mem_pages(more);
		if (!at)
			return NULL;
		end = at + more;
	}
	r = at;
	at += size;
	return r;
}

static ffi_type **list_of(const char *s, const char *end, unsigned *n);

/* The type at *S, which moves behind it. NULL: no memory. */
static ffi_type *type_of(const char *s)
{
	unsigned n;

	if (*s == '{') {
		ffi_type *t = arena(sizeof *t);

		if (!t)
			return NULL;
		*t = (ffi_type){ .type = FFI_TYPE_STRUCT,
				 .elements = list_of(s + 1, spec_type_end(s) - 1, &n) };
		return t->elements ? t : NULL;
	}
	for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
		if (letters[i].letter == *s)
			return letters[i].type;
	return NULL;
}

/* Those from S to END, with a NULL behind. */
static ffi_type **list_of(const char *s, const char *end, unsigned *n)
{
	ffi_type **list = arena(((size_t)(end - s) + 1) * sizeof *list);

	*n = 0;
	for (; list && s < end; s = spec_type_end(s)) {
		list[*n] = type_of(s);
		if (!list[(*n)++])
			return NULL;
	}
	if (list)
		list[*n] = NULL;
	return list;
}

/* ---- the call ---------------------------------------------------------------------------- */

struct function {
	const struct spec *spec;
	ffi_cif cif;
	bool usable, seen; /* SEEN: an object of the process has had it */
};

/* One for each object that defines the function. */
struct closure {
	struct closure *next;
	struct function *f;
	ffi_closure *ffi;
	void *code; /* what callers call */
	void (*target)(void);
	const ElfW(Sym) * sym; /* that leads to it; NULL: its object is gone [the loader's lock] */
	bool found;
};

static struct function *functions;
static unsigned n_functions;
static struct closure *closures; /* [the loader's lock], read at any time: never shorter */

/* What callers have come to. */
static void arrive(ffi_cif *cif, void *result, void **args, void *arg)
{
	struct closure *c = arg;
	struct g *g = self_g;
	struct away away;

	if (!g || !away_begin(g, &away)) {
		ffi.call(cif, c->target, result, args);
		return;
	}
	arch_call_away((void (*)(void))ffi.call,
		       (const long[4]){ (long)cif, (long)c->target, (long)result, (long)args });
	away_end(&away);
	seam_attend(g);
}

static struct closure *closure_for(struct function *f, const ElfW(Sym) * sym, uintptr_t target)
{
	struct closure *c = closures;

	while (c && (c->f != f || c->sym))
		c = c->next;
	if (!c) {
		c = arena(sizeof *c);
		if (!c)
			return NULL;
		*c = (struct closure){ .f = f };
		c->ffi = ffi.closure_alloc(sizeof *c->ffi, &c->code);
		if (!c->ffi || ffi.prep_closure(c->ffi, &f->cif, arrive, c, c->code) != FFI_OK)
			return NULL;
		c->next = closures;
		closures = c;
	}
	c->target = (void (*)(void))target;
	c->sym = sym;
	c->found = true;
	return c;
}

/* ---- objects ----------------------------------------------------------------------------- */

/* What an object's dynamic section says. */
struct dynamic {
	const struct link_map *l;
	const ElfW(Sym) * symbols;
	const char *strings;
	const uint32_t *hash, *gnu_hash;
	const ElfW(Rela) * rela, *plt;
	size_t n_rela, n_plt;
};

static void dynamic_read(const struct link_map *l, struct dynamic *d)
{
	*d = (struct dynamic){ .l = l };
	for (const ElfW(Dyn) *e = l->l_ld; e->d_tag != DT_NULL; e++) {
		uintptr_t v = e->d_un.d_val;
		/* The loader has relocated it, unless the section is not to be written. */
		const void *p = (const void *)(v >= l->l_addr ? v : v + l->l_addr);

		switch (e->d_tag) {
		case DT_SYMTAB:
			d->symbols = p;
			break;
		case DT_STRTAB:
			d->strings = p;
			break;
		case DT_HASH:
			d->hash = p;
			break;
		case DT_GNU_HASH:
			d->gnu_hash = p;
			break;
		case DT_RELA:
			d->rela = p;
			break;
		case DT_RELASZ:
			d->n_rela = v / sizeof *d->rela;
			break;
		case DT_JMPREL:
			d->plt = p;
			break;
		case DT_PLTRELSZ:
			d->n_plt = v / sizeof *d->plt;
			break;
		}
	}
}

/* The hash tables are those of the gABI and of GNU. */
static uint32_t hash_gnu(const char *s)
{
	uint32_t h = 5381;

	for (; *s; s++)
		h = h * 33 + (unsigned char)*s;
	return h;
}

static uint32_t hash_sysv(const char *s)
{
	uint32_t h = 0;

	for (; *s; s++) {
		h = (h << 4) + (unsigned char)*s;
		h = (h ^ (h >> 24 & 0xf0)) & 0x0fffffff;
	}
	return h;
}

static bool defines(const struct dynamic *d, uint32_t i, const char *name)
{
	const ElfW(Sym) *s = &d->symbols[i];
	unsigned type = ELF64_ST_TYPE(s->st_info);

	return s->st_shndx != SHN_UNDEF && s->st_shndx != SHN_ABS && s->st_value &&
	       (type == STT_FUNC || type == STT_NOTYPE) &&
	       strcmp(d->strings + s->st_name, name) == 0;
}

/* Calls FN with each definition of NAME (one for each version). */
static void each_definition(const struct dynamic *d, struct function *f,
			    void (*fn)(const struct dynamic *d, struct function *f,
				       const ElfW(Sym) * sym))
{
	const char *name = f->spec->name;

	if (!d->symbols || !d->strings)
		return;
	if (d->gnu_hash) {
		uint32_t n = d->gnu_hash[0], first = d->gnu_hash[1], h = hash_gnu(name), i;
		const uint32_t *buckets = d->gnu_hash + 4 + 2 * d->gnu_hash[2];
		const uint32_t *chains = buckets + n;

		i = n ? buckets[h % n] : 0;
		for (bool more = i >= first && i; more; i++) {
			uint32_t c = chains[i - first];

			if ((c | 1) == (h | 1) && defines(d, i, name))
				fn(d, f, &d->symbols[i]);
			more = !(c & 1);
		}
	} else if (d->hash && d->hash[0]) {
		const uint32_t *buckets = d->hash + 2, *chains = buckets + d->hash[0];

		for (uint32_t i = buckets[hash_sysv(name) % d->hash[0]]; i; i = chains[i])
			if (defines(d, i, name))
				fn(d, f, &d->symbols[i]);
	}
}

/* ---- changing them ----------------------------------------------------------------------- */

static long mem_fd = -1;
static bool starting; /* what is there has been relocated */

static bool poke(const void *at, uintptr_t value)
{
	return raw4(SYS_pwrite64, mem_fd, &value, sizeof value, at) == sizeof value;
}

/* Places that hold WAS hold IS. */
static void rebind(const struct dynamic *d, uintptr_t was, uintptr_t is)
{
	const struct {
		const ElfW(Rela) * r;
		size_t n;
	} tables[] = { { d->rela, d->n_rela }, { d->plt, d->n_plt } };

	for (size_t t = 0; t < 2; t++)
		for (size_t i = 0; tables[t].r && i < tables[t].n; i++) {
			const ElfW(Rela) *r = &tables[t].r[i];
			const uintptr_t *at = (const uintptr_t *)(d->l->l_addr + r->r_offset);
			unsigned long type = ELF64_R_TYPE(r->r_info);

			if ((type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT ||
			     type == R_X86_64_64) &&
			    ELF64_R_SYM(r->r_info) && *at == was)
				poke(at, is);
		}
}

static struct {
	uintptr_t was, is;
} rebinding;

static void rebind_object(const struct link_map *l)
{
	struct dynamic d;

	dynamic_read(l, &d);
	rebind(&d, rebinding.was, rebinding.is);
}

static void define(const struct dynamic *d, struct function *f, const ElfW(Sym) * sym)
{
	uintptr_t target = d->l->l_addr + sym->st_value;
	struct closure *c;

	f->seen = true;
	/* It is ours already, by an earlier look or for a later SPEC. */
	for (c = closures; c; c = c->next)
		if ((uintptr_t)c->code == target) {
			c->found = true;
			return;
		}
	c = closure_for(f, sym, target);
	if (!c || !poke(&sym->st_value, (uintptr_t)c->code - d->l->l_addr)) {
		msg("blocking: %s of %s cannot be changed; left alone", f->spec->name,
		    *d->l->l_name ? d->l->l_name : "the program");
		return;
	}
	if (starting) {
		rebinding.was = target;
		rebinding.is = (uintptr_t)c->code;
		loader_each(rebind_object);
	}
}

static bool is_library(const struct link_map *l, const char *library)
{
	const char *base = strrchr(l->l_name, '/');

	return !*library || strcmp(l->l_name, library) == 0 ||
	       (base && strcmp(base + 1, library) == 0);
}

static void look_into(const struct link_map *l)
{
	static const char vdso[] = "linux-vdso.so.1";
	struct dynamic d;

	if (!l->l_ld || (uintptr_t)l->l_ld - arch_text_lo < arch_text_hi - arch_text_lo ||
	    strcmp(l->l_name, vdso) == 0)
		return;
	dynamic_read(l, &d);
	/* Of two SPECs for one function the last counts. */
	for (unsigned i = n_functions; i-- > 0;)
		if (functions[i].usable && is_library(l, functions[i].spec->library))
			each_definition(&d, &functions[i], define);
}

static void look(void)
{
	mem_fd = raw4(SYS_openat, AT_FDCWD, "/proc/self/mem", O_RDWR | O_CLOEXEC, 0);
	for (struct closure *c = closures; c; c = c->next)
		c->found = false;
	loader_each(look_into);
	for (struct closure *c = closures; c; c = c->next)
		if (!c->found)
			c->sym = NULL;
	if (mem_fd >= 0)
		raw1(SYS_close, mem_fd);
	mem_fd = -1;
}

void blocking_loaded(void)
{
	if (n_functions)
		look();
}

void blocking_start(const struct spec *specs, unsigned n)
{
	struct function *all;

	if (!n)
		return;
	if (!ffi_open()) {
		msg("blocking: libffi (" FFI_SONAME ") cannot be opened; no function is");
		return;
	}
	all = arena(n * sizeof *all);
	for (unsigned i = 0; all && i < n; i++) {
		const char *args = specs[i].args;
		unsigned n_args;
		ffi_type *result = type_of(specs[i].result);
		ffi_type **list = list_of(args, args + strlen(args), &n_args);

		all[i] = (struct function){ .spec = &specs[i] };
		all[i].usable = result && list &&
				ffi.prep_cif(&all[i].cif, FFI_DEFAULT_ABI, n_args, result, list) ==
					FFI_OK;
		if (!all[i].usable)
			msg("blocking: libffi takes no %s(%s) for %s; ignored", specs[i].result,
			    args, specs[i].name);
	}
	if (!all)
		return;
	functions = all;
	n_functions = n;
	starting = true;
	look();
	starting = false;
	for (unsigned i = 0; i < n; i++)
		if (all[i].usable && !all[i].seen && !*specs[i].library) {
			msg("blocking: nothing that is loaded has a function %s; ignored",
			    specs[i].name);
			all[i].usable = false;
		}
}
