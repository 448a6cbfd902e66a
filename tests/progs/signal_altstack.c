/* SPDX-License-Identifier: MIT */
/*
 * signal_altstack - alternate stacks are each thread's own: SA_ONSTACK handlers run there, in every
 * thread at once
 *
 * uses: sigaltstack rt_sigaction tgkill
 */
#include "prog.h"

#include <signal.h>

static __thread char *alt;
static __thread int on_alt;

static void on_signal(int sig)
{
	stack_t now;
	char local;

	(void)sig;
	CHECK(&local > alt && &local < alt + 65536);
	CHECK(sigaltstack(NULL, &now) == 0 && now.ss_flags == SS_ONSTACK && now.ss_sp == alt);
	CHECK_ERRNO(sigaltstack(&now, NULL), EPERM);
	sched_yield();
	usleep(500);
	CHECK(&local > alt && &local < alt + 65536);
	on_alt++;
}

static void *run(void *arg)
{
	stack_t ss = { .ss_size = 65536 }, old;

	CHECK(sigaltstack(NULL, &old) == 0 && old.ss_flags == SS_DISABLE);
	alt = malloc(65536);
	ss.ss_sp = alt;
	CHECK(sigaltstack(&ss, NULL) == 0);
	for (int i = 0; i < 5; i++) {
		CHECK0(pthread_kill(pthread_self(), SIGUSR1));
		CHECK(on_alt == i + 1);
		sched_yield();
	}
	CHECK(sigaltstack(NULL, &old) == 0 && old.ss_sp == alt && old.ss_flags == 0);
	ss.ss_flags = SS_DISABLE;
	CHECK(sigaltstack(&ss, NULL) == 0);
	free(alt);
	return arg;
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };
	pthread_t t[8];

	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	for (int i = 0; i < 8; i++)
		t[i] = thread_start(run, NULL);
	run(NULL);
	for (int i = 0; i < 8; i++)
		thread_join(t[i]);
	puts("ok");
	return 0;
}
