/* SPDX-License-Identifier: MIT */
/*
 * exit_last_status - when all threads have ended by the exit system call, the process's status is
 * that of the last one (since Linux 6.0; it was the main thread's before)
 *
 * uses: exit
 * status: 9
 */
#include "prog.h"

#include <sys/syscall.h>
#include <sys/utsname.h>

static pthread_t first;

static void *run(void *arg)
{
	thread_join(arg ? *(pthread_t *)arg : first);
	syscall(SYS_exit, arg ? 9 : 7);
	return arg;
}

int main(void)
{
	static pthread_t second;
	struct utsname u;

	if (uname(&u) == 0 && atoi(u.release) < 6)
		prog_skip("an older kernel");

	first = pthread_self();
	second = thread_start(run, NULL);
	thread_start(run, &second);
	syscall(SYS_exit, 5);
}
