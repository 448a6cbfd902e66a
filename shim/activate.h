/* SPDX-License-Identifier: MIT */
/* From dormant to active, on the first thread. */
#ifndef GOTHREADS_ACTIVATE_H
#define GOTHREADS_ACTIVATE_H

/* Called before anything that makes a thread, any number of times, by any thread. Afterwards the
 * process runs on goroutines, or, where that cannot be, on plain threads as before; then one line
 * has said why. */
void activate(void);

#endif
