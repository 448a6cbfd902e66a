/* SPDX-License-Identifier: MIT */
/* Owners of mutexes that processes share: those of pthread_mutex_* and pthread_cond_*. */
#ifndef GOTHREADS_OWNER_H
#define GOTHREADS_OWNER_H

/* The calling thread has become the first G, on the kernel thread that it was. */
void owner_activated(void);

#endif
