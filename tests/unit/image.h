/* SPDX-License-Identifier: MIT */
/*
 * image: objects for the tests of the finder and the patcher
 *
 * Rules of this file: the functions fail the running test when something is wrong with the machine;
 * what is missing is said by returning false.
 */
#ifndef GOTHREADS_TEST_IMAGE_H
#define GOTHREADS_TEST_IMAGE_H

#include "interpose/object.h"

/* An object, with headers of its own. */
struct image {
	struct object o;
	ElfW(Phdr) phdr[16];
	void *memory; /* when it is not this process's */
	size_t size;
	char path[4096];
};

/* The program that runs, as the loader sees it. */
void image_self(struct image *m);

/* The loaded object whose name contains NAME. */
bool image_loaded(struct image *m, const char *name);

/* An x86-64 ELF object in a file: its segments laid out in memory, not relocated, not executable.
 * False when PATH is none. */
bool image_map(struct image *m, const char *path);
void image_unmap(struct image *m);

/* Narrows the executable segment to [LO, HI), as if the object had no other code. */
void image_narrow(struct image *m, const void *lo, const void *hi);

/* What objdump says of an object. */
struct listing {
	struct listed {
		uint64_t at;
		char text[64]; /* the instruction, without its bytes; shortened */
	} * insns;             /* sorted by address */
	size_t n;
	uint64_t *targets; /* of direct jumps and calls, sorted */
	size_t ntargets;
};

/* False when there is no objdump here. RAW: PATH holds nothing but code, which is at BASE. */
bool listing_read(struct listing *l, const char *path, bool raw, uint64_t base);
void listing_free(struct listing *l);

/* The index of the instruction at AT, or -1. */
long listing_find(const struct listing *l, uint64_t at);

/* Does a direct jump or call lead into [LO, HI)? */
bool listing_entered(const struct listing *l, uint64_t lo, uint64_t hi);

#endif
