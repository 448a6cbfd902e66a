/* SPDX-License-Identifier: MIT */
/*
 * What the user asks for in the environment.
 *
 *	GOMAXPROCS=N       N Ps; a positive integer, see sched/procs.h
 *	GODEBUG=KEY=N,…    Go's: schedtrace (ms between reports, 0: none), scheddetail (0 or 1),
 *	                   asyncpreemptoff (0 or 1)
 *	GOTHREADS=KEY=V,…  ours: dumpsig (a signal, by name or number, that prints the dump), slice (us that
 *	                   a thread may compute while others wait), granule (the same before one
 *	                   that was woken takes its place),
 *	                   blocking (a SPEC, see spec.h, or @FILE with one a line, empty lines and
 *	                   those that begin with # left out)
 *
 * Of a key that is there twice the last counts; of blocking all do. What is wrong is told, one line each, and is as if
 * it were not there: a program must run whatever its environment says. The command `gothreads`
 * takes the same lines for refusals.
 */
#ifndef GOTHREADS_CONFIG_H
#define GOTHREADS_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

struct spec;

struct config {
	uint32_t procs;      /* 0: not said */
	uint32_t schedtrace; /* ms between reports, 0: none */
	bool scheddetail;
	bool asyncpreemptoff;
	int dumpsig; /* 0: none */
	const struct spec *specs; /* static */
	unsigned n_specs;
	uint32_t slice, granule; /* us, 0: the default */
};

enum { CONFIG_TEXT = 256 }; /* of a complaint, its NUL included */

/* Reads all of it. COMPLAIN gets a line, without newline and of printable bytes alone, for each
 * thing that is wrong. Uses libc, allocates nothing. */
void config_read(struct config *c, void (*complain)(const char *text));

#endif
