/* SPDX-License-Identifier: MIT */
/* The watcher: a kernel thread without a P that takes the Ps of Ms in long calls. */
#ifndef GOTHREADS_SYSMON_H
#define GOTHREADS_SYSMON_H

#include <stdbool.h>

struct m;

/* Start it, once per process; 0 or -errno. */
int sysmon_start(void);
/* It is to end, soon; there is one G, and nobody asks it for anything meanwhile (retire.c). */
void sysmon_stop(void);
/* In a forked child: it is gone. */
void sysmon_forked(void);

/* Its own M, which runs no G; NULL as long as it has not been started. */
const struct m *sysmon_machine(void);
/* Have it look at what it was asked for. False if there is none. May run in a signal handler. */
bool sysmon_wake(void);

#endif
