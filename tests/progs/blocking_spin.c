/* SPDX-License-Identifier: MIT */
/*
 * blocking_spin - threads in functions that spin or sleep unseen, named as blocking, do not keep the
 * others from running, although nobody is preempted; nor does what such a function calls back
 *
 * gothreads: blocking=lib_spin=i(p),blocking=lib_read=i(i)
 * gothreads: blocking=blocking_lib.so:lib_call=i(pp)
 * godebug: asyncpreemptoff=1
 */
#include "blocking_lib.h"
#include "prog.h"

enum { THREADS = 4, ROUNDS = 50 };

static volatile int flag;
static volatile int in[3];
static int fds[2];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int turn;

static void *spinner(void *arg)
{
	in[0] = 1;
	CHECK(lib_spin(arg) == 3);
	return NULL;
}

static void *reader(void *arg)
{
	(void)arg;
	in[1] = 1;
	CHECK(lib_read(fds[0]) == 'x');
	return NULL;
}

/* Within a blocking function: waits as every thread does, then spins itself. */
static int waits_and_spins(void *arg)
{
	(void)arg;
	CHECK0(pthread_mutex_lock(&lock));
	while (turn != 1)
		CHECK0(pthread_cond_wait(&cond, &lock));
	CHECK0(pthread_mutex_unlock(&lock));
	in[2] = 1;
	while (!flag)
		;
	return 5;
}

static void *caller(void *arg)
{
	CHECK(lib_call(waits_and_spins, arg) == 5);
	return NULL;
}

static void *counter(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		CHECK0(pthread_mutex_lock(&lock));
		++*(int *)arg;
		CHECK0(pthread_mutex_unlock(&lock));
		sched_yield();
	}
	return NULL;
}

int main(void)
{
	pthread_t blocked[3], t[THREADS];
	int count = 0;

	CHECK0(pipe(fds));
	blocked[0] = thread_start(spinner, (void *)&flag);
	blocked[1] = thread_start(reader, NULL);
	blocked[2] = thread_start(caller, NULL);
	while (!in[0] || !in[1])
		sched_yield();
	CHECK0(pthread_mutex_lock(&lock));
	turn = 1;
	CHECK0(pthread_cond_signal(&cond));
	CHECK0(pthread_mutex_unlock(&lock));
	while (!in[2])
		sched_yield();
	/* All three are in there now. */
	for (int i = 0; i < THREADS; i++)
		t[i] = thread_start(counter, &count);
	for (int i = 0; i < THREADS; i++)
		thread_join(t[i]);
	CHECK(count == THREADS * ROUNDS);
	flag = 3;
	CHECK(write(fds[1], "x", 1) == 1);
	for (int i = 0; i < 3; i++)
		thread_join(blocked[i]);
	puts("ok");
	return 0;
}
