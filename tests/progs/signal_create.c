/* SPDX-License-Identifier: MIT */
/*
 * signal_create - a signal for the process reaches the one thread that takes it, while others, which
 * block it, make threads without end
 *
 * uses: clone3 rt_sigprocmask kill rt_sigsuspend
 */
#include "prog.h"

#include <semaphore.h>
#include <signal.h>
#include <sys/wait.h>

enum { SIGNALS = 20000, EARLIER = 32 };

static sem_t taken;
static bool stop;

static void on_signal(int sig)
{
	(void)sig;
	sem_post(&taken);
}

static void *nothing(void *arg)
{
	return arg;
}

static void *make(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		thread_join(thread_start(nothing, NULL));
	return arg;
}

static void *take(void *arg)
{
	sigset_t none;

	sigemptyset(&none);
	sem_post(arg);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		CHECK_ERRNO(sigsuspend(&none), EINTR);
	return arg;
}

int main(void)
{
	struct sigaction act = { .sa_handler = on_signal };
	pthread_t earlier[EARLIER], makers[2], taker;
	sem_t ready;
	sigset_t set;
	int to[2], back[2], status;
	char c = 0;
	pid_t pid;

	CHECK(pipe(to) == 0 && pipe(back) == 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK0(pthread_sigmask(SIG_BLOCK, &set, NULL));
	CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
	sem_init(&taken, 0, 0);
	sem_init(&ready, 0, 0);
	/* Another process sends: it asks for nobody's attention here. */
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		close(to[1]);
		while (read(to[0], &c, 1) == 1)
			kill(getppid(), SIGUSR1);
		_exit(0);
	}
	close(to[0]);
	/* Those that are made later are made in the place of these. */
	for (int i = 0; i < EARLIER; i++)
		earlier[i] = thread_start(nothing, NULL);
	taker = thread_start(take, &ready);
	for (int i = 0; i < EARLIER; i++)
		thread_join(earlier[i]);
	sem_wait(&ready);
	for (int i = 0; i < 2; i++)
		makers[i] = thread_start(make, NULL);
	for (int i = 0; i < SIGNALS; i++) {
		CHECK(write(to[1], &c, 1) == 1);
		while (sem_wait(&taken) != 0)
			;
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	CHECK0(pthread_kill(taker, SIGUSR1));
	thread_join(taker);
	for (int i = 0; i < 2; i++)
		thread_join(makers[i]);
	close(to[1]);
	CHECK(waitpid(pid, &status, 0) == pid);
	puts("ok");
	return 0;
}
