/* SPDX-License-Identifier: MIT */
/*
 * stress - for several seeds: a random mix of create, join, locks, conditions, pipes, yields and
 * sleeps keeps its sums
 *
 * uses: clone3 futex read write sched_yield clock_nanosleep exit
 */
#include "prog.h"

#include <semaphore.h>

enum { WORKERS = 12, STEPS = 150 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static sem_t units;
static long sum, tokens;
static int fd[2];

static uint32_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*state >> 33);
}

static void *child(void *arg)
{
	pthread_mutex_lock(&lock);
	sum += (intptr_t)arg;
	tokens++;
	pthread_cond_signal(&cond);
	pthread_mutex_unlock(&lock);
	return arg;
}

static void *worker(void *arg)
{
	uint64_t rnd = (uintptr_t)arg;
	char c = 1;

	for (int i = 0; i < STEPS; i++) {
		intptr_t n = next_random(&rnd) % 100;

		switch (next_random(&rnd) % 6) {
		case 0:
			CHECK(thread_join(thread_start(child, (void *)n)) == (void *)n);
			pthread_mutex_lock(&lock);
			while (tokens == 0)
				pthread_cond_wait(&cond, &lock);
			tokens--;
			sum -= n;
			pthread_mutex_unlock(&lock);
			break;
		case 1: /* a byte is there for everyone who reads: each writes first */
			CHECK(write(fd[1], &c, 1) == 1 && read(fd[0], &c, 1) == 1 && c == 1);
			break;
		case 2:
			CHECK(sem_wait(&units) == 0);
			sched_yield();
			CHECK(sem_post(&units) == 0);
			break;
		case 3:
			sched_yield();
			break;
		case 4:
			usleep(n);
			break;
		case 5:
			pthread_mutex_lock(&lock);
			sum += n;
			pthread_mutex_unlock(&lock);
			rnd ^= compute(n, 100) & 1;
			pthread_mutex_lock(&lock);
			sum -= n;
			pthread_mutex_unlock(&lock);
			break;
		}
	}
	return NULL;
}

int main(int argc, char **argv)
{
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1, last = argc > 1 ? first : 8;
	pthread_t t[WORKERS];

	CHECK(pipe(fd) == 0 && sem_init(&units, 0, 3) == 0);
	for (uint64_t seed = first; seed <= last; seed++) {
		for (int i = 0; i < WORKERS; i++)
			t[i] = thread_start(worker, (void *)(seed * 1000 + i));
		for (int i = 0; i < WORKERS; i++)
			thread_join(t[i]);
		printf("%ld %ld\n", sum, tokens);
	}
	return 0;
}
