/* SPDX-License-Identifier: MIT */
/*
 * signal_retarget - no signal of the process is lost because the thread that was to take it blocks
 * it, or ends: another takes it
 *
 * uses: rt_sigqueueinfo rt_sigprocmask exit
 */
#include "prog.h"

#include <semaphore.h>
#include <signal.h>

enum { ROUNDS = 2000, CHURN = 3 };

static int hits, stop;
static sem_t hit;
static sigset_t set;

static void on_signal(int sig)
{
	(void)sig;
	__atomic_add_fetch(&hits, 1, __ATOMIC_SEQ_CST);
	sem_post(&hit);
}

/* Takes signals all the time, but sleeps. */
static void *steady(void *arg)
{
	CHECK0(pthread_sigmask(SIG_UNBLOCK, &set, NULL));
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		pause();
	return arg;
}

static void *open_and_end(void *arg)
{
	CHECK0(pthread_sigmask(SIG_UNBLOCK, &set, NULL));
	return arg;
}

static void *churn(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		if ((intptr_t)arg == 0) {
			thread_join(thread_start(open_and_end, NULL));
		} else {
			CHECK0(pthread_sigmask(SIG_UNBLOCK, &set, NULL));
			sched_yield();
			CHECK0(pthread_sigmask(SIG_BLOCK, &set, NULL));
		}
	}
	return arg;
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	pthread_t t[CHURN], last;

	sem_init(&hit, 0, 0);
	CHECK(sigaction(SIGRTMIN + 1, &sa, NULL) == 0);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	CHECK0(pthread_sigmask(SIG_BLOCK, &set, NULL));
	last = thread_start(steady, NULL);
	for (intptr_t i = 0; i < CHURN; i++)
		t[i] = thread_start(churn, (void *)i);
	for (int i = 0; i < ROUNDS; i++) {
		CHECK(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = i }) == 0);
		while (sem_wait(&hit) != 0)
			CHECK(errno == EINTR);
	}
	CHECK(hits == ROUNDS);
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < CHURN; i++)
		thread_join(t[i]);
	CHECK0(pthread_kill(last, SIGRTMIN + 1));
	thread_join(last);
	puts("ok");
	return 0;
}
