/* SPDX-License-Identifier: MIT */
/*
 * signal_queue_full - a user whose queue of signals has no room left still sends ordinary signals to
 * threads, whatever they are doing, and to the process
 *
 * uses: tgkill kill setrlimit read
 */
#include "prog.h"

#include <signal.h>
#include <sys/resource.h>

enum { ROUNDS = 50 };

static int handled;
static int fd[2];

static void on_signal(int sig)
{
	(void)sig;
	__atomic_add_fetch(&handled, 1, __ATOMIC_SEQ_CST);
	/* For who has not begun to read yet. */
	CHECK(write(fd[1], "", 1) == 1);
}

static int count(void)
{
	return __atomic_load_n(&handled, __ATOMIC_SEQ_CST);
}

static void *reader(void *arg)
{
	char c;

	CHECK(read(fd[0], &c, 1) == 1 || errno == EINTR);
	return arg;
}

static void *spinner(void *arg)
{
	while (count() < *(int *)arg)
		;
	return arg;
}

/* The handler of the thread that runs FN, and of no other one, is to run. */
static void signal_to(void *(*fn)(void *))
{
	int want = count() + 1;
	pthread_t t = thread_start(fn, &want);

	CHECK0(pthread_kill(t, SIGUSR1));
	thread_join(t);
	CHECK(count() == want);
}

int main(void)
{
	struct sigaction act = { .sa_handler = on_signal };
	struct rlimit none = { 0, 0 };
	char buf[16];

	CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
	CHECK(setrlimit(RLIMIT_SIGPENDING, &none) == 0);
	for (int i = 0; i < ROUNDS; i++) {
		int want = count() + 1;

		CHECK(pipe(fd) == 0);
		CHECK0(pthread_kill(pthread_self(), SIGUSR1));
		CHECK(count() == want && read(fd[0], buf, sizeof buf) == 1);
		signal_to(reader);
		signal_to(spinner);
		CHECK(kill(getpid(), SIGUSR1) == 0);
		while (count() < want + 3)
			;
		close(fd[0]);
		close(fd[1]);
	}
	puts("ok");
	return 0;
}
