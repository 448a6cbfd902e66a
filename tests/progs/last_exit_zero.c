/* SPDX-License-Identifier: MIT */
/*
 * last_exit_zero - when every thread, main too, ends by pthread_exit, the process exits with 0 and
 * atexit runs
 *
 * uses: exit exit_group
 */
#include "prog.h"

static void at_exit(void)
{
	puts("atexit ran");
}

static void *run(void *arg)
{
	usleep(1000 * (intptr_t)arg);
	pthread_exit((void *)7);
}

int main(void)
{
	atexit(at_exit);
	for (intptr_t i = 0; i < 20; i++) {
		pthread_t t = thread_start(run, (void *)i);

		if (i % 2)
			pthread_detach(t);
	}
	pthread_exit((void *)9);
}
