/* SPDX-License-Identifier: MIT */
/*
 * signal_burst - of thousands of real-time signals from another process none is lost, whatever the
 * threads are doing
 *
 * uses: rt_sigqueueinfo rt_sigaction sched_yield
 */
#include "prog.h"

#include <signal.h>
#include <sys/wait.h>

enum { SIGNALS = 5000 };

static int hits, stop;

static void on_signal(int sig)
{
	(void)sig;
	__atomic_add_fetch(&hits, 1, __ATOMIC_SEQ_CST);
}

static void *yield(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		sched_yield();
	return arg;
}

static void send_all(pid_t to)
{
	for (int i = 0; i < SIGNALS; i++)
		while (sigqueue(to, SIGRTMIN + 1, (union sigval){ .sival_int = i }) != 0) {
			CHECK(errno == EAGAIN);
			usleep(100);
		}
	_exit(0);
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	pid_t pid, parent = getpid();
	pthread_t t[4];
	int status;

	CHECK(sigaction(SIGRTMIN + 1, &sa, NULL) == 0);
	for (int i = 0; i < 4; i++)
		t[i] = thread_start(yield, NULL);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		send_all(parent);
	while (__atomic_load_n(&hits, __ATOMIC_SEQ_CST) < SIGNALS)
		sched_yield();
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < 4; i++)
		thread_join(t[i]);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(hits == SIGNALS);
	puts("ok");
	return 0;
}
