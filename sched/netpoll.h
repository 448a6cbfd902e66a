/* SPDX-License-Identifier: MIT */
/*
 * The netpoller: Gs that wait for a descriptor cost no M.
 *
 * What it knows of a descriptor is a hint: the kernel is asked again at each wait, so a number that
 * was closed and used again behind our back costs time, never a wrong answer.
 *
 * A call that was tried, and whose number another closes and uses again before it waits, waits for the new file.
 * The try has changed nothing, so this is as if the call had begun later, which no thread can tell: none sees
 * when another enters the kernel.
 */
#ifndef GOTHREADS_NETPOLL_H
#define GOTHREADS_NETPOLL_H

#include "sched/gqueue.h"

/* The descriptors of the poller itself, from here up if the limit allows; see netpoll_owns(). */
enum {
	NETPOLL_FDS_KEPT_FREE = 16,
	NETPOLL_FD_MAX = 1 << 20, /* from here on it waits for none */
	NETPOLL_ANY_FEW = 32,	  /* descriptors of netpoll_wait_any() that need no memory of their own */
	NETPOLL_ANY_MAX = 1 << 14, /* and that one G can wait for at once */
};

/*
 * Park G until *FD may have one of EVENTS (POLLIN and the like; an error or a hang-up always counts), or
 * DEADLINE (CLOCK_MONOTONIC ns, INT64_MAX: none) has passed. In the scheduler. Returns 0: look again, it may be
 * so; -ETIMEDOUT; -EINTR: a signal can be delivered, or shown by a signalfd; or another error: the poller
 * cannot wait for this descriptor, block instead. When *FD has changed, the number was about to be closed: this
 * one is of the same file, and the caller's to give to netpoll_drop().
 *
 * SEEN: what netpoll_seen() said before the call was tried that found nothing; then the wait costs no call, most
 * often. NULL: there was no such try, or what is wanted is less than that *FD becomes ready.
 */
long netpoll_wait(struct g *g, int *fd, short events, int64_t deadline, const uint32_t *seen);
uint32_t netpoll_seen(int fd);
void netpoll_drop(int fd);
/* Who reads FD does without the poller: it need not report what comes there. */
void netpoll_forgo(int fd);

/* The same for any of N descriptors, 1 .. NETPOLL_ANY_MAX; SEEN is of a single one. When one is closed, the
 * caller looks again. TRUST: what is armed is not armed again, so that of many only those cost a call that were
 * ready the last time; a number that was closed and used again unseen is then not waited for, and DEADLINE
 * should be near. */
struct netpoll_want {
	int fd;
	short events;
};
long netpoll_wait_any(struct g *g, const struct netpoll_want *want, int n, int64_t deadline, const uint32_t *seen,
		      bool trust);

/* The poller does not ask FD from now on; until netpoll_rearm(), or until another G begins to wait for it. */
void netpoll_disarm(int fd);
void netpoll_rearm(int fd);

/* Gs that wait. Anywhere. */
uint32_t netpoll_waiters(void);

/* Has any G ever waited? */
bool netpoll_started(void);

/* Appends to READY the Gs whose descriptors are ready, all claimed, waiting up to TIMEOUT ns for the
 * first (0: not at all, negative: without limit), for netpoll_break() or for a signal. Returns the
 * descriptor if it was a single one, else -1. Anywhere. */
int netpoll_poll(int64_t timeout, struct gqueue *ready);

/* Will G, should it wait for FD, most likely be woken by the G that comes next on its P, and the poller not be told?
 * Then there is no use in a try before; it waits with SEEN NULL. A wrong guess costs time. In the scheduler. */
bool netpoll_talks(const struct g *g, int fd);
/* G has written to FD: if it is known who reads that, let him look. In the scheduler. */
void netpoll_wrote(struct g *g, int fd);
/* Nothing has happened on P since its G wrote, and then FD became ready. */
void netpoll_learn(struct p *p, int fd);
/* Who waited for FD and was to look found nothing. */
void netpoll_in_vain(int fd);
/* What P's Gs wait for and the poller was not told. Anywhere. */
void netpoll_arm_lazy(struct p *p);

/* Ends a netpoll_poll() that waits, now or soon. Anywhere, in a handler too. */
void netpoll_break(void);

/* What sort of file FD is, by its number alone: a guess that netpoll_closed() forgets. */
enum netpoll_kind {
	KIND_UNKNOWN,
	KIND_FILE,   /* never makes anybody wait: a regular file, a directory, a disk */
	KIND_PIPE,   /* takes RWF_NOWAIT */
	KIND_SOCKET, /* takes MSG_DONTWAIT */
	/* and has been given a time limit or a low-water mark: ask for them; or a write(2) of it is not a send(2) */
	KIND_SOCKET_SET,
	KIND_DEVICE, /* a terminal, or the like: to be waited for in the kernel */
	KIND_OTHER,  /* ask by poll */
};
enum netpoll_kind netpoll_kind(int fd);
/* FD did not take a call that does not wait. */
void netpoll_kind_other(int fd);
/* Sockets may not be as they were. */
void netpoll_sockets_set(void);

/* Is O_NONBLOCK not set for FD, as far as is known? Another process may have set it less than two
 * DOUBT_PAUSE (sysmon.c) ago. */
bool netpoll_blocking(int fd);
/* The program has set it, or its contrary, for some descriptor, and perhaps another number of the same file.
 * Anywhere, in a handler too. */
void netpoll_flags_set(void);

/* Look after those who rely on what was known when they began to wait, before the last pass. By sysmon alone. */
void netpoll_doubt(void);
/* Is there anybody for the next pass? */
bool netpoll_doubtful(void);

/* FD is about to be closed, or to name another file: those who wait for it go on with the one it is. */
void netpoll_closing(int fd);
/* It is so: what was known of it is void, and whoever waits for it looks again. Both anywhere. */
void netpoll_closed(int fd);
/* One of the two for all from LO to HI. */
void netpoll_range(unsigned lo, unsigned hi, void (*each)(int fd));

/* FD under a high number, FD itself closed: for descriptors of ours. An error as it is. */
int netpoll_high(int fd);

/* Is FD one of the poller's? */
bool netpoll_owns(int fd);
/* Make FD, one of ours, free for the program. False: calls are being finished on it. */
bool netpoll_move(int fd);

/* In a forked child. */
void netpoll_forked(void);

#endif
