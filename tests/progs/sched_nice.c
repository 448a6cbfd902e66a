/* SPDX-License-Identifier: MIT */
/*
 * sched_nice - niceness and policy belong to one thread, whoever sets them, and are handed on to those
 * that it makes
 *
 * uses: setpriority getpriority sched_setscheduler sched_getscheduler ioprio_set ioprio_get clone3 futex
 */
#include "prog.h"

#include <linux/ioprio.h>
#include <semaphore.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static sem_t set, go;
static pid_t their_tid;

static int nice_of(pid_t tid)
{
	int n;

	errno = 0;
	n = getpriority(PRIO_PROCESS, (id_t)tid);
	CHECK(errno == 0);
	return n;
}

static void *child(void *arg)
{
	CHECK(nice_of(0) == 5);
	CHECK(sched_getscheduler(0) == SCHED_BATCH);
	CHECK(syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0) ==
	      IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 6));
	return arg;
}

static void *by_itself(void *arg)
{
	CHECK(nice_of(0) == 0);
	CHECK(setpriority(PRIO_PROCESS, 0, 5) == 0);
	CHECK(sched_setscheduler(gettid(), SCHED_BATCH, &(struct sched_param){ 0 }) == 0);
	CHECK(syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, gettid(),
		      IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 6)) == 0);
	for (int i = 0; i < 20; i++) {
		CHECK(nice_of(0) == 5);
		sched_yield();
	}
	thread_join(thread_start(child, NULL));
	return arg;
}

static void *by_other(void *arg)
{
	their_tid = gettid();
	sem_post(&set);
	sem_wait(&go);
	for (int i = 0; i < 20; i++) {
		CHECK(nice_of(0) == 7 && nice_of(gettid()) == 7);
		sched_yield();
	}
	return arg;
}

static void *untouched(void *arg)
{
	CHECK(nice_of(0) == 0 && sched_getscheduler(0) == SCHED_OTHER);
	return arg;
}

int main(void)
{
	pthread_attr_t attr;
	pthread_t t;

	if (nice_of(0) != 0 || sched_getscheduler(0) != SCHED_OTHER)
		prog_skip("runs with another priority");
	sem_init(&set, 0, 0);
	sem_init(&go, 0, 0);
	for (int i = 0; i < 10; i++) {
		thread_join(thread_start(by_itself, NULL));
		thread_join(thread_start(untouched, NULL));
	}
	t = thread_start(by_other, NULL);
	sem_wait(&set);
	CHECK(nice_of(their_tid) == 0);
	CHECK(setpriority(PRIO_PROCESS, (id_t)their_tid, 7) == 0);
	CHECK(nice_of(their_tid) == 7 && nice_of(0) == 0 && nice_of(getpid()) == 0);
	sem_post(&go);
	thread_join(t);
	CHECK_ERRNO(sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){ 3 }), EINVAL);
	CHECK_ERRNO(sched_setscheduler(0, 77, &(struct sched_param){ 0 }), EINVAL);
	CHECK_ERRNO(sched_setscheduler(0, SCHED_OTHER, NULL), EINVAL);

	CHECK0(pthread_attr_init(&attr));
	CHECK0(pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED));
	CHECK0(pthread_attr_setschedpolicy(&attr, SCHED_OTHER));
	CHECK0(pthread_create(&t, &attr, untouched, NULL));
	thread_join(t);
	thread_join(thread_start(untouched, NULL));
	puts("ok");
	return 0;
}
