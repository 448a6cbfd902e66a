/* SPDX-License-Identifier: MIT */
/*
 * exit_raw - the exit system call itself, from a thread, ends that thread alone and its joiner goes
 * on
 *
 * uses: exit futex
 */
#include "prog.h"

#include <sys/syscall.h>

static int ran;

static void *leave(void *arg)
{
	ran = 1;
	syscall(SYS_exit, 3);
	return arg;
}

int main(void)
{
	thread_join(thread_start(leave, NULL));
	printf("%d\n", ran);
	return 0;
}
