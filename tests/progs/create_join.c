/* SPDX-License-Identifier: MIT */
/*
 * create_join - a thread's argument reaches it and its value reaches the joiner, by return and by
 * pthread_exit
 *
 * uses: clone3 exit futex mmap mprotect
 */
#include "prog.h"

static void *by_return(void *arg)
{
	return (char *)arg + 1;
}

static void *by_exit(void *arg)
{
	pthread_exit((char *)arg + 2);
}

int main(void)
{
	CHECK(thread_join(thread_start(by_return, (void *)100)) == (void *)101);
	CHECK(thread_join(thread_start(by_exit, (void *)200)) == (void *)202);
	puts("ok");
	return 0;
}
