/* SPDX-License-Identifier: MIT */
/*
 * signal_process - a signal for the process goes to a thread that does not block it; if all do, to
 * the first that unblocks
 *
 * uses: kill rt_sigprocmask
 */
#include "prog.h"

#include <semaphore.h>
#include <signal.h>

static __thread int id;
static volatile sig_atomic_t taker;
static sem_t ready, taken;
static int stop;

static void on_signal(int sig)
{
	(void)sig;
	taker = id;
	sem_post(&taken);
}

static void *run(void *arg)
{
	sigset_t set;

	id = (int)(intptr_t)arg;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	if (id == 3)
		CHECK0(pthread_sigmask(SIG_UNBLOCK, &set, NULL));
	sem_post(&ready);
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		usleep(1000);
	return NULL;
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	sigset_t set;
	pthread_t t[6];

	sem_init(&ready, 0, 0);
	sem_init(&taken, 0, 0);
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK0(pthread_sigmask(SIG_BLOCK, &set, NULL));
	id = 100;
	for (intptr_t i = 0; i < 6; i++)
		t[i] = thread_start(run, (void *)i);
	for (int i = 0; i < 6; i++)
		sem_wait(&ready);
	for (int i = 0; i < 20; i++) {
		taker = -1;
		CHECK(kill(getpid(), SIGUSR1) == 0);
		sem_wait(&taken);
		CHECK(taker == 3);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < 6; i++)
		thread_join(t[i]);
	taker = -1;
	CHECK(kill(getpid(), SIGUSR1) == 0);
	CHECK(sigpending(&set) == 0 && sigismember(&set, SIGUSR1) && taker == -1);
	CHECK0(pthread_sigmask(SIG_UNBLOCK, &set, NULL));
	CHECK(taker == 100);
	puts("ok");
	return 0;
}
