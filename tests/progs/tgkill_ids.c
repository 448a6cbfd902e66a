/* SPDX-License-Identifier: MIT */
/*
 * tgkill_ids - tgkill, tkill and the per-thread calls take a thread's id and refuse one that is
 * none
 *
 * uses: tgkill tkill getpriority setpriority sched_getscheduler
 */
#include "prog.h"

#include <semaphore.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static __thread volatile sig_atomic_t hits;
static sem_t ready, go;
static pid_t tid;

static void on_signal(int sig)
{
	(void)sig;
	hits++;
}

static void *target(void *arg)
{
	tid = gettid();
	sem_post(&ready);
	while (sem_wait(&go) != 0)
		CHECK(errno == EINTR);
	CHECK(hits == 1);
	return arg;
}

int main(void)
{
	pthread_t t;

	signal(SIGUSR1, on_signal);
	sem_init(&ready, 0, 0);
	sem_init(&go, 0, 0);
	t = thread_start(target, NULL);
	sem_wait(&ready);
	CHECK(syscall(SYS_tgkill, getpid(), tid, 0) == 0);
	CHECK(syscall(SYS_tkill, tid, 0) == 0);
	CHECK(syscall(SYS_tgkill, getpid(), tid, SIGUSR1) == 0);
	CHECK(getpriority(PRIO_PROCESS, tid) == getpriority(PRIO_PROCESS, 0));
	CHECK(sched_getscheduler(tid) == SCHED_OTHER);
	CHECK_ERRNO(syscall(SYS_tgkill, getpid(), 0, SIGUSR1), EINVAL);
	CHECK_ERRNO(syscall(SYS_tgkill, getpid() + 1, tid, 0), ESRCH);
	CHECK_ERRNO(syscall(SYS_tgkill, getpid(), (1 << 30) - 1, 0), ESRCH);
	sem_post(&go);
	thread_join(t);
	/* The kernel knows who was joined for a moment longer. */
	while (syscall(SYS_tgkill, getpid(), tid, 0) == 0)
		sched_yield();
	CHECK_ERRNO(syscall(SYS_tgkill, getpid(), tid, 0), ESRCH);
	CHECK(hits == 0);
	puts("ok");
	return 0;
}
