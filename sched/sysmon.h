/* SPDX-License-Identifier: MIT */
/* The watcher: a kernel thread without a P that takes the Ps of Ms in long calls. */
#ifndef GOTHREADS_SYSMON_H
#define GOTHREADS_SYSMON_H

/* Start it, once per process; 0 or -errno. */
int sysmon_start(void);
/* In a forked child: it is gone. */
void sysmon_forked(void);

#endif
