/* SPDX-License-Identifier: MIT */
/*
 * preempt_signal - pthread_kill reaches a thread that spins without any call, and its handler stops
 * the loop
 *
 * uses: tgkill rt_sigaction
 */
#include "prog.h"

#include <semaphore.h>
#include <signal.h>

static __thread volatile sig_atomic_t told;
static sem_t spinning;

static void on_signal(int sig)
{
	(void)sig;
	told = 1;
}

static void *spin(void *arg)
{
	sem_post(&spinning);
	while (!told)
		;
	return arg;
}

int main(void)
{
	pthread_t t[6];

	signal(SIGUSR1, on_signal);
	sem_init(&spinning, 0, 0);
	for (int i = 0; i < 6; i++)
		t[i] = thread_start(spin, NULL);
	for (int i = 0; i < 6; i++)
		sem_wait(&spinning);
	for (int i = 0; i < 6; i++) {
		CHECK0(pthread_kill(t[i], SIGUSR1));
		thread_join(t[i]);
	}
	puts("ok");
	return 0;
}
