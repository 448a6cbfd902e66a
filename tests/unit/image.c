/* SPDX-License-Identifier: MIT */
/* image: see image.h */
#include "tests/unit/image.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- Loaded objects ---- */

struct search {
	struct image *m;
	const char *name; /* NULL: the first, which is the program */
	bool found;
};

static int look(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct search *s = arg;
	struct image *m = s->m;

	(void)size;
	if (s->name && !strstr(info->dlpi_name, s->name))
		return 0;
	cr_assert_leq(info->dlpi_phnum, sizeof(m->phdr) / sizeof(*m->phdr));
	memcpy(m->phdr, info->dlpi_phdr, info->dlpi_phnum * sizeof(*m->phdr));
	snprintf(m->path, sizeof(m->path), "%s", s->name ? info->dlpi_name : "/proc/self/exe");
	m->o = (struct object){ info->dlpi_addr, m->phdr, info->dlpi_phnum, m->path };
	m->memory = NULL;
	return s->found = true;
}

void image_self(struct image *m)
{
	struct search s = { m, NULL, false };

	dl_iterate_phdr(look, &s);
	cr_assert(s.found);
}

bool image_loaded(struct image *m, const char *name)
{
	struct search s = { m, name, false };

	dl_iterate_phdr(look, &s);
	return s.found;
}

/* ---- Objects in files ---- */

bool image_map(struct image *m, const char *path)
{
	ElfW(Ehdr) e;
	uint64_t end = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	if (pread(fd, &e, sizeof(e), 0) != sizeof(e) || memcmp(e.e_ident, ELFMAG, SELFMAG) ||
	    e.e_ident[EI_CLASS] != ELFCLASS64 || e.e_machine != EM_X86_64 || e.e_type != ET_DYN ||
	    e.e_phnum > sizeof(m->phdr) / sizeof(*m->phdr)) {
		close(fd);
		return false;
	}
	cr_assert_eq(pread(fd, m->phdr, e.e_phnum * sizeof(*m->phdr), (off_t)e.e_phoff),
		     (ssize_t)(e.e_phnum * sizeof(*m->phdr)));
	for (int i = 0; i < e.e_phnum; i++)
		if (m->phdr[i].p_type == PT_LOAD)
			end = m->phdr[i].p_vaddr + m->phdr[i].p_memsz;

	m->size = end;
	m->memory = mmap(NULL, end, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(m->memory, MAP_FAILED);
	for (int i = 0; i < e.e_phnum; i++) {
		const ElfW(Phdr) *p = &m->phdr[i];

		if (p->p_type == PT_LOAD)
			cr_assert_eq(pread(fd, (char *)m->memory + p->p_vaddr, p->p_filesz,
					   (off_t)p->p_offset),
				     (ssize_t)p->p_filesz, "%s is cut short", path);
	}
	close(fd);
	snprintf(m->path, sizeof(m->path), "%s", path);
	m->o = (struct object){ (uintptr_t)m->memory, m->phdr, e.e_phnum, m->path };
	return true;
}

void image_unmap(struct image *m)
{
	munmap(m->memory, m->size);
}

void image_narrow(struct image *m, const void *lo, const void *hi)
{
	for (int i = 0; i < m->o.phnum; i++) {
		ElfW(Phdr) *p = &m->phdr[i];
		uint64_t off = (uintptr_t)lo - m->o.base;

		if (p->p_type != PT_LOAD || off - p->p_vaddr >= p->p_memsz)
			continue;
		cr_assert(p->p_flags & PF_X);
		p->p_offset += off - p->p_vaddr;
		p->p_vaddr = off;
		p->p_filesz = p->p_memsz = (uintptr_t)hi - (uintptr_t)lo;
		return;
	}
	cr_assert_fail("not in this object");
}

/* ---- objdump ---- */

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The target of a direct jump or call; false when TEXT is none. */
static bool direct_target(const char *text, uint64_t *target)
{
	const char *word;
	char *end;

	for (word = text; (word = strpbrk(word, "jclx")); word++) {
		if (word != text && word[-1] != ' ')
			continue;
		if (*word == 'j' || !strncmp(word, "call", 4) || !strncmp(word, "loop", 4) ||
		    !strncmp(word, "xbegin", 6))
			break;
	}
	if (!word)
		return false;
	word += strcspn(word, " \t");
	word += strspn(word, " \t");
	*target = strtoull(word, &end, 16);
	return end != word && (*end == '\0' || *end == ' ' || *end == '\n');
}

bool listing_read(struct listing *l, const char *path, bool raw, uint64_t base)
{
	char command[5000], *line = NULL;
	size_t size = 0, room = 0;
	FILE *f;

	*l = (struct listing){ 0 };
	if (system("objdump --version >/dev/null 2>&1") != 0)
		return false;
	snprintf(command, sizeof(command),
		 "objdump --no-show-raw-insn --wide --adjust-vma=%#" PRIx64 " %s '%s'", base,
		 raw ? "-D -b binary -m i386:x86-64" : "-d", path);
	f = popen(command, "r");
	cr_assert_not_null(f);
	while (getline(&line, &size, f) > 0) {
		char *end, *text;
		uint64_t at;

		if (line[0] != ' ')
			continue;
		at = strtoull(line, &end, 16);
		if (*end != ':')
			continue;
		if (l->n == room) {
			room = room ? 2 * room : 4096;
			l->insns = realloc(l->insns, room * sizeof(*l->insns));
			l->targets = realloc(l->targets, room * sizeof(*l->targets));
			cr_assert(l->insns && l->targets);
		}
		text = end + 1 + strspn(end + 1, " \t");
		text[strcspn(text, "\n#<")] = '\0';
		for (char *c = text + strlen(text); c > text && isspace((unsigned char)c[-1]);)
			*--c = '\0';
		l->insns[l->n].at = at;
		snprintf(l->insns[l->n].text, sizeof(l->insns[l->n].text), "%.63s", text);
		l->n++;
		if (direct_target(text, &l->targets[l->ntargets]))
			l->ntargets++;
	}
	free(line);
	cr_assert_eq(pclose(f), 0, "objdump failed on %s", path);
	qsort(l->insns, l->n, sizeof(*l->insns), compare);
	qsort(l->targets, l->ntargets, sizeof(*l->targets), compare);
	return true;
}

void listing_free(struct listing *l)
{
	free(l->insns);
	free(l->targets);
}

long listing_find(const struct listing *l, uint64_t at)
{
	const struct listed *i = bsearch(&at, l->insns, l->n, sizeof(*l->insns), compare);

	return i ? i - l->insns : -1;
}

bool listing_entered(const struct listing *l, uint64_t lo, uint64_t hi)
{
	size_t from = 0, to = l->ntargets;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (l->targets[mid] < lo)
			from = mid + 1;
		else
			to = mid;
	}
	return from < l->ntargets && l->targets[from] < hi;
}
