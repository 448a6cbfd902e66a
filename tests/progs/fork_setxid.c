/* SPDX-License-Identifier: MIT */
/*
 * fork_setxid - a process is forked while another of its threads sets the ids of all threads; the
 * child has nothing to do with that, whatever its new threads put where that thread's stack was
 *
 * uses: fork setuid clone3 tgkill wait4
 */
#include "prog.h"

#include <semaphore.h>
#include <signal.h>
#include <sys/wait.h>

enum { FORKS = 200, THREADS = 4 };

static bool stop, go;
static int handled;

static void *setter(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		CHECK(setuid(getuid()) == 0);
	return arg;
}

static void on_signal(int sig)
{
	(void)sig;
	__atomic_add_fetch(&handled, 1, __ATOMIC_SEQ_CST);
}

/* Fills the stack that it has got, then sends signals to the thread that was forked. */
static void *sender(void *arg)
{
	volatile unsigned char filled[65536];

	for (size_t i = 0; i < sizeof filled; i++)
		filled[i] = 0xa5;
	while (!__atomic_load_n(&go, __ATOMIC_SEQ_CST))
		sched_yield();
	CHECK0(pthread_kill(*(pthread_t *)arg, SIGUSR1));
	for (size_t i = 0; i < sizeof filled; i++)
		CHECK(filled[i] == 0xa5);
	return arg;
}

static void child(void)
{
	pthread_t t[THREADS], me = pthread_self();

	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < THREADS; i++)
		t[i] = thread_start(sender, &me);
	__atomic_store_n(&go, true, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&handled, __ATOMIC_SEQ_CST))
		;
	for (int i = 0; i < THREADS; i++)
		CHECK(thread_join(t[i]) == &me);
}

/* One whose ids are set, too. */
static void *bystander(void *arg)
{
	sem_wait(arg);
	return arg;
}

int main(void)
{
	struct sigaction act = { .sa_handler = on_signal };
	pthread_t s, b[THREADS - 1];
	sem_t end;

	CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
	sem_init(&end, 0, 0);
	s = thread_start(setter, NULL);
	for (int i = 0; i < THREADS - 1; i++)
		b[i] = thread_start(bystander, &end);
	for (int i = 0; i < FORKS; i++) {
		int status;
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			child();
			_exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
		      WEXITSTATUS(status) == 0);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < THREADS - 1; i++)
		sem_post(&end);
	thread_join(s);
	for (int i = 0; i < THREADS - 1; i++)
		thread_join(b[i]);
	puts("ok");
	return 0;
}
