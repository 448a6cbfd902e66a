/* SPDX-License-Identifier: MIT */
/*
 * main_exits_first - main ends by pthread_exit while threads go on; the process ends with 0 after
 * the last of them
 *
 * uses: exit exit_group futex
 */
#include "prog.h"

static pthread_t main_thread;

static void *last(void *arg)
{
	CHECK(thread_join(main_thread) == &main_thread);
	usleep(20000);
	puts("main was joined");
	return arg;
}

int main(void)
{
	main_thread = pthread_self();
	thread_start(last, NULL);
	pthread_exit(&main_thread);
}
