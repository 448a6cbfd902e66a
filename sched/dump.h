/* SPDX-License-Identifier: MIT */
/*
 * A dump of all Gs, Ms and Ps to stderr: on a signal of the user's choice, after which the program
 * goes on, and before the library dies of a bug of its own.
 *
 * Of each G: its tid, name and state; what it waits for and how long; the call that it is in, where
 * in the patched library, and who called that. The last is found by looking for the first return
 * address on its stack that leads out of that library: most often right, and a guess.
 *
 * Of a G that runs, where it is only if its kernel thread sleeps, in a call that the seam does not see.
 *
 * Nothing is stopped or locked for it. Memory that may be gone is read through the kernel, so what
 * changes meanwhile is told wrong at worst.
 *
 * Rules of this file: raw system calls only; all of it may run in a signal handler.
 */
#ifndef GOTHREADS_DUMP_H
#define GOTHREADS_DUMP_H

#include <stdbool.h>

#include "sched/types.h"

/* Before any signal. SIG asks for a dump, 0: none does. CALL_NAME names a system call, NULL when it
 * cannot. Sets what fatal.h calls. */
void dump_init(int sig, const char *(*call_name)(long nr));

/* The signal that asks for a dump, 0 if none does. */
int dump_signal(void);

/* Have a dump printed: by the watcher within some milliseconds, or here and now if there is none. */
void dump_request(void);
/* Was one asked for? */
bool dump_wanted(void);
/* The watcher: print what was asked for. */
void dump_answer(void);

/* In a forked child: one that its parent's watcher was printing is not printed here. */
void dump_forked(void);

/* Prints one to FD; nothing if another is being printed. */
void dump_all(int fd);

/* Why G waits: Go would say waitreason. Never NULL. */
const char *dump_wait_reason(struct g *g);

#endif
