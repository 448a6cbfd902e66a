/* SPDX-License-Identifier: MIT */
/*
 * futex_shared - a shared futex in memory of two processes: each wakes the other's threads
 *
 * uses: futex mmap fork
 */
#include "futex.h"

#include <sys/mman.h>
#include <sys/wait.h>

static _Atomic uint32_t *turn;

/* Adds one whenever the parity of the word is `mine`, for 200 rounds. */
static void play(uint32_t mine)
{
	for (int i = 0; i < 200; i++) {
		uint32_t now;

		while (((now = *turn) & 1) != mine)
			CHECK(futex(turn, FUTEX_WAIT, now, NULL, NULL, 0) == 0 || errno == EAGAIN);
		*turn = now + 1;
		CHECK(futex(turn, FUTEX_WAKE, INT_MAX, NULL, NULL, 0) >= 0);
	}
}

static void *run(void *arg)
{
	play((uint32_t)(uintptr_t)arg);
	return NULL;
}

int main(void)
{
	int status;
	pid_t pid;

	turn = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(turn != MAP_FAILED);
	pid = fork();
	CHECK(pid >= 0);
	thread_join(thread_start(run, (void *)(uintptr_t)(pid == 0)));
	if (pid == 0)
		_exit(0);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	printf("%u\n", *turn);
	return 0;
}
