/* SPDX-License-Identifier: MIT */
/*
 * signal_queue - real-time signals to a thread queue in order with their values, plain ones merge
 * into one
 *
 * uses: rt_tgsigqueueinfo rt_sigtimedwait tgkill
 */
#include "prog.h"

#include <signal.h>

static int order[20], count;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)context;
	order[count++] = sig == SIGUSR1 ? 1000 : (sig - SIGRTMIN) * 100 + info->si_value.sival_int;
}

static void *run(void *arg)
{
	pthread_t me = pthread_self();
	sigset_t set, old;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + 1);
	sigaddset(&set, SIGRTMIN + 2);
	CHECK0(pthread_sigmask(SIG_BLOCK, &set, &old));
	for (int i = 0; i < 4; i++) {
		CHECK0(pthread_sigqueue(me, SIGRTMIN + 2, (union sigval){ i }));
		CHECK0(pthread_sigqueue(me, SIGRTMIN + 1, (union sigval){ i }));
		CHECK0(pthread_kill(me, SIGUSR1));
	}
	CHECK0(pthread_sigmask(SIG_SETMASK, &old, NULL));
	return arg;
}

int main(void)
{
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	int plain = 0, last = -1;

	sigfillset(&sa.sa_mask); /* one handler at a time: in the order of delivery */
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	CHECK(sigaction(SIGRTMIN + 1, &sa, NULL) == 0);
	CHECK(sigaction(SIGRTMIN + 2, &sa, NULL) == 0);
	thread_join(thread_start(run, NULL));
	for (int i = 0; i < count; i++) {
		if (order[i] == 1000) {
			plain++;
			continue;
		}
		CHECK(order[i] > last);
		last = order[i];
	}
	printf("%d, %d plain, last %d\n", count, plain, last);
	return 0;
}
