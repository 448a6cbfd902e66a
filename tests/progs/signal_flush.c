/* SPDX-License-Identifier: MIT */
/*
 * signal_flush - to ignore a signal is to forget it where it is pending, for the process and for each
 * thread
 *
 * uses: rt_sigaction rt_sigpending kill tgkill
 */
#include "prog.h"

#include <semaphore.h>
#include <signal.h>

static volatile sig_atomic_t hits;
static sem_t blocked, go;

static void on_signal(int sig)
{
	(void)sig;
	hits++;
}

static void *run(void *arg)
{
	sigset_t set;

	sem_post(&blocked);
	CHECK(sem_wait(&go) == 0);
	CHECK(sigpending(&set) == 0 && sigisemptyset(&set));
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK0(pthread_sigmask(SIG_UNBLOCK, &set, NULL));
	return arg;
}

int main(void)
{
	sigset_t set;
	pthread_t t;

	sem_init(&blocked, 0, 0);
	sem_init(&go, 0, 0);
	CHECK(signal(SIGUSR1, on_signal) != SIG_ERR);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK0(pthread_sigmask(SIG_BLOCK, &set, NULL));
	t = thread_start(run, NULL);
	CHECK(sem_wait(&blocked) == 0);
	CHECK0(pthread_kill(t, SIGUSR1));
	CHECK0(pthread_kill(pthread_self(), SIGUSR1));
	CHECK(kill(getpid(), SIGUSR1) == 0);
	CHECK(sigpending(&set) == 0 && sigismember(&set, SIGUSR1) == 1);
	CHECK(signal(SIGUSR1, SIG_IGN) == on_signal);
	CHECK(sigpending(&set) == 0 && sigisemptyset(&set));
	CHECK(signal(SIGUSR1, on_signal) == SIG_IGN);
	sem_post(&go);
	thread_join(t);
	CHECK(hits == 0);
	puts("ok");
	return 0;
}
