/* SPDX-License-Identifier: MIT */
/*
 * epoll_loops - a dozen event loops pass a token around, end their waits by a time limit and by a
 * signal, and are cancelled while they wait; then all of it once more
 *
 * uses: epoll_create1 epoll_ctl epoll_wait eventfd2 tgkill
 */
#include "prog.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

enum { LOOPS = 12, ROUNDS = 500, AGAIN = 3 };

static struct loop {
	pthread_t thread;
	int event, ep;
	_Atomic int ready;	 /* for a signal */
	_Atomic int interrupted; /* by it */
	long passed;
} loops[LOOPS];

static _Thread_local int handled;

static void handler(int sig)
{
	(void)sig;
	handled++;
}

static void *run(void *arg)
{
	struct loop *l = arg;
	struct epoll_event got;
	uint64_t token;

	while (l->passed < ROUNDS) {
		CHECK(epoll_wait(l->ep, &got, 1, -1) == 1);
		CHECK(read(l->event, &token, sizeof token) == sizeof token && token == 1);
		l->passed++;
		CHECK(write(loops[(l - loops + 1) % LOOPS].event, &token, sizeof token) == sizeof token);
	}
	/* The first one has the token again, and nobody takes it. */
	if (l != loops)
		CHECK(epoll_wait(l->ep, &got, 1, 1 + (int)(l - loops)) == 0);
	if (l == loops)
		CHECK(epoll_wait(l->ep, &got, 1, -1) == 1 &&
		      read(l->event, &token, sizeof token) == sizeof token);
	l->ready = 1;
	CHECK_ERRNO(epoll_wait(l->ep, &got, 1, -1), EINTR);
	CHECK(handled > 0);
	l->interrupted = 1;
	/* Until it is cancelled; signals that came late end it, too. */
	for (;;)
		epoll_wait(l->ep, &got, 1, -1);
	return NULL;
}

static void once(void)
{
	uint64_t token = 1;

	for (int i = 0; i < LOOPS; i++) {
		struct epoll_event ev = { .events = EPOLLIN };

		loops[i] = (struct loop){ .event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
					  .ep = epoll_create1(EPOLL_CLOEXEC) };
		CHECK(loops[i].event >= 0 && loops[i].ep >= 0);
		CHECK(epoll_ctl(loops[i].ep, EPOLL_CTL_ADD, loops[i].event, &ev) == 0);
	}
	for (int i = 0; i < LOOPS; i++)
		CHECK0(pthread_create(&loops[i].thread, NULL, run, &loops[i]));
	CHECK(write(loops[0].event, &token, sizeof token) == sizeof token);
	for (int i = 0; i < LOOPS; i++) {
		/* A signal that finds it elsewhere is not waited for: it takes the next. */
		while (!loops[i].interrupted) {
			if (loops[i].ready)
				CHECK0(pthread_kill(loops[i].thread, SIGUSR1));
			usleep(1000);
		}
	}
	for (int i = 0; i < LOOPS; i++) {
		void *result;

		CHECK0(pthread_cancel(loops[i].thread));
		CHECK0(pthread_join(loops[i].thread, &result));
		CHECK(result == PTHREAD_CANCELED && loops[i].passed == ROUNDS);
		close(loops[i].event);
		close(loops[i].ep);
	}
}

int main(void)
{
	struct sigaction act = { .sa_handler = handler };

	CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
	for (int i = 0; i < AGAIN; i++)
		once();
	puts("all tokens passed, all waits ended");
	return 0;
}
