/* SPDX-License-Identifier: MIT */
/*
 * block_semop - eight threads blocked in semop and semtimedop leave the processor to one that
 * computes
 *
 * uses: semop semtimedop semget semctl
 */
#include "blocked.h"

#include <sys/ipc.h>
#include <sys/sem.h>

static int set;

static void *wait_unit(void *arg)
{
	struct sembuf take = { (intptr_t)arg, -1, 0 };
	struct timespec long_time = { 60, 0 };

	blocked_now();
	if ((intptr_t)arg % 2)
		CHECK(semop(set, &take, 1) == 0);
	else
		CHECK(semtimedop(set, &take, 1, &long_time) == 0);
	return arg;
}

static void release(intptr_t i)
{
	struct sembuf give = { i, 1, 0 };

	CHECK(semop(set, &give, 1) == 0);
}

int main(void)
{
	struct timespec short_time = { 0, 20000000 };
	struct sembuf take = { 0, -1, 0 };

	set = semget(IPC_PRIVATE, BLOCKED, 0600);
	if (set < 0 && (errno == ENOSYS || errno == ENOSPC))
		prog_skip("no System V semaphores here");
	CHECK(set >= 0);
	blocked_run(wait_unit, release);
	CHECK_ERRNO(semtimedop(set, &take, 1, &short_time), EAGAIN);
	CHECK(semctl(set, 0, IPC_RMID) == 0);
	return 0;
}
