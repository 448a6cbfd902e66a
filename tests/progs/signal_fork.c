/* SPDX-License-Identifier: MIT */
/*
 * signal_fork - what is sent to a process that forks comes to it, and not to its child
 *
 * uses: fork rt_sigqueueinfo rt_sigpending
 */
#include "prog.h"

#include <signal.h>
#include <sys/wait.h>

enum { SIGNALS = 3000 };

static int hits, stop;
static pid_t self;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	/* The child has no business with what its parent is sent. */
	CHECK(getpid() == self && info->si_pid != 0);
	__atomic_add_fetch(&hits, 1, __ATOMIC_SEQ_CST);
}

static void *forker(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		int status;
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			sigset_t set;

			sched_yield();
			CHECK(sigpending(&set) == 0 && sigisemptyset(&set));
			_exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	}
	return arg;
}

int main(void)
{
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_RESTART | SA_SIGINFO };
	pthread_t t;
	int status;
	pid_t pid;

	self = getpid();
	CHECK(sigaction(SIGRTMIN + 1, &sa, NULL) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		for (int i = 0; i < SIGNALS; i++) {
			while (sigqueue(self, SIGRTMIN + 1, (union sigval){ .sival_int = i }) != 0)
				usleep(100);
			if (i % 16 == 0)
				usleep(100);
		}
		_exit(0);
	}
	t = thread_start(forker, NULL);
	while (__atomic_load_n(&hits, __ATOMIC_SEQ_CST) < SIGNALS)
		usleep(1000);
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	thread_join(t);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(hits == SIGNALS);
	puts("ok");
	return 0;
}
