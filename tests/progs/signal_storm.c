/* SPDX-License-Identifier: MIT */
/*
 * signal_storm - two thousand queued signals reach threads that compute, yield, block and lock; each is handled once
 *
 * uses: rt_sigqueueinfo rt_sigaction rt_sigreturn futex read sched_yield
 */
#include "prog.h"

#include <signal.h>
#include <stdatomic.h>

enum { SIGNALS = 2000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int handled, sum;
static atomic_bool stop;
static long counter;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	sum += info->si_value.sival_int;
	handled++;
}

static void *work(void *arg)
{
	uint64_t val = 1;
	int fd[2];
	char c;

	CHECK(pipe(fd) == 0);
	for (int i = 0; !stop; i++) {
		switch ((i + (intptr_t)arg) % 4) {
		case 0:
			val = compute(val, 3000);
			break;
		case 1:
			sched_yield();
			break;
		case 2:
			CHECK(write(fd[1], "x", 1) == 1 && read(fd[0], &c, 1) == 1);
			break;
		case 3:
			CHECK0(pthread_mutex_lock(&lock));
			counter++;
			CHECK0(pthread_mutex_unlock(&lock));
			break;
		}
	}
	return NULL;
}

int main(void)
{
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART };
	int want = 0;
	pthread_t t[8];

	CHECK(sigaction(SIGRTMIN + 6, &sa, NULL) == 0);
	for (intptr_t i = 0; i < 8; i++)
		t[i] = thread_start(work, (void *)i);
	for (int i = 0; i < SIGNALS; i++) {
		while (sigqueue(getpid(), SIGRTMIN + 6, (union sigval){ i }) != 0) {
			CHECK(errno == EAGAIN);
			sched_yield();
		}
		want += i;
	}
	while (handled < SIGNALS)
		sched_yield();
	stop = true;
	for (int i = 0; i < 8; i++)
		thread_join(t[i]);
	CHECK(handled == SIGNALS && sum == want);
	printf("%d\n", handled);
	return 0;
}
