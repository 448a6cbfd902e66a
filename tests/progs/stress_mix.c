/* SPDX-License-Identifier: MIT */
/*
 * stress_mix - threads do a seeded random mix of everything that parks, blocks, wakes and ends, and
 * all sums come out; STRESS_SEED in the environment is a seed instead of the three that it has
 *
 * uses: clone3 exit futex nanosleep ppoll read write sched_yield gettid
 */
#include "prog.h"

#include <linux/futex.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/syscall.h>

enum { WORKERS = 16, STEPS = 120, CELLS = 4, TOKENS = 5, RING = 8 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static long pair[2], shared[2], produced, consumed, ring[RING];
static unsigned ring_in, ring_out;
static sem_t tokens;
static int common[2], own[WORKERS][2];
static uint32_t cell[CELLS];
static __thread uint64_t mine;

static uint32_t random_of(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return (uint32_t)(*s >> 16);
}

static long futex(uint32_t *addr, int op, uint32_t val, void *arg, uint32_t *addr2, uint32_t val3)
{
	return syscall(SYS_futex, addr, op | FUTEX_PRIVATE_FLAG, val, arg, addr2, val3);
}

/* Whose child it is: what it has to write to, or -1. */
static void *child(void *arg)
{
	int fd = (int)(intptr_t)arg;

	mine = 1;
	sched_yield();
	if (fd >= 0)
		CHECK(write(fd, "c", 1) == 1);
	return arg;
}

static void put(long v)
{
	pthread_mutex_lock(&lock);
	while (ring_in - ring_out == RING)
		pthread_cond_wait(&changed, &lock);
	ring[ring_in++ % RING] = v;
	produced += v;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void take(void)
{
	pthread_mutex_lock(&lock);
	while (ring_in == ring_out)
		pthread_cond_wait(&changed, &lock);
	consumed += ring[ring_out++ % RING];
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void step(int self, uint32_t r)
{
	struct timespec ts = { 0, r >> 16 & 0x7fff };
	uint32_t *word = &cell[r >> 8 & (CELLS - 1)];
	int fd = r & 0x80 ? own[self][1] : -1;
	char c = 't';
	long n;

	switch (r % 11) {
	case 0:
		CHECK(sched_yield() == 0);
		break;
	case 1: /* the reader's byte is there, or on its way */
		CHECK(sem_wait(&tokens) == 0);
		CHECK(write(common[1], &c, 1) == 1 && read(common[0], &c, 1) == 1 && c == 't');
		CHECK(sem_post(&tokens) == 0);
		break;
	case 2:
		pthread_mutex_lock(&lock);
		CHECK(pair[0] == pair[1]);
		pair[0]++;
		if (r & 0x80)
			sched_yield();
		pair[1]++;
		pthread_mutex_unlock(&lock);
		break;
	case 3:
		CHECK(nanosleep(&ts, NULL) == 0);
		break;
	case 4:
		CHECK(ppoll(NULL, 0, &ts, NULL) == 0);
		break;
	case 5:
		n = futex(word, FUTEX_WAIT, __atomic_load_n(word, __ATOMIC_SEQ_CST), &ts, NULL, 0);
		CHECK(n == 0 || errno == ETIMEDOUT || errno == EAGAIN);
		break;
	case 6:
		__atomic_fetch_add(word, r >> 7 & 1, __ATOMIC_SEQ_CST);
		n = futex(word, FUTEX_WAKE, 2, NULL, NULL, 0);
		CHECK(n >= 0 && n <= 2);
		break;
	case 7:
		n = futex(word, FUTEX_CMP_REQUEUE, 1, (void *)2, &cell[0],
			  __atomic_load_n(word, __ATOMIC_SEQ_CST));
		CHECK((n >= 0 && n <= 3) || errno == EAGAIN);
		break;
	case 8: {
		pthread_t t = thread_start(child, (void *)(intptr_t)fd);

		if (fd >= 0)
			CHECK(read(own[self][0], &c, 1) == 1 && c == 'c');
		CHECK(thread_join(t) == (void *)(intptr_t)fd);
		break;
	}
	case 9:
		if (r & 0x300) {
			pthread_rwlock_rdlock(&rwlock);
			CHECK(shared[0] == shared[1]);
			sched_yield();
			CHECK(shared[0] == shared[1]);
		} else {
			pthread_rwlock_wrlock(&rwlock);
			shared[0]++;
			sched_yield();
			shared[1]++;
		}
		pthread_rwlock_unlock(&rwlock);
		break;
	case 10: /* whoever puts takes as well, so that nobody waits at the end */
		put(r & 0xffff);
		take();
		break;
	}
}

static uint64_t seed;

static void *worker(void *arg)
{
	int self = (int)(intptr_t)arg;
	uint64_t s = (seed + 1) * 0x9e3779b97f4a7c15ULL + (uint64_t)self;
	pid_t tid = gettid();

	for (uint64_t i = 0; i < STEPS; i++) {
		CHECK(mine == i);
		step(self, random_of(&s));
		mine++;
		CHECK(gettid() == tid);
	}
	return arg;
}

static void run(void)
{
	pthread_t t[WORKERS];
	int n;

	for (int i = 0; i < WORKERS; i++)
		t[i] = thread_start(worker, (void *)(intptr_t)i);
	for (int i = 0; i < WORKERS; i++)
		CHECK(thread_join(t[i]) == (void *)(intptr_t)i);
	CHECK(sem_getvalue(&tokens, &n) == 0 && n == TOKENS);
	CHECK(ring_in == ring_out && produced == consumed);
	CHECK(pair[0] == pair[1] && shared[0] == shared[1]);
	printf("seed %lu: %ld passed on, %ld and %ld counted\n", seed, produced, pair[0],
	       shared[0]);
}

int main(void)
{
	static const uint64_t seeds[] = { 11, 12, 13 };
	const char *one = getenv("STRESS_SEED");

	CHECK(pipe(common) == 0 && sem_init(&tokens, 0, TOKENS) == 0);
	for (int i = 0; i < WORKERS; i++)
		CHECK(pipe(own[i]) == 0);
	for (size_t i = 0; i < (one ? 1 : ARRAY_SIZE(seeds)); i++) {
		seed = one ? strtoull(one, NULL, 10) : seeds[i];
		run();
	}
	return 0;
}
