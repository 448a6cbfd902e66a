/* SPDX-License-Identifier: MIT */
/*
 * rwlock_prefer_writer - a rwlock that prefers writers lets no new reader pass a writer that waits
 *
 * uses: futex
 */
#include "prog.h"

static pthread_rwlock_t lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static int order, writer_was, reader_was;

static void *writer(void *arg)
{
	CHECK0(pthread_rwlock_wrlock(&lock));
	writer_was = ++order;
	CHECK0(pthread_rwlock_unlock(&lock));
	return arg;
}

static void *reader(void *arg)
{
	CHECK0(pthread_rwlock_rdlock(&lock));
	reader_was = order + 1;
	CHECK0(pthread_rwlock_unlock(&lock));
	return arg;
}

int main(void)
{
	pthread_t w, r;

	CHECK0(pthread_rwlock_rdlock(&lock));
	w = thread_start(writer, NULL);
	while (pthread_rwlock_tryrdlock(&lock) == 0) { /* refused once the writer waits */
		CHECK0(pthread_rwlock_unlock(&lock));
		sched_yield();
	}
	r = thread_start(reader, NULL);
	CHECK0(pthread_rwlock_unlock(&lock));
	thread_join(w);
	thread_join(r);
	printf("writer %d, reader %d\n", writer_was, reader_was);
	return 0;
}
