/* SPDX-License-Identifier: MIT */
/*
 * signal_handler_main - a handler runs in main while main computes and while it blocks, and other
 * threads go on
 *
 * uses: rt_sigaction kill read
 */
#include "prog.h"

#include <signal.h>

static volatile sig_atomic_t hits;
static int fd[2], stop;

static void on_signal(int sig)
{
	(void)sig;
	hits++;
}

static void *idle(void *arg)
{
	sigset_t all;

	sigfillset(&all);
	CHECK0(pthread_sigmask(SIG_SETMASK, &all, NULL));
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		usleep(1000);
	return arg;
}

static void *sender(void *arg)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK0(pthread_sigmask(SIG_BLOCK, &set, NULL));
	while (hits < 10) {
		CHECK(kill(getpid(), SIGUSR1) == 0);
		usleep(500);
	}
	while (hits < 20) {
		CHECK(kill(getpid(), SIGUSR1) == 0);
		usleep(500);
	}
	CHECK(write(fd[1], "x", 1) == 1);
	return arg;
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	pthread_t t[3];
	uint64_t sum = 0;
	char c;

	CHECK(pipe(fd) == 0 && sigaction(SIGUSR1, &sa, NULL) == 0);
	for (int i = 0; i < 3; i++)
		t[i] = thread_start(i ? idle : sender, NULL);
	while (hits < 10)
		sum = compute(sum, 1000);
	CHECK(read(fd[0], &c, 1) == 1 && c == 'x' && sum != 0);
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < 3; i++)
		thread_join(t[i]);
	CHECK(hits >= 20);
	puts("ok");
	return 0;
}
