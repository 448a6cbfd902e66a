/* SPDX-License-Identifier: MIT */
/*
 * seccomp_sync - a system call filter for all threads holds in those that wait, in one with a filter of its own before
 * it, and in those to come; where a thread has gone another way, the call says which, and nothing changes
 *
 * uses: seccomp prctl clone3 futex sched_yield
 */
#include "prog.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#ifndef SECCOMP_FILTER_FLAG_TSYNC_ESRCH
#define SECCOMP_FILTER_FLAG_TSYNC_ESRCH 16
#endif

enum { THREADS = 6, FIRST = SYS_getpgrp, SECOND = SYS_getppid, OWN = SYS_getsid };

static pthread_barrier_t bar;
static pid_t strayed;

static long install(int nr, unsigned flags)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOWNERDEAD),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = { ARRAY_SIZE(f), f };

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &p);
}

static bool filtered(int nr)
{
	return syscall(nr, 0) == -1 && errno == EOWNERDEAD;
}

static void meet(void)
{
	pthread_barrier_wait(&bar);
}

static void *younger(void *arg)
{
	CHECK(filtered(FIRST) && !filtered(SECOND));
	CHECK(filtered(OWN) == (arg != NULL));
	CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	return arg;
}

static void *older(void *arg)
{
	CHECK(!filtered(FIRST) && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
	meet();
	meet(); /* the first is there */
	CHECK(filtered(FIRST) && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	if (arg) {
		CHECK(install(OWN, 0) == 0 && filtered(OWN));
		strayed = gettid();
	}
	meet();
	meet(); /* the second has been tried */
	thread_join(thread_start(younger, arg));
	for (int i = 0; i < 20; i++) {
		sched_yield();
		younger(arg);
	}
	return arg;
}

int main(void)
{
	pthread_t t[THREADS];

	pthread_barrier_init(&bar, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		t[i] = thread_start(older, i == 2 ? t : NULL);
	meet();
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(install(FIRST, SECCOMP_FILTER_FLAG_TSYNC) == 0 && filtered(FIRST));
	meet();
	meet();
	CHECK(install(SECOND, SECCOMP_FILTER_FLAG_TSYNC) == strayed);
	CHECK_ERRNO(install(SECOND, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH),
		    ESRCH);
	meet();
	for (int i = 0; i < THREADS; i++)
		thread_join(t[i]);
	CHECK(install(SECOND, SECCOMP_FILTER_FLAG_TSYNC) == 0 && filtered(SECOND));
	puts("ok");
	return 0;
}
