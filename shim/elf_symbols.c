/* SPDX-License-Identifier: MIT */
/* Functions of programs that do not run. See elf_symbols.h. The formats are those of elf(5). */
#include "shim/elf_symbols.h"

#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct file {
	const char *at;
	size_t size;
};

enum answer { NO, YES, UNKNOWN };

/* A 64-bit ELF file; it stays mapped. */
static bool file_map(const char *path, struct file *f)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const ElfW(Ehdr) * e;
	struct stat st;
	void *p;

	if (fd < 0)
		return false;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || (size_t)st.st_size < sizeof(*e))
		st.st_size = 0;
	p = st.st_size ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
	close(fd);
	if (p == MAP_FAILED)
		return false;
	*f = (struct file){ p, (size_t)st.st_size };
	e = p;
	return memcmp(e->e_ident, ELFMAG, SELFMAG) == 0 && e->e_ident[EI_CLASS] == ELFCLASS64;
}

static const void *file_part(const struct file *f, uint64_t off, uint64_t len)
{
	return off <= f->size && len <= f->size - off ? f->at + off : NULL;
}

static enum answer defines(const char *path, const char *name)
{
	size_t len = strlen(name) + 1;
	const ElfW(Ehdr) * e;
	const ElfW(Shdr) * s;
	struct file f;

	if (!file_map(path, &f))
		return UNKNOWN;
	e = (const void *)f.at;
	s = file_part(&f, e->e_shoff, (uint64_t)e->e_shnum * sizeof(*s));
	for (unsigned i = 0; s && i < e->e_shnum; i++) {
		const ElfW(Sym) *y = file_part(&f, s[i].sh_offset, s[i].sh_size);
		const char *strings;

		if (s[i].sh_type != SHT_DYNSYM || s[i].sh_link >= e->e_shnum || !y)
			continue;
		strings = file_part(&f, s[s[i].sh_link].sh_offset, s[s[i].sh_link].sh_size);
		for (size_t k = 0; strings && k < s[i].sh_size / sizeof(*y); k++)
			if (y[k].st_shndx != SHN_UNDEF && y[k].st_name < s[s[i].sh_link].sh_size &&
			    s[s[i].sh_link].sh_size - y[k].st_name >= len &&
			    memcmp(strings + y[k].st_name, name, len) == 0)
				return YES;
		return strings ? NO : UNKNOWN;
	}
	return UNKNOWN;
}

/* The loader that the program asks for; NULL: none. */
static const char *interpreter(const char *path)
{
	const ElfW(Ehdr) * e;
	const ElfW(Phdr) * p;
	struct file f;

	if (!file_map(path, &f))
		return NULL;
	e = (const void *)f.at;
	p = file_part(&f, e->e_phoff, (uint64_t)e->e_phnum * sizeof(*p));
	for (unsigned i = 0; p && i < e->e_phnum; i++) {
		const char *s = file_part(&f, p[i].p_offset, p[i].p_filesz);

		if (p[i].p_type == PT_INTERP && s && p[i].p_filesz && !s[p[i].p_filesz - 1])
			return s;
	}
	return NULL;
}

/* The path in a line of the loader's: "name => /path (0x1234)" or "/path (0x1234)". */
static char *path_in(char *line)
{
	char *at = strstr(line, "=> "), *end = strstr(line, " (0x");

	if (!end)
		return NULL;
	*end = '\0';
	at = at ? at + 3 : line + strspn(line, " \t");
	return *at == '/' ? at : NULL;
}

bool elf_program_defines(const char *path, const char *preload, const char *name)
{
	const char *loader = interpreter(path);
	char *argv[] = {
		(char *)loader, "--preload", (char *)preload, "--list", (char *)path, NULL
	};
	enum answer answer = loader ? defines(path, name) : UNKNOWN;
	posix_spawn_file_actions_t actions;
	int fd[2], status;
	char *line = NULL, *at;
	size_t room = 0;
	pid_t pid;
	FILE *out;

	if (answer != NO || pipe2(fd, O_CLOEXEC))
		return true;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fd[1], 1);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	if (posix_spawn(&pid, loader, &actions, NULL, argv, environ))
		return true;
	close(fd[1]);
	out = fdopen(fd[0], "r");
	while (out && getline(&line, &room, out) > 0)
		if (strstr(line, "not found"))
			answer = UNKNOWN;
		else if (answer == NO && (at = path_in(line)))
			answer = defines(at, name);
	if (waitpid(pid, &status, 0) != pid || status)
		answer = UNKNOWN;
	return answer != NO;
}
