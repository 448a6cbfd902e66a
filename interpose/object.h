/* SPDX-License-Identifier: MIT */
/*
 * object: an ELF object in memory, as its program headers describe it
 *
 * Rules of this file: reads only; nothing here allocates or calls libc.
 */
#ifndef GOTHREADS_OBJECT_H
#define GOTHREADS_OBJECT_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A loaded object, as dl_iterate_phdr() says it, or an image laid out by hand, relocated or not.
 * Everything here belongs to the caller and must stay while we look at it. Places in it are named
 * by their offset from base, which is their link-time address. */
struct object {
	uintptr_t base;
	const ElfW(Phdr) * phdr;
	int phnum;
	const char *name; /* for messages, never NULL */
};

static inline const uint8_t *object_at(const struct object *o, uint64_t off)
{
	return (const uint8_t *)(o->base + off);
}

/* The segment whose bytes from the file hold OFF, LEN of them; NULL when none does. */
static inline const ElfW(Phdr) * object_segment(const struct object *o, uint64_t off, uint64_t len)
{
	for (int i = 0; i < o->phnum; i++) {
		const ElfW(Phdr) *p = &o->phdr[i];

		if (p->p_type == PT_LOAD && off - p->p_vaddr < p->p_filesz &&
		    len <= p->p_filesz - (off - p->p_vaddr))
			return p;
	}
	return NULL;
}

static inline const ElfW(Phdr) * object_header(const struct object *o, uint32_t type)
{
	for (int i = 0; i < o->phnum; i++)
		if (o->phdr[i].p_type == type)
			return &o->phdr[i];
	return NULL;
}

static inline bool object_is_text(const ElfW(Phdr) * p)
{
	return p->p_type == PT_LOAD && (p->p_flags & PF_X) && p->p_filesz;
}

#endif
