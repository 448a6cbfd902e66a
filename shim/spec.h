/* SPDX-License-Identifier: MIT */
/*
 * SPECs: the functions that block, as the user names them (--blocking, GOTHREADS=blocking=).
 *
 *	[LIBRARY:]NAME=RESULT(ARGUMENTS)	sqlite3_step=i(p)	libfoo.so.1:foo_wait=d(p{if}L)
 *
 * LIBRARY is the file name of the library that defines NAME, or its path. Without it every object of the
 * process that defines NAME is meant. Types are letters, one after the other, without anything between:
 *
 *	v	void, the result alone		f d D	float, double, long double
 *	c C	char, unsigned char (bool)	p s	a pointer (s: to a string)
 *	h H	short, unsigned short		{…}	a structure by value, its members in order; an
 *	i u	int, unsigned			array of n is n members
 *	l L	long, unsigned long
 *	q Q	long long, unsigned long long
 *
 * A function with a variable number of arguments cannot be named: what it gets is not known.
 */
#ifndef GOTHREADS_SPEC_H
#define GOTHREADS_SPEC_H

#include <stddef.h>

enum {
	SPECS_MAX = 256,
	SPEC_NAME = 160, /* bytes, with the NUL */
	SPEC_TYPES = 80,
	SPEC_ARGS = 40, /* arguments at most */
	SPEC_DEPTH = 8, /* structures in structures */
};

struct spec {
	char library[SPEC_NAME]; /* "": any */
	char name[SPEC_NAME];
	char result[SPEC_TYPES], args[SPEC_TYPES];
};

/* Reads the LEN bytes at TEXT: NULL, or what a SPEC must be. No libc but string.h. */
const char *spec_parse(const char *text, size_t len, struct spec *spec);

/* The end of the one type at AT, which spec_parse() has let through. */
const char *spec_type_end(const char *at);

#endif
