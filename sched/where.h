/* SPDX-License-Identifier: MIT */
/*
 * What lies at an address: the object, the offset in it as objdump and addr2line want it, and the
 * exported function if it has one there.
 *
 * dladdr() takes locks that a signal handler may have interrupted. Here the dynamic linker's list of
 * objects (struct link_map) and their symbol tables are read through the kernel, which says so when
 * something is not there (mem_peek()).
 *
 * Rules of this file: raw system calls only; may run in a signal handler. One user of a map at a
 * time.
 */
#ifndef GOTHREADS_WHERE_H
#define GOTHREADS_WHERE_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/base/fatal.h"

enum { WHERE_OBJECTS = 128, WHERE_KNOWN = 16, WHERE_NAME = 48 };

struct where_object {
	uintptr_t base;    /* what its addresses are relative to */
	uintptr_t lo, hi;  /* of its code */
	uintptr_t dynamic; /* its dynamic section */
	char name[WHERE_NAME];
};

/* An address that was looked up before. */
struct where_known {
	uintptr_t pc, into; /* into: how far in the function */
	const struct where_object *object;
	char symbol[WHERE_NAME]; /* "" if none is known */
};

struct where_map {
	unsigned n;
	struct where_object objects[WHERE_OBJECTS];
	struct where_known known[WHERE_KNOWN];
};

/* Once, before all else; calls libc. */
void where_init(void);

/* Reads the list of objects as it is now. What does not fit is not known. */
void where_load(struct where_map *map);

/* "libc.so.6+0x88f16 (pthread_cond_wait+0x1b6)", or as much of it as is known. */
void where_print(struct where_map *map, struct print *p, uintptr_t pc);

/* The first return address on the stack from SP upwards that lies in another object than PC does,
 * and not in this library; 0 if there is none near. */
uintptr_t where_caller(const struct where_map *map, uintptr_t sp, uintptr_t pc);

#endif
