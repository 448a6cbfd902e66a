/* SPDX-License-Identifier: MIT */
/*
 * cpu_clock_each - every thread's CPU clock counts what it has computed itself, however they take turns, and
 * never runs backwards; together they use no more than the process; RUSAGE_THREAD agrees
 *
 * uses: clock_gettime clock_getres getrusage sched_yield
 */
#include "prog.h"

#include <semaphore.h>
#include <sys/resource.h>

enum { THREADS = 4, UNIT = 5000000 };

static pthread_barrier_t bar;
static sem_t done, go;
static int64_t used[THREADS];

static int64_t rusage_ns(void)
{
	struct rusage r;

	CHECK(getrusage(RUSAGE_THREAD, &r) == 0);
	return (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000000LL +
	       (r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1000LL;
}

/* Number I computes I + 1 units, and yields often. */
static void *run(void *arg)
{
	int i = (int)((int64_t *)arg - used);
	int64_t start, last, now, r;
	uint64_t x = 1;

	start = last = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	pthread_barrier_wait(&bar);
	do {
		x = compute(x, 20000);
		sched_yield();
		now = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		CHECK(now >= last);
		last = now;
	} while (now - start < (i + 1) * (int64_t)UNIT);
	r = rusage_ns();
	now = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	/* Microseconds, and on some kernels ticks. */
	CHECK(r <= now + 20000000 && r >= last - 20000000);
	used[i] = now;
	sem_post(&done);
	sem_wait(&go);
	CHECK(clock_ns(CLOCK_THREAD_CPUTIME_ID) >= now);
	return x ? NULL : arg;
}

int main(void)
{
	clockid_t clock[THREADS];
	int64_t last[THREADS] = { 0 }, sum = 0;
	pthread_t t[THREADS];
	struct timespec res;

	pthread_barrier_init(&bar, NULL, THREADS + 1);
	sem_init(&done, 0, 0);
	sem_init(&go, 0, 0);
	for (int i = 0; i < THREADS; i++) {
		t[i] = thread_start(run, &used[i]);
		CHECK0(pthread_getcpuclockid(t[i], &clock[i]));
		CHECK(clock_getres(clock[i], &res) == 0 && res.tv_sec == 0 && res.tv_nsec > 0);
		CHECK(clock_getres(clock[i], NULL) == 0);
	}
	pthread_barrier_wait(&bar);
	for (int round = 0; round < 200; round++) {
		for (int i = 0; i < THREADS; i++) {
			int64_t now = clock_ns(clock[i]);

			CHECK(now >= last[i]);
			last[i] = now;
		}
		sched_yield();
	}
	for (int i = 0; i < THREADS; i++)
		sem_wait(&done);
	for (int i = 0; i < THREADS; i++) {
		CHECK(clock_ns(clock[i]) >= used[i]);
		CHECK(used[i] >= (i + 1) * (int64_t)UNIT);
		sum += used[i];
	}
	CHECK(sum <= clock_ns(CLOCK_PROCESS_CPUTIME_ID));
	for (int i = 0; i < THREADS; i++)
		sem_post(&go);
	for (int i = 0; i < THREADS; i++)
		thread_join(t[i]);
	CHECK_ERRNO(clock_gettime(CLOCK_THREAD_CPUTIME_ID, (void *)1), EFAULT);
	CHECK_ERRNO(clock_gettime(12345, &res), EINVAL);
	puts("ok");
	return 0;
}
