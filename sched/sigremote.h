/* SPDX-License-Identifier: MIT */
/*
 * Signals for one G of another process.
 *
 * The kernel does not know the tid, and to us the other process's table of Gs is out of reach. But when
 * it runs this library, it has a handler behind SIG_CARRIER: so the signal travels to the process inside
 * of a carrier, and is handed to the G there. Whether that G still lives turns out only on arrival.
 *
 * Rules of this file: raw system calls; sigremote_route() may run in a signal handler.
 */
#ifndef GOTHREADS_SIGREMOTE_H
#define GOTHREADS_SIGREMOTE_H

#include <signal.h>
#include <stdint.h>

/* Put INFO, for the G with TID, into CARRIER. */
void sigremote_pack(siginfo_t *carrier, int32_t tid, const siginfo_t *info);
/* What CARRIER means: the signal INFO for the G with the tid returned; 0 when it is no such carrier. */
int32_t sigremote_route(const siginfo_t *carrier, siginfo_t *info);

/* Send INFO to the G with TID of process PID: 0, though there may be no such G; -ESRCH when that is no
 * process with Gs, or when the signal is 0: then the answer would be the purpose; -EPERM or -EAGAIN. */
long sigremote_send(int32_t pid, int32_t tid, const siginfo_t *info);

#endif
