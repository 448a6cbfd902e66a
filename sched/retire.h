/* SPDX-License-Identifier: MIT */
/*
 * Back to one kernel thread.
 *
 * Some calls are for processes of one thread (user namespaces). One whose threads have all ended is such a process,
 * but that we keep Ms, the watcher and the template thread for those to come. These are ended here, each by
 * itself: an idle M is taken off the idle list, so that nobody wakes it for work, and woken to see m->ending; the
 * other two look at flags of their own. The first thread of the process is the one that stays, and takes the G
 * over. What comes later is made anew by whoever needs it.
 */
#ifndef GOTHREADS_RETIRE_H
#define GOTHREADS_RETIRE_H

#include <stdbool.h>

struct g;

/* G, the current one, which is main, is the only thread: end all kernel threads of ours but the first of the process,
 * on which G then runs, until the kernel counts them no more. False: there are others, of the program's too, or G
 * is bound to another. In the scheduler. */
bool retire_others(struct g *g);

#endif
