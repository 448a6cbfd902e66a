/* SPDX-License-Identifier: MIT */
/*
 * cpu_clock - a thread's CPU clock runs while it computes and hardly while it sleeps; another may
 * read it
 *
 * uses: clock_gettime clock_nanosleep
 */
#include "prog.h"

#include <semaphore.h>

static sem_t computed, go;

static void *run(void *arg)
{
	uint64_t *sum = arg;
	clockid_t mine;
	int64_t start, used;

	CHECK0(pthread_getcpuclockid(pthread_self(), &mine));
	start = clock_ns(mine);
	do {
		*sum = compute(*sum, 100000);
		used = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	} while (used < 30000000);
	CHECK(clock_ns(mine) - start > 0 && clock_ns(mine) >= used);
	sem_post(&computed);
	sem_wait(&go);
	return NULL;
}

int main(void)
{
	clockid_t theirs;
	uint64_t sum = 1;
	int64_t before;
	pthread_t t;

	sem_init(&computed, 0, 0);
	sem_init(&go, 0, 0);
	t = thread_start(run, &sum);
	sem_wait(&computed);
	CHECK0(pthread_getcpuclockid(t, &theirs));
	before = clock_ns(theirs);
	CHECK(before >= 30000000);
	usleep(60000);
	CHECK(clock_ns(theirs) - before < 30000000);
	sem_post(&go);
	thread_join(t);
	CHECK(clock_ns(CLOCK_PROCESS_CPUTIME_ID) >= 30000000);
	puts("ok");
	return 0;
}
