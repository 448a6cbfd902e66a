/* SPDX-License-Identifier: MIT */
/*
 * signal_profile - the signals of the process's CPU timers go to the thread that computes, not to those that
 * wait, main among them
 *
 * uses: setitimer timer_create rt_sigaction
 */
#include "prog.h"

#include <semaphore.h>
#include <signal.h>
#include <sys/time.h>

enum { TICKS = 20, PERIOD = 4000 /* us */ };

static sem_t over;
static volatile int worked, others; /* signals */
static pthread_t worker;

static void on_tick(int sig)
{
	(void)sig;
	if (pthread_equal(pthread_self(), worker))
		worked++;
	else
		others++;
}

static void *work(void *arg)
{
	uint64_t val = 1;

	while (worked < TICKS)
		val = compute(val, 1000);
	sem_post(&over);
	return (void *)(uintptr_t)(val ? 0 : (uintptr_t)arg);
}

static void *wait_too(void *arg)
{
	while (sem_wait(arg) != 0)
		CHECK(errno == EINTR);
	return NULL;
}

/* Main, too, runs before it waits, and a signal or two may find it there; but the others are many times more. */
static void profile(void)
{
	worked = others = 0;
	sem_init(&over, 0, 0);
	CHECK0(pthread_create(&worker, NULL, work, NULL));
	while (sem_wait(&over) != 0)
		CHECK(errno == EINTR);
	thread_join(worker);
	CHECK(others < TICKS / 4);
}

static void by_itimer(int which, int sig)
{
	struct itimerval it = { { 0, PERIOD }, { 0, PERIOD } };
	struct sigaction sa = { .sa_handler = on_tick, .sa_flags = SA_RESTART };

	CHECK(sigaction(sig, &sa, NULL) == 0);
	CHECK(setitimer(which, &it, NULL) == 0);
	profile();
	it = (struct itimerval){ 0 };
	CHECK(setitimer(which, &it, NULL) == 0);
}

int main(void)
{
	pthread_t t[4];
	sem_t end;

	sem_init(&end, 0, 0);
	for (int i = 0; i < 4; i++)
		t[i] = thread_start(wait_too, &end);
	by_itimer(ITIMER_PROF, SIGPROF);
	by_itimer(ITIMER_VIRTUAL, SIGVTALRM);
	for (int i = 0; i < 4; i++)
		sem_post(&end);
	for (int i = 0; i < 4; i++)
		thread_join(t[i]);
	puts("ok");
	return 0;
}
