/* SPDX-License-Identifier: MIT */
/*
 * Functions that the user has named as blocking: a G is away while it is in one (sched/away.h).
 *
 * The problem: to stand before any function of any library, for all who call it, knowing its types from a
 * SPEC alone. libffi gives each a closure, a function of our own with the same types, which calls
 * the real one. For callers to come to it there are two ways, and both are gone:
 *
 *  - The name. In the object that defines the function, its entry in the table of dynamic symbols gets
 *    the closure's address. All that the loader binds from now on is bound to that: calls that are bound
 *    at their first use, libraries that dlopen() brings, what dlsym() and dlvsym() find.
 *  - What is bound already: places that the loader has filled with the function's address (the global
 *    offset table, which programs linked with -z now never bind again; pointers in data), in all objects
 *    that are there when the first thread is made. Those that still hold it are changed.
 *
 * A library that comes later is mapped, and told of (loader.h), before its relocations are done: there
 * the first is enough, also for its own calls.
 *
 * Not reached: calls that name no symbol (static and hidden functions, -Bsymbolic), pointers that the
 * program took and kept elsewhere before its first thread, symbols of type IFUNC. dladdr() does not find
 * the name of such a function any more. Functions that return twice (setjmp, vfork) must not be named.
 *
 * Both kinds of place lie in memory that is not to be written: /proc/self/mem does it (see loader.c).
 *
 * libffi is opened when there is a SPEC, at the first thread, and not before: its cost is nobody's else.
 */
#ifndef GOTHREADS_BLOCKING_H
#define GOTHREADS_BLOCKING_H

#include "shim/spec.h"

/* Closures for SPECS, N of them, in all that is loaded. One line for each that cannot be. The array must
 * stay. Pre: the scheduler is not active. */
void blocking_start(const struct spec *specs, unsigned n);

/* Libraries have come, not relocated yet, or gone. [the loader's own lock] */
void blocking_loaded(void);

#endif
