/* SPDX-License-Identifier: MIT */
/*
 * The netpoller over epoll. See netpoll.h.
 *
 * The problem. A thread that waits for a descriptor waits in the kernel, and so would the M that runs
 * it: a thousand connections, a thousand Ms. A call that would wait is therefore tried without waiting
 * (interpose/wait.c), and its G parked until one epoll instance says that it is worth another try. Who
 * looks at that instance: an M that has nothing else to run, without waiting (find_runnable()); the one
 * idle M that also sleeps until the next deadline (m_sleep(), "the keeper"), waiting; sysmon, when all Ps
 * are busy. All three get a list of Gs, already claimed, and queue them: nothing is scheduled here.
 *
 * Each number has a slot with the Gs that wait for it, registered in one of two ways.
 *
 * By level: a wait registers the number with EPOLLONESHOT for what its slot's waiters want; an event takes off
 * one waiter for each thing that has become possible (all of them upon an error or a hang-up), and arms
 * again for who is left. A descriptor that became ready before the registration reports at once, one whose
 * woken waiter does not use up what came wakes the next, and a registration that nobody needs any more
 * fires once, in vain. It costs a call each wait.
 *
 * By edge, as in Go: once with EPOLLET, and a wait costs no call. An edge says that something came, not that it
 * is still there. So each is counted in the slot (s->edges), and who is to wait reads the count
 * before his try, which found nothing: if it is another when he is about to wait, under the slot's lock, he
 * tries again instead. Either what he missed came after his try, and its edge is yet to be counted or
 * counted since, or he had it. (In Go a try clears a flag; here several may try, and one would clear what is for
 * another.) An edge wakes one waiter, and nobody the one behind him, who would find the rest: so a slot in
 * which two wait for the same goes by level from then on (s->level), and so does one whose waiters do not say
 * what they have seen. An edge that nobody waits for costs its harvest, and a file may have many more
 * of those, its reader gone elsewhere, perhaps to a forked child: after EDGES_UNWANTED since anybody tried,
 * the registration ends.
 *
 * That the kernel has the registration is a guess: a number can be closed, and used again, behind our back.
 * A guess by level is put right by the call of each wait, one by edge would be believed for ever. So
 * sysmon looks after those who have waited for a while (netpoll_doubt()): it registers their numbers anew,
 * which reports at once what is there. A wrong guess costs DOUBT_PAUSE, never a wake-up. The same goes for
 * O_NONBLOCK not being set, which is not asked of each wait either (netpoll_blocking()): a process that shares the
 * file may set it. Calls that begin after that should fail, and wait until sysmon asks.
 *
 * No wake-up is lost. A waiter is in its slot, and its park published, before the descriptor is armed, all
 * under the slot's lock, which event() takes too: whatever epoll reports after the arming finds the
 * waiter. A signal's sender and the waiter meet as in futex.c (B5). An M about to sleep in epoll_wait
 * might miss that it is wanted elsewhere: it sets m->polling, full barrier, looks at m->park; who wants
 * it sets m->park, full barrier, looks at m->polling and writes to the eventfd (B7, in proc.c). One of the
 * two sees the other. Only the M that sleeps in epoll_wait reads the eventfd empty: if those who just look
 * in did so, they would take the break from the one it is for.
 *
 * A waiter lies on the stack of its parked G. It is inserted and taken off under its slot's lock, and
 * woken by a claim of its park (proc.c). Every G takes its own waiter off before it goes on.
 *
 * A call that waits in the kernel keeps its file, whatever becomes of the number. So who is about to close a
 * number, or to put another file there, first moves its waiters to a duplicate (netpoll_closing()), on
 * which they finish their calls.
 *
 * Gs that talk to each other through a pipe or a socket need no poller. When a P has nothing to run after a
 * write, and one descriptor then is ready, and that several times in a row, the two are taken for the ends of
 * one thing (netpoll_learn()). From then on a write wakes who waits at the other end, who comes next on the
 * writer's P (netpoll_wrote()); found nothing, the guess is forgotten. And who begins to wait for such an end
 * while his P has another to run next does not tell epoll: it would only wake another M for what is done here.
 * The P keeps in mind that it owes this (p->lazy), and pays, by a registration by level, before it looks for
 * work, before it goes to another M or idle, when another such wait comes, and, should it compute instead,
 * sysmon pays (netpoll_arm_lazy()). So a wrong guess costs time only.
 *
 * Rules of this file: raw system calls only; netpoll_break() alone may be called by a handler.
 */
#include "sched/netpoll.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "sched/base/fatal.h"
#include "sched/base/lock.h"
#include "sched/base/mem.h"
#include "sched/base/raw.h"
#include "sched/proc.h"
#include "sched/signal.h"

struct waiter {
	struct waiter *next, *prev; /* [lock: slot's] */
	struct g *g;
	uint64_t seq;
	_Atomic int fd;	 /* whose slot it is in; changed under the locks of both */
	uint32_t events; /* EPOLL*; so are those of poll(2) */
	uint32_t since;	 /* how many passes of netpoll_doubt() there had been when it came, or DOUBTED [lock: slot's] */
	_Atomic bool queued; /* [lock: slot's]; fallen, the waiter is its G's alone */
	bool movable;	 /* to another number of the same file */
};

struct slot {
	struct lock lock;
	bool known;    /* a guess: epoll has it [lock] */
	bool level;    /* several wait for the same here [lock] */
	_Atomic uint8_t unwanted; /* edges since anybody last tried or waited [any] */
	uint32_t edge; /* a guess: registered by edge for these [lock] */
	_Atomic uint32_t edges; /* that were reported [lock], read by all */
	_Atomic uint32_t blocks; /* a guess: O_NONBLOCK was not set when this was flags_set [lock], read by all */
	_Atomic uint32_t life;	/* changes when the number is closed [any] */
	uint32_t armed; /* a guess: for these, and has not reported since [lock] */
	_Atomic uint32_t guess; /* what is written here was followed by that number, less one, being ready [any] */
	_Atomic uint8_t guessed; /* so many times in a row [any] */
	uint32_t peer; /* a guess: what is written here is read at that number, less one [any] */
	uint32_t hinted; /* by a write to that number, less one [lock] */
	uint32_t held; /* the number is ours: so many calls finish on it [lock] */
	struct waiter *head, *tail;
};
_Static_assert(sizeof(struct slot) == CACHE_LINE, "an event touches one line of it");

enum {
	CHUNK = 1024,
	SLOTS = NETPOLL_FD_MAX,
	EVENTS = 64,
	KINDS = 1 << 16,
	HIGH = 1024, /* the table of descriptors grows with the highest, and every fork copies it */
	EDGES_UNWANTED = 16,
	GUESSED_OFTEN = 4, /* is taken for a fact */
	DOUBTED = UINT32_MAX, /* a waiter that netpoll_doubt() has looked after */
};

static _Atomic uint8_t kinds[KINDS];
static _Atomic uint32_t n_held; /* slots with HELD */

static struct lock start_lock;
static _Atomic(struct slot *) chunks[SLOTS / CHUNK];
static _Atomic int epfd = -1, evfd = -1;
static _Atomic uint32_t n_waiters;
static _Atomic uint32_t doubts; /* how many passes of netpoll_doubt() there were */
static _Atomic bool doubtful;	/* somebody has begun to wait by edge since the last */
static _Atomic uint32_t flags_set = 1;

uint32_t netpoll_waiters(void)
{
	return atomic_load(&n_waiters);
}

bool netpoll_started(void)
{
	return atomic_load(&evfd) >= 0;
}

/* Where our descriptors begin, if the limit allows: programs seldom look there. */
static long high_from(void)
{
	struct rlimit r;

	if (raw_failed(raw2(SYS_getrlimit, RLIMIT_NOFILE, &r)) || r.rlim_cur > HIGH)
		r.rlim_cur = HIGH;
	return r.rlim_cur > NETPOLL_FDS_KEPT_FREE ? (long)(r.rlim_cur - NETPOLL_FDS_KEPT_FREE) : 3;
}

static long dup_high(int fd)
{
	long up = raw3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, high_from());

	return raw_failed(up) ? raw3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 3) : up;
}

int netpoll_high(int fd)
{
	long up;

	if (fd < 0)
		return fd;
	up = dup_high(fd);
	if (raw_failed(up))
		return fd;
	raw1(SYS_close, fd);
	return (int)up;
}

static long start(void)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = UINT32_MAX};
	int e, v;

	lock_acquire(&start_lock);
	if (netpoll_started()) {
		lock_release(&start_lock);
		return 0;
	}
	e = netpoll_high((int)raw1(SYS_epoll_create1, EPOLL_CLOEXEC));
	v = netpoll_high((int)raw2(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK));
	if (e < 0 || v < 0 || raw_failed(raw4(SYS_epoll_ctl, e, EPOLL_CTL_ADD, v, &ev))) {
		if (e >= 0)
			raw1(SYS_close, e);
		if (v >= 0)
			raw1(SYS_close, v);
		lock_release(&start_lock);
		return -EMFILE;
	}
	atomic_store(&epfd, e);
	atomic_store(&evfd, v);
	lock_release(&start_lock);
	sched_poller_started();
	return 0;
}

static struct slot *slot_of(int fd, bool make)
{
	_Atomic(struct slot *) *at;
	struct slot *c, *none = NULL;

	if (fd < 0 || fd >= SLOTS)
		return NULL;
	at = &chunks[fd / CHUNK];
	c = atomic_load_explicit(at, memory_order_acquire);
	if (!c && make) {
		c = mem_pages(sizeof *c * CHUNK);
		if (!c)
			return NULL;
		if (!atomic_compare_exchange_strong(at, &none, c)) {
			mem_release(c, sizeof *c * CHUNK);
			c = none;
		}
	}
	return c ? &c[fd % CHUNK] : NULL;
}

bool netpoll_owns(int fd)
{
	struct slot *s;

	if (fd < 0)
		return false;
	if (fd == atomic_load_explicit(&epfd, memory_order_relaxed) ||
	    fd == atomic_load_explicit(&evfd, memory_order_relaxed))
		return true;
	if (!atomic_load_explicit(&n_held, memory_order_relaxed))
		return false;
	s = slot_of(fd, false);
	return s && s->held;
}

/* ---- under the slot's lock ------------------------------------------------------------------ */

static void insert_locked(struct slot *s, struct waiter *w)
{
	w->next = NULL;
	w->prev = s->tail;
	if (s->tail)
		s->tail->next = w;
	else
		s->head = w;
	s->tail = w;
	w->since = atomic_load_explicit(&doubts, memory_order_relaxed);
	atomic_store_explicit(&w->queued, true, memory_order_relaxed);
	atomic_fetch_add(&n_waiters, 1);
}

static void unlink_locked(struct slot *s, struct waiter *w)
{
	if (w->prev)
		w->prev->next = w->next;
	else
		s->head = w->next;
	if (w->next)
		w->next->prev = w->prev;
	else
		s->tail = w->prev;
	atomic_fetch_sub(&n_waiters, 1);
}

/* W is gone with that, if its park has ended. */
static void remove_locked(struct slot *s, struct waiter *w)
{
	unlink_locked(s, w);
	atomic_store_explicit(&w->queued, false, memory_order_release); /* with take_off() */
}

/* Tell epoll that FD, in S, is to be waited for by EV. */
static long register_locked(struct slot *s, int fd, struct epoll_event *ev)
{
	int ep = atomic_load_explicit(&epfd, memory_order_relaxed);
	long r = raw4(SYS_epoll_ctl, ep, s->known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, ev);

	if (r == -ENOENT)
		r = raw4(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, fd, ev);
	else if (r == -EEXIST)
		r = raw4(SYS_epoll_ctl, ep, EPOLL_CTL_MOD, fd, ev);
	s->known = !raw_failed(r);
	s->armed = s->edge = 0;
	return r;
}

static long arm_locked(struct slot *s, int fd)
{
	struct epoll_event ev = {.events = EPOLLONESHOT, .data.u64 = (uint32_t)fd};
	long r;

	for (struct waiter *w = s->head; w; w = w->next)
		ev.events |= w->events;
	r = register_locked(s, fd, &ev);
	if (!r)
		s->armed = ev.events;
	return r;
}

/* By edge, for EVENTS too. What is ready by now is an edge. */
static long arm_edge_locked(struct slot *s, int fd, uint32_t events)
{
	struct epoll_event ev = {.events = EPOLLET | s->edge | events, .data.u64 = (uint32_t)fd};
	long r = register_locked(s, fd, &ev);

	if (!r)
		s->edge = ev.events & ~(uint32_t)EPOLLET;
	return r;
}

static void unregister_locked(struct slot *s, int fd)
{
	if (s->known)
		raw4(SYS_epoll_ctl, atomic_load(&epfd), EPOLL_CTL_DEL, fd, NULL);
	s->known = false;
	s->armed = s->edge = 0;
	atomic_store_explicit(&s->unwanted, 0, memory_order_relaxed);
}

/* Does anybody else wait for what W does? */
static bool shared_locked(const struct slot *s, const struct waiter *w)
{
	for (const struct waiter *v = s->head; v; v = v->next)
		if (v != w && v->events & w->events)
			return true;
	return false;
}

/* What W wants is armed already? */
static bool armed_locked(const struct slot *s, const struct waiter *w)
{
	return s->known && s->armed && !(w->events & ~s->armed);
}

/* ---- kinds ----------------------------------------------------------------------------------- */

/* Has FD, a socket, a time limit or a low-water mark, or does write(2) mark the end of a record? */
static bool socket_is_set(int fd)
{
	static const int limits[] = {SO_RCVTIMEO, SO_SNDTIMEO};
	uint32_t len;
	int low = 1, type = 0;

	for (int i = 0; i < 2; i++) {
		struct timeval tv = {0, 0};

		len = sizeof tv;
		raw6(SYS_getsockopt, fd, SOL_SOCKET, limits[i], (long)&tv, (long)&len, 0);
		if (tv.tv_sec || tv.tv_usec)
			return true;
	}
	len = sizeof low;
	raw6(SYS_getsockopt, fd, SOL_SOCKET, SO_RCVLOWAT, (long)&low, (long)&len, 0);
	len = sizeof type;
	raw6(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, (long)&type, (long)&len, 0);
	return low > 1 || type == SOCK_SEQPACKET;
}

enum netpoll_kind netpoll_kind(int fd)
{
	enum netpoll_kind k;
	struct stat st;

	if (fd < 0 || fd >= KINDS)
		return KIND_OTHER;
	k = atomic_load_explicit(&kinds[fd], memory_order_relaxed);
	if (k != KIND_UNKNOWN)
		return k;
	if (raw_failed(raw2(SYS_fstat, fd, &st)))
		return KIND_OTHER;
	if (S_ISFIFO(st.st_mode))
		k = KIND_PIPE;
	else if (S_ISSOCK(st.st_mode))
		k = socket_is_set(fd) ? KIND_SOCKET_SET : KIND_SOCKET;
	else if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) || S_ISBLK(st.st_mode))
		k = KIND_FILE;
	else if (S_ISCHR(st.st_mode))
		k = KIND_DEVICE;
	else
		k = KIND_OTHER;
	atomic_store_explicit(&kinds[fd], k, memory_order_relaxed);
	return k;
}

void netpoll_kind_other(int fd)
{
	if (fd >= 0 && fd < KINDS)
		atomic_store_explicit(&kinds[fd], KIND_OTHER, memory_order_relaxed);
}

void netpoll_sockets_set(void)
{
	for (int fd = 0; fd < KINDS; fd++) {
		uint8_t k = atomic_load_explicit(&kinds[fd], memory_order_relaxed);

		/* Another number may name the same socket. */
		if (k == KIND_SOCKET || k == KIND_SOCKET_SET)
			atomic_compare_exchange_strong(&kinds[fd], &k, KIND_UNKNOWN);
	}
}

static void forget_kind(int fd)
{
	if (fd >= 0 && fd < KINDS)
		atomic_store_explicit(&kinds[fd], KIND_UNKNOWN, memory_order_relaxed);
}

/* ---- waiting -------------------------------------------------------------------------------- */

/* W, which may have been moved, off its slot. */
static void take_off(struct waiter *w)
{
	while (atomic_load_explicit(&w->queued, memory_order_acquire)) { /* with remove_locked() */
		int fd = atomic_load(&w->fd);
		struct slot *s = slot_of(fd, false);

		lock_acquire(&s->lock);
		if (atomic_load(&w->fd) != fd) {
			lock_release(&s->lock);
			continue;
		}
		if (w->queued)
			remove_locked(s, w);
		lock_release(&s->lock);
		return;
	}
}

/* Of S's waiters that are still parked the first for each of EVENTS, or ALL that want any. */
static void wake_locked(struct slot *s, uint32_t events, bool all, struct gqueue *ready)
{
	for (struct waiter *w = s->head, *next; w && events; w = next) {
		struct g *g = w->g;
		uint64_t seq = w->seq;
		uint32_t wants = w->events;

		next = w->next;
		if (!all && !(wants & events))
			continue;
		/* Off the list first: once claimed, the G may run and W be gone. */
		remove_locked(s, w);
		if (park_claim(g, seq, 0)) {
			gqueue_push(ready, g);
			if (!all)
				events &= ~wants;
		}
	}
}

/* Can who waits in S do without epoll for now? Then the P is to remember FD. */
static bool lazy_locked(const struct slot *s, const struct g *g)
{
	const struct m *m = g->m;

	return s->hinted && !s->armed && !s->edge && m->p && !m->locked_g && !atomic_load(&g->own_m) &&
	       atomic_load_explicit(&m->p->runq.next, memory_order_relaxed);
}

bool netpoll_talks(const struct g *g, int fd)
{
	struct slot *s = slot_of(fd, false);
	bool talks;

	if (!s || !s->hinted)
		return false;
	lock_acquire(&s->lock);
	talks = !s->head && lazy_locked(s, g);
	lock_release(&s->lock);
	return talks;
}

static void remember(struct p *p, int fd)
{
	uint32_t n = atomic_load_explicit(&p->n_lazy, memory_order_relaxed);

	if (atomic_load_explicit(&p->lazy, memory_order_relaxed) != (uint32_t)fd + 1)
		netpoll_arm_lazy(p);
	atomic_store(&p->lazy, (uint32_t)fd + 1);
	atomic_store_explicit(&p->n_lazy, n + 1, memory_order_relaxed);
}

void netpoll_arm_lazy(struct p *p)
{
	uint32_t owed = atomic_load(&p->lazy) ? atomic_exchange(&p->lazy, 0) : 0;

	if (owed)
		netpoll_rearm((int)owed - 1);
}

void netpoll_wrote(struct g *g, int fd)
{
	struct slot *from = slot_of(fd, false), *s;
	struct g *reader = NULL;
	uint32_t peer;

	if (g->m->p)
		g->m->p->wrote = (uint32_t)fd + 1;
	peer = from ? from->peer : 0;
	s = peer ? slot_of((int)peer - 1, false) : NULL;
	if (!s)
		return;
	lock_acquire(&s->lock);
	s->hinted = (uint32_t)fd + 1;
	for (struct waiter *w = s->head, *next; w && !reader; w = next) {
		uint64_t seq = w->seq;

		next = w->next;
		if (!(w->events & EPOLLIN))
			continue;
		/* As in wake_locked(). */
		reader = w->g;
		remove_locked(s, w);
		if (!park_claim(reader, seq, 0))
			reader = NULL;
	}
	/* He may leave something for the others. */
	if (s->head && !s->armed)
		arm_locked(s, (int)peer - 1);
	lock_release(&s->lock);
	if (reader)
		sched_ready(reader);
}

void netpoll_learn(struct p *p, int fd)
{
	uint32_t wrote = p->wrote, ready = (uint32_t)fd + 1;
	struct slot *s = wrote && fd >= 0 ? slot_of((int)wrote - 1, true) : NULL;

	p->wrote = 0;
	/* Who gets an answer by the way he asked talks to somebody elsewhere. */
	if (!s || ready == wrote)
		return;
	if (atomic_load_explicit(&s->guess, memory_order_relaxed) != ready) {
		atomic_store_explicit(&s->guess, ready, memory_order_relaxed);
		atomic_store_explicit(&s->guessed, 0, memory_order_relaxed);
	} else if (atomic_load_explicit(&s->guessed, memory_order_relaxed) < GUESSED_OFTEN) {
		atomic_fetch_add_explicit(&s->guessed, 1, memory_order_relaxed);
	} else {
		s->peer = ready;
	}
}

void netpoll_in_vain(int fd)
{
	struct slot *s = slot_of(fd, false), *from;

	if (!s || !s->hinted)
		return;
	lock_acquire(&s->lock);
	from = s->hinted ? slot_of((int)s->hinted - 1, false) : NULL;
	s->hinted = 0;
	lock_release(&s->lock);
	if (from) {
		atomic_store_explicit(&from->guess, 0, memory_order_relaxed);
		from->peer = 0;
	}
}

/* W, which lies in S, has epoll told of FD as far as that is needed. SEEN: see netpoll_wait(). */
static long tell_locked(struct slot *s, struct waiter *w, int fd, const uint32_t *seen, bool trust)
{
	const bool others = s->head != s->tail;

	s->level |= seen && others && shared_locked(s, w);
	if (s->level || !seen || s->hinted || (others && !s->edge))
		/* Who waits by edge here already is told of what there is like all. */
		return trust && armed_locked(s, w) ? 0 : arm_locked(s, fd);
	if (atomic_load_explicit(&s->edges, memory_order_relaxed) != *seen)
		return -EALREADY;
	if (!atomic_load_explicit(&doubtful, memory_order_relaxed))
		atomic_store_explicit(&doubtful, true, memory_order_relaxed);
	return w->events & ~s->edge ? arm_edge_locked(s, fd, w->events) : 0;
}

static long enter_all(struct waiter *w, int n, const struct netpoll_want *want, const uint32_t *seen, bool trust,
		      struct g *g, uint64_t seq)
{
	for (int i = 0; i < n; i++) {
		struct slot *s = slot_of(want[i].fd, true);
		bool lazy;
		long r;

		w[i] = (struct waiter){.g = g, .seq = seq, .fd = want[i].fd, .movable = n == 1,
				       .events = (uint32_t)(unsigned short)want[i].events};
		if (!s)
			return -ENOMEM;
		lock_acquire(&s->lock);
		insert_locked(s, &w[i]);
		lazy = n == 1 && lazy_locked(s, g);
		r = lazy ? 0 : tell_locked(s, &w[i], want[i].fd, seen, trust);
		if (r)
			remove_locked(s, &w[i]);
		lock_release(&s->lock);
		if (lazy)
			remember(g->m->p, want[i].fd);
		if (r)
			return r;
	}
	return 0;
}

static long wait_all(struct g *g, struct waiter *w, const struct netpoll_want *want, int n, int64_t deadline,
		     const uint32_t *seen, bool trust)
{
	uint64_t seq;
	long r, failed;

	if (!netpoll_started()) {
		r = start();
		if (r)
			return r;
	}
	seq = park_prepare(g, WAIT_IO, (uintptr_t)want->fd);
	for (int i = 0; i < n; i++)
		atomic_store_explicit(&w[i].queued, false, memory_order_relaxed);
	failed = enter_all(w, n, want, seen, trust, g, seq);
	/* B5: the park is published, then signals are looked at; a sender does the reverse. */
	if (failed && park_cancel(g, seq))
		r = 0;
	else if (!failed && (atomic_exchange(&g->sigshown, false) || sig_deliverable(g)) && park_cancel(g, seq))
		r = -EINTR;
	else
		/* Failed, yet ended by another already: to be queued like all others, at once. */
		r = failed || deadline == INT64_MAX ? park(g) : park_until(g, seq, deadline);
	for (int i = 0; i < n; i++)
		take_off(&w[i]);
	return failed && failed != -EALREADY ? failed : r;
}

uint32_t netpoll_seen(int fd)
{
	struct slot *s = slot_of(fd, false);

	if (!s)
		return 0;
	if (atomic_load_explicit(&s->unwanted, memory_order_relaxed))
		atomic_store_explicit(&s->unwanted, 0, memory_order_relaxed);
	/* Before the try: what it misses is counted later. */
	return atomic_load(&s->edges);
}

void netpoll_forgo(int fd)
{
	struct slot *s = slot_of(fd, false);

	if (!s || !atomic_load_explicit(&s->unwanted, memory_order_relaxed))
		return;
	lock_acquire(&s->lock);
	if (s->edge && !s->head)
		unregister_locked(s, fd);
	lock_release(&s->lock);
}

long netpoll_wait(struct g *g, int *fd, short events, int64_t deadline, const uint32_t *seen)
{
	struct netpoll_want want = {*fd, events};
	struct waiter w;
	long r = wait_all(g, &w, &want, 1, deadline, seen, false);

	if (r == 0 || r == -EINTR || r == -ETIMEDOUT)
		*fd = atomic_load(&w.fd);
	return r;
}

long netpoll_wait_any(struct g *g, const struct netpoll_want *want, int n, int64_t deadline, const uint32_t *seen,
		      bool trust)
{
	struct waiter few[NETPOLL_ANY_FEW], *w = few;
	size_t size = mem_round(sizeof *w * (size_t)n, MEM_PAGE);
	long r;

	if (n > NETPOLL_ANY_FEW)
		w = mem_pages(size);
	if (!w)
		return -ENOMEM;
	r = wait_all(g, w, want, n, deadline, n == 1 ? seen : NULL, trust);
	if (w != few)
		mem_release(w, size);
	return r;
}

void netpoll_disarm(int fd)
{
	struct slot *s = slot_of(fd, false);

	if (!s)
		return;
	lock_acquire(&s->lock);
	if (s->known)
		raw4(SYS_epoll_ctl, atomic_load(&epfd), EPOLL_CTL_DEL, fd, NULL);
	s->known = false;
	s->armed = 0;
	lock_release(&s->lock);
}

void netpoll_rearm(int fd)
{
	struct slot *s = slot_of(fd, false);
	struct gqueue ready = {0};

	if (!s)
		return;
	lock_acquire(&s->lock);
	if (s->head && !s->armed && raw_failed(arm_locked(s, fd)))
		wake_locked(s, ~0u, true, &ready);
	lock_release(&s->lock);
	sched_ready_all(&ready);
}

void netpoll_drop(int fd)
{
	struct slot *s = slot_of(fd, false);

	lock_acquire(&s->lock);
	if (--s->held == 0) {
		raw1(SYS_close, fd);
		atomic_fetch_sub(&n_held, 1);
		s->known = false;
		s->armed = s->edge = 0;
	}
	lock_release(&s->lock);
	forget_kind(fd);
}

/* ---- polling -------------------------------------------------------------------------------- */

static void edge_locked(struct slot *s, int fd, uint32_t events, struct gqueue *ready)
{
	uint32_t n = atomic_load_explicit(&s->edges, memory_order_relaxed);

	atomic_store(&s->edges, n + 1);
	if (s->head)
		wake_locked(s, events, events & (EPOLLERR | EPOLLHUP), ready);
	else if (atomic_fetch_add_explicit(&s->unwanted, 1, memory_order_relaxed) >= EDGES_UNWANTED)
		unregister_locked(s, fd);
}

static void event(int fd, uint32_t events, struct gqueue *ready)
{
	struct slot *s = slot_of(fd, false);

	if (!s)
		return;
	lock_acquire(&s->lock);
	if (s->edge) {
		edge_locked(s, fd, events, ready);
		lock_release(&s->lock);
		return;
	}
	s->armed = 0;
	wake_locked(s, events, events & (EPOLLERR | EPOLLHUP), ready);
	/* Who cannot be waited for any longer looks for himself. */
	if (s->head && raw_failed(arm_locked(s, fd)))
		wake_locked(s, ~0u, true, ready);
	lock_release(&s->lock);
}

/* The epoll descriptor E is not one any more: closed in a way that we do not see. All look again. */
static void revive(int e)
{
	lock_acquire(&start_lock);
	if (atomic_load(&epfd) == e) {
		struct epoll_event ev = {.events = EPOLLIN, .data.u64 = UINT32_MAX};
		int fresh = netpoll_high((int)raw1(SYS_epoll_create1, EPOLL_CLOEXEC));

		if (fresh < 0)
			throw("the netpoller's descriptor was closed, and there is no other");
		raw4(SYS_epoll_ctl, fresh, EPOLL_CTL_ADD, atomic_load(&evfd), &ev);
		atomic_store(&epfd, fresh);
	}
	lock_release(&start_lock);
	netpoll_range(0, SLOTS - 1, netpoll_closed);
}

/* Of many descriptors, none is in a cache: what their events are going to touch comes all at once. */
static void foresee(const struct epoll_event *ev, long n)
{
	for (long i = 0; n > 1 && i < n; i++)
		if (ev[i].data.u64 != UINT32_MAX)
			__builtin_prefetch(slot_of((int)ev[i].data.u64, false), 1);
	for (long i = 0; n > 1 && i < n; i++) {
		struct slot *s = ev[i].data.u64 != UINT32_MAX ? slot_of((int)ev[i].data.u64, false) : NULL;

		/* A waiter that has gone by now is no harm: nothing is read of it. */
		if (s)
			__builtin_prefetch(__atomic_load_n(&s->head, __ATOMIC_RELAXED), 1);
	}
}

int netpoll_poll(int64_t timeout, struct gqueue *ready)
{
	struct epoll_event ev[EVENTS];
	struct timespec ts, *limit = NULL;
	int only = -1, e = atomic_load(&epfd);
	long n;

	if (timeout > 0) {
		ts = (struct timespec){timeout / 1000000000, timeout % 1000000000};
		limit = &ts;
		n = raw6(SYS_epoll_pwait2, e, (long)ev, EVENTS, (long)limit, 0, 8);
		if (n == -ENOSYS || n == -EPERM) /* filtered, or before Linux 5.11: milliseconds, rounded up */
			n = raw4(SYS_epoll_wait, e, ev, EVENTS,
				 timeout > 1000000ll * 60000 ? 60000 : (timeout + 999999) / 1000000);
	} else {
		n = raw4(SYS_epoll_wait, e, ev, EVENTS, timeout < 0 ? -1 : 0);
	}
	if (n == -EBADF || n == -EINVAL)
		revive(e);
	foresee(ev, n);
	for (long i = 0; i < n; i++) {
		uint64_t drained;

		if (ev[i].data.u64 != UINT32_MAX)
			event((int)ev[i].data.u64, ev[i].events, ready);
		/* The break is for the one that sleeps: who just looks in must leave it to him. */
		else if (timeout)
			raw3(SYS_read, atomic_load(&evfd), &drained, sizeof drained);
	}
	if (n == 1 && ev[0].data.u64 != UINT32_MAX)
		only = (int)ev[0].data.u64;
	return only;
}

void netpoll_break(void)
{
	uint64_t one = 1;

	raw3(SYS_write, atomic_load(&evfd), &one, sizeof one);
}

/* ---- doubts ---------------------------------------------------------------------------------- */

bool netpoll_blocking(int fd)
{
	struct slot *s = netpoll_started() ? slot_of(fd, true) : NULL;
	uint32_t set = atomic_load(&flags_set), life = s ? atomic_load(&s->life) : 0;
	long flags;

	if (s && atomic_load_explicit(&s->blocks, memory_order_relaxed) == set)
		return true;
	flags = raw2(SYS_fcntl, fd, F_GETFL);
	if (raw_failed(flags) || (flags & O_NONBLOCK))
		return false;
	if (!s)
		return true;
	/* Not what was true before somebody set it, or of the file before. */
	lock_acquire(&s->lock);
	if (atomic_load(&s->life) == life)
		atomic_store_explicit(&s->blocks, set, memory_order_relaxed);
	lock_release(&s->lock);
	return true;
}

void netpoll_flags_set(void)
{
	/* 0 is what nobody knows. */
	if (atomic_fetch_add(&flags_set, 1) == UINT32_MAX)
		atomic_fetch_add(&flags_set, 1);
}

/* FD has been waited for, by edge, since the last pass or before: is what we think of it true? */
static void doubt(int fd)
{
	struct slot *s = slot_of(fd, false);
	uint32_t pass = atomic_load(&doubts);
	struct gqueue ready = {0};
	bool old = false;
	long flags;

	lock_acquire(&s->lock);
	for (struct waiter *w = s->head; w && s->edge; w = w->next) {
		if (w->since == pass) {
			atomic_store_explicit(&doubtful, true, memory_order_relaxed);
		} else if (w->since != DOUBTED) {
			w->since = DOUBTED;
			old = true;
		}
	}
	if (old) {
		flags = atomic_load(&s->blocks) ? raw2(SYS_fcntl, fd, F_GETFL) : 0;
		atomic_store(&s->blocks, 0);
		if (raw_failed(flags) || (flags & O_NONBLOCK) || arm_edge_locked(s, fd, 0))
			wake_locked(s, ~0u, true, &ready);
	}
	lock_release(&s->lock);
	sched_ready_woken_all(&ready);
}

bool netpoll_doubtful(void)
{
	return atomic_load_explicit(&doubtful, memory_order_relaxed);
}

void netpoll_doubt(void)
{
	if (!atomic_exchange(&doubtful, false) || !netpoll_waiters())
		return;
	netpoll_range(0, SLOTS - 1, doubt);
	atomic_fetch_add(&doubts, 1);
}

/* ---- the life of descriptors ----------------------------------------------------------------- */

void netpoll_closing(int fd)
{
	struct slot *s = slot_of(fd, false), *to = NULL;
	struct gqueue ready = {0};
	long up = -EBADF;

	if (!s)
		return;
	atomic_fetch_add(&s->life, 1);
	lock_acquire(&s->lock);
	atomic_store_explicit(&s->blocks, 0, memory_order_relaxed);
	for (struct waiter *w = s->head, *next; w; w = next) {
		next = w->next;
		if (!w->movable)
			continue;
		if (!to) {
			up = dup_high(fd);
			to = raw_failed(up) ? NULL : slot_of((int)up, true);
			if (!to)
				break;
			/* Nobody waits for another lock with this one held: UP is new, FD not free. */
			lock_acquire(&to->lock);
			to->held = 0;
			to->known = to->level = false;
			to->armed = to->edge = 0;
			atomic_fetch_add(&n_held, 1);
		}
		unlink_locked(s, w);
		atomic_store(&w->fd, (int)up);
		insert_locked(to, w);
		to->held++;
	}
	if (to) {
		forget_kind((int)up);
		if (raw_failed(arm_locked(to, (int)up)))
			wake_locked(to, ~0u, true, &ready);
		lock_release(&to->lock);
	} else if (!raw_failed(up)) {
		raw1(SYS_close, up);
	}
	/* The registration would outlive the number where another one, or a process, has the file, too. */
	if (!s->held)
		unregister_locked(s, fd);
	lock_release(&s->lock);
	sched_ready_all(&ready);
}

void netpoll_closed(int fd)
{
	struct slot *s = slot_of(fd, false);
	struct gqueue ready = {0};

	forget_kind(fd);
	if (!s)
		return;
	atomic_fetch_add(&s->life, 1);
	lock_acquire(&s->lock);
	/* Whoever had the number in between believed what was known of the file before. */
	atomic_store_explicit(&s->blocks, 0, memory_order_relaxed);
	if (!s->held) {
		wake_locked(s, ~0u, true, &ready);
		s->known = s->level = false;
		s->armed = s->edge = 0;
		atomic_store_explicit(&s->unwanted, 0, memory_order_relaxed);
		s->peer = s->hinted = 0;
		atomic_store_explicit(&s->guess, 0, memory_order_relaxed);
	}
	lock_release(&s->lock);
	sched_ready_all(&ready);
}

/* The next number from FD to HI in a slot that anybody has used, or -1. */
static int next_used(unsigned fd, unsigned hi)
{
	while (fd <= hi && fd < SLOTS) {
		struct slot *c = atomic_load_explicit(&chunks[fd / CHUNK], memory_order_acquire);

		if (c)
			return (int)fd;
		fd = (fd / CHUNK + 1) * CHUNK;
	}
	return -1;
}

void netpoll_range(unsigned lo, unsigned hi, void (*each)(int fd))
{
	unsigned at = lo;

	for (int fd; netpoll_started() && (fd = next_used(at, hi)) >= 0; at = (unsigned)fd + 1)
		each(fd);
	for (unsigned fd = lo; each == netpoll_closed && fd <= hi && fd < KINDS; fd++)
		forget_kind((int)fd);
}

bool netpoll_move(int fd)
{
	bool moved = false;

	lock_acquire(&start_lock);
	if (fd == atomic_load(&epfd) || fd == atomic_load(&evfd)) {
		long up = dup_high(fd);

		if (!raw_failed(up)) {
			/* The old number stays good for who has read it until the program takes it. */
			if (fd == atomic_load(&epfd))
				atomic_store(&epfd, (int)up);
			else
				atomic_store(&evfd, (int)up);
			moved = true;
		}
	}
	lock_release(&start_lock);
	return moved;
}

void netpoll_forked(void)
{
	atomic_store_explicit(&start_lock.word, 0, memory_order_relaxed);
	if (!netpoll_started())
		return;
	/* The parent's registrations are in it: the child's is another. */
	raw1(SYS_close, atomic_load(&epfd));
	raw1(SYS_close, atomic_load(&evfd));
	atomic_store(&epfd, -1);
	atomic_store(&evfd, -1);
	atomic_store(&n_waiters, 0);
	atomic_store(&n_held, 0);
	for (int i = 0; i < SLOTS / CHUNK; i++) {
		struct slot *c = atomic_load_explicit(&chunks[i], memory_order_relaxed);

		for (int k = 0; c && k < CHUNK; k++)
			if (c[k].held)
				raw1(SYS_close, i * CHUNK + k);
		if (c)
			mem_zero(c, sizeof *c * CHUNK);
	}
}
