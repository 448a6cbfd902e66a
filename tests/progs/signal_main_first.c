/* SPDX-License-Identifier: MIT */
/*
 * signal_main_first - a signal of the process ends a wait of main, if main takes it, whatever the
 * other threads would take, too
 *
 * uses: kill rt_sigaction read
 */
#include "prog.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static __thread volatile sig_atomic_t mine;
static int stop;

static void on_signal(int sig)
{
	(void)sig;
	mine++;
}

static void *spin(void *arg)
{
	uint64_t sum = 0;

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		sum = compute(sum, 1000);
		sched_yield();
	}
	CHECK(sum != 0);
	return arg;
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	pid_t pid, parent = getpid();
	pthread_t t[3];
	int fd[2];
	char c;

	CHECK(pipe(fd) == 0 && sigaction(SIGALRM, &sa, NULL) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* Again and again: one may come before main waits. */
		while (getppid() == parent) {
			kill(parent, SIGALRM);
			usleep(500);
		}
		_exit(0);
	}
	for (int i = 0; i < 3; i++)
		t[i] = thread_start(spin, NULL);
	for (int i = 0; i < 20; i++) {
		int before = mine;

		CHECK_ERRNO(read(fd[0], &c, 1), EINTR);
		CHECK(mine > before);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < 3; i++)
		thread_join(t[i]);
	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
	puts("ok");
	return 0;
}
