/* SPDX-License-Identifier: MIT */
/*
 * Libraries that come and go after the activation.
 *
 * One whose system calls are ours must be patched before its first instruction runs: its constructors
 * may make threads. dlopen() returns too late; and it looks at its return address to know who asks, so
 * that it cannot well be interposed. But the loader tells debuggers: it calls the empty function that
 * its struct r_debug names (link.h) whenever it has mapped libraries, before it runs anything of
 * them, and whenever it has unmapped some. That function becomes a jump to us. Where it is not as
 * empty as is usual, or already holds a breakpoint, libraries that come later keep their system calls.
 */
#ifndef GOTHREADS_LOADER_H
#define GOTHREADS_LOADER_H

#include <stdbool.h>

/* Is this the path of a library whose system calls are ours? */
bool loader_on_list(const char *path);

struct link_map;

/* Calls FN with each object that is loaded, in all namespaces. */
void loader_each(void (*fn)(const struct link_map *l));

/* From now on such libraries are patched when they are mapped. Those that are there already have been.
 * Pre: no other kernel thread runs. */
void loader_watch(void);

#endif
