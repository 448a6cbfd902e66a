/* SPDX-License-Identifier: MIT */
/*
 * blocking_leave - the ways out of a function named as blocking: cancelled where it spins, ended by
 * pthread_exit() and left by longjmp() in what it calls back; signals and fork inside
 *
 * gothreads: blocking=lib_spin=i(p),blocking=lib_call=i(pp),blocking=lib_jump=v(p)
 * gothreads: blocking=lib_call_twice=i(pp)
 */
#include "blocking_lib.h"
#include "prog.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>

static volatile int flag, in, seen, cleaned;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void clean(void *arg)
{
	(void)arg;
	cleaned++;
}

static void *spins_until_cancelled(void *arg)
{
	pthread_cleanup_push(clean, NULL);
	CHECK0(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL));
	in = 1;
	lib_spin(arg);
	pthread_cleanup_pop(0);
	return NULL;
}

static int ends(void *arg)
{
	pthread_exit(arg);
}

static void *ended(void *arg)
{
	pthread_cleanup_push(clean, NULL);
	lib_call(ends, arg);
	pthread_cleanup_pop(0);
	return NULL;
}

static int jumps(void *arg)
{
	longjmp(*(jmp_buf *)arg, 9);
}

static void *jumped(void *arg)
{
	jmp_buf jump;
	volatile int n = 0, r;

	for (volatile int i = 0; i < 100; i++) {
		r = setjmp(jump);
		if (!r)
			lib_call(jumps, &jump);
		n += r;
		CHECK0(pthread_mutex_lock(&lock));
		CHECK0(pthread_mutex_unlock(&lock));
		r = setjmp(jump);
		if (!r)
			lib_jump(&jump);
		n += r;
	}
	CHECK(n == 1600);
	sched_yield();
	return arg;
}

static void handler(int sig)
{
	CHECK(sig == SIGUSR1);
	sched_yield();
	seen = 1;
	flag = 1;
}

/* The signal's handler is what lets it go on. */
static void *signalled(void *arg)
{
	in = 1;
	CHECK(lib_spin(arg) == 1);
	return NULL;
}

static int forks(void *arg)
{
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		int one = 1;

		_exit(*(int *)arg == 4 && lib_spin(&one) == 1 && pthread_mutex_lock(&lock) == 0
			      ? 0
			      : 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	return 1;
}

static void *forking(void *arg)
{
	CHECK(lib_call_twice(forks, arg) == 2);
	return NULL;
}

static int recurses(void *arg)
{
	int *n = arg;

	sched_yield();
	return --*n > 0 ? lib_call(recurses, n) + 1 : 1;
}

static void *recursing(void *arg)
{
	int n = 50;

	CHECK(lib_call(recurses, &n) == 50);
	return arg;
}

static volatile int stop;

/* Others have something to do all the while. */
static void *works(void *arg)
{
	while (!stop)
		sched_yield();
	return arg;
}

int main(void)
{
	pthread_t t, workers[2];
	int four = 4;

	for (int i = 0; i < 2; i++)
		workers[i] = thread_start(works, NULL);
	for (int i = 0; i < 5; i++) {
		in = flag = cleaned = 0;
		t = thread_start(spins_until_cancelled, (void *)&flag);
		while (!in)
			sched_yield();
		CHECK0(pthread_cancel(t));
		CHECK(thread_join(t) == PTHREAD_CANCELED && cleaned == 1);
		CHECK(thread_join(thread_start(ended, &four)) == &four && cleaned == 2);
		CHECK(thread_join(thread_start(jumped, &four)) == &four);
		CHECK(jumped(&four) == &four);
		CHECK(thread_join(thread_start(recursing, &four)) == &four);
		signal(SIGUSR1, handler);
		in = seen = 0;
		t = thread_start(signalled, (void *)&flag);
		while (!in)
			sched_yield();
		CHECK0(pthread_kill(t, SIGUSR1));
		thread_join(t);
		CHECK(seen == 1);
		thread_join(thread_start(forking, &four));
	}
	stop = 1;
	for (int i = 0; i < 2; i++)
		thread_join(workers[i]);
	puts("ok");
	return 0;
}
