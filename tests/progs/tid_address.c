/* SPDX-License-Identifier: MIT */
/*
 * tid_address - the word that is cleared and woken when a thread ends can be asked for, taken away and
 * given back, and moved
 *
 * uses: set_tid_address prctl futex
 */
#include "prog.h"

#include <linux/futex.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static int moved;

static void *give_back(void *arg)
{
	int *mine = NULL, *none = &moved;

	CHECK0(prctl(PR_GET_TID_ADDRESS, &mine));
	CHECK(mine && *mine == gettid());
	CHECK(syscall(SYS_set_tid_address, NULL) == gettid());
	CHECK0(prctl(PR_GET_TID_ADDRESS, &none));
	CHECK(!none);
	CHECK(syscall(SYS_set_tid_address, mine) == gettid());
	return arg;
}

/* Its own descriptor is never marked as free: it must not be joined, nor is it. */
static void *move(void *arg)
{
	moved = gettid();
	syscall(SYS_set_tid_address, &moved);
	return arg;
}

int main(void)
{
	pthread_t t = thread_start(give_back, &moved);
	int *mine = NULL, tid;

	thread_join(t);
	CHECK0(prctl(PR_GET_TID_ADDRESS, &mine));
	CHECK(mine && *mine == getpid());
	moved = -1;
	thread_start(move, NULL);
	while ((tid = __atomic_load_n(&moved, __ATOMIC_SEQ_CST)))
		syscall(SYS_futex, &moved, FUTEX_WAIT, tid, NULL, NULL, 0);
	printf("ok\n");
	return 0;
}
