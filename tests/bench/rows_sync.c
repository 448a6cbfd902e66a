/* SPDX-License-Identifier: MIT */
/*
 * rows_sync.c - rows about threads that wait for each other
 */
#include "bench.h"

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>

static void yield_work(struct bench_worker *worker)
{
	long times = *(long *)worker->arg;

	while (times--)
		sched_yield();
}

double row_yield(long n, long size)
{
	long each = bench_share(n, size);

	return bench_team_run(size, yield_work, &each) / (double)(each * size);
}

struct pingpong {
	pthread_mutex_t lock;
	pthread_cond_t changed[2];
	long turn; /* lock; whose turn it is */
	sem_t sems[2];
	long each; /* hand-overs a thread makes */
};

static void cond_work(struct bench_worker *worker)
{
	struct pingpong *pp = worker->arg;
	long me = worker->index;

	pthread_mutex_lock(&pp->lock);
	for (long i = 0; i < pp->each; i++) {
		while (pp->turn != me)
			pthread_cond_wait(&pp->changed[me], &pp->lock);
		pp->turn = !me;
		pthread_cond_signal(&pp->changed[!me]);
	}
	pthread_mutex_unlock(&pp->lock);
}

double row_cond(long n, long size)
{
	struct pingpong pp = {
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = { PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER },
		.each = bench_share(n, 2),
	};

	(void)size;
	return bench_team_run(2, cond_work, &pp) / (double)(2 * pp.each);
}

static void wait_sem(sem_t *sem)
{
	while (sem_wait(sem))
		if (errno != EINTR)
			bench_die("sem_wait", errno);
}

static void sem_work(struct bench_worker *worker)
{
	struct pingpong *pp = worker->arg;
	long me = worker->index;

	for (long i = 0; i < pp->each; i++) {
		wait_sem(&pp->sems[me]);
		sem_post(&pp->sems[!me]);
	}
}

double row_sem(long n, long size)
{
	struct pingpong pp = { .each = bench_share(n, 2) };
	double took;

	(void)size;
	sem_init(&pp.sems[0], 0, 1);
	sem_init(&pp.sems[1], 0, 0);
	took = bench_team_run(2, sem_work, &pp);
	sem_destroy(&pp.sems[0]);
	sem_destroy(&pp.sems[1]);
	return took / (double)(2 * pp.each);
}

struct counter {
	pthread_mutex_t lock;
	long value; /* lock */
	long each;
};

static void count_work(struct bench_worker *worker)
{
	struct counter *counter = worker->arg;

	for (long i = 0; i < counter->each; i++) {
		pthread_mutex_lock(&counter->lock);
		counter->value++;
		pthread_mutex_unlock(&counter->lock);
	}
}

double row_contend(long n, long size)
{
	struct counter counter = { .lock = PTHREAD_MUTEX_INITIALIZER,
				   .each = bench_share(n, size) };
	double took = bench_team_run(size, count_work, &counter);

	if (counter.value != counter.each * size)
		bench_die("mutex: lost updates", 0);
	return took / (double)counter.value;
}

/*
 * One thread at work, and the main thread waiting for it: glibc leaves out the
 * atomic instruction while a process has one thread, which is not the question.
 */
double row_mutex(long n, long size)
{
	(void)size;
	return row_contend(n, 1);
}

struct meeting {
	pthread_barrier_t barrier;
	long each;
	long *passes; /* a counter a thread, each its own */
};

static void barrier_work(struct bench_worker *worker)
{
	struct meeting *meeting = worker->arg;
	long me = worker->index, count = worker->team->count;

	for (long i = 0; i < meeting->each; i++) {
		/*
		 * The neighbour is in the same round: it has counted this one
		 * before the barrier lets us through, and cannot count more
		 * than the next before we arrive again.
		 */
		__atomic_store_n(&meeting->passes[me], i + 1, __ATOMIC_RELAXED);
		pthread_barrier_wait(&meeting->barrier);
		long other = __atomic_load_n(&meeting->passes[(me + 1) % count], __ATOMIC_RELAXED);
		if (other < i + 1 || other > i + 2)
			bench_die("barrier: a thread went through alone", 0);
	}
}

double row_barrier(long n, long size)
{
	struct meeting meeting = { .each = bench_share(n, size) };
	double took;

	meeting.passes = bench_alloc(size, sizeof(long));
	pthread_barrier_init(&meeting.barrier, NULL, (unsigned)size);
	took = bench_team_run(size, barrier_work, &meeting);
	pthread_barrier_destroy(&meeting.barrier);
	free(meeting.passes);
	return took / (double)(meeting.each * size);
}

#define QUEUE_SLOTS 64

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t not_empty;
	pthread_cond_t not_full;
	long slots[QUEUE_SLOTS]; /* lock, as the three below */
	long head;
	long used;
	long sum; /* of what was taken out */
	long producers;
	long each;
};

static void queue_put(struct queue *queue, long item)
{
	pthread_mutex_lock(&queue->lock);
	while (queue->used == QUEUE_SLOTS)
		pthread_cond_wait(&queue->not_full, &queue->lock);
	queue->slots[(queue->head + queue->used++) % QUEUE_SLOTS] = item;
	pthread_cond_signal(&queue->not_empty);
	pthread_mutex_unlock(&queue->lock);
}

static void queue_get(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	while (!queue->used)
		pthread_cond_wait(&queue->not_empty, &queue->lock);
	queue->sum += queue->slots[queue->head];
	queue->head = (queue->head + 1) % QUEUE_SLOTS;
	queue->used--;
	pthread_cond_signal(&queue->not_full);
	pthread_mutex_unlock(&queue->lock);
}

static void queue_work(struct bench_worker *worker)
{
	struct queue *queue = worker->arg;

	for (long i = 0; i < queue->each; i++) {
		if (worker->index < queue->producers)
			queue_put(queue, i);
		else
			queue_get(queue);
	}
}

double row_queue(long n, long size)
{
	struct queue queue = { .lock = PTHREAD_MUTEX_INITIALIZER,
			       .not_empty = PTHREAD_COND_INITIALIZER,
			       .not_full = PTHREAD_COND_INITIALIZER,
			       .producers = size,
			       .each = bench_share(n, size) };
	double took = bench_team_run(2 * size, queue_work, &queue);

	if (queue.sum != size * (queue.each * (queue.each - 1) / 2))
		bench_die("queue: lost items", 0);
	return took / (double)(size * queue.each);
}

struct ring {
	sem_t *sems;
	long rounds;
	long token; /* only its holder reads or writes */
};

static void ring_work(struct bench_worker *worker)
{
	struct ring *ring = worker->arg;
	long next = (worker->index + 1) % worker->team->count;

	for (long i = 0; i < ring->rounds; i++) {
		wait_sem(&ring->sems[worker->index]);
		ring->token++;
		sem_post(&ring->sems[next]);
	}
}

double row_ring(long n, long size)
{
	struct ring ring = { .rounds = bench_share(n, size) };
	double took;

	ring.sems = bench_alloc(size, sizeof(sem_t));
	for (long i = 0; i < size; i++)
		sem_init(&ring.sems[i], 0, i == 0);
	took = bench_team_run(size, ring_work, &ring);
	if (ring.token != ring.rounds * size)
		bench_die("ring: the token lost count", 0);
	free(ring.sems);
	return took / (double)ring.token;
}
