/* SPDX-License-Identifier: MIT */
/*
 * idle_parked - a hundred threads parked in cond_wait, read and sleep for a second use hardly any
 * processor time
 *
 * uses: futex read clock_nanosleep
 */
#include "prog.h"

#include <semaphore.h>
#include <sys/resource.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int fd[2];
static sem_t parked;

static void *park(void *arg)
{
	char c;

	sem_post(&parked);
	switch ((intptr_t)arg % 3) {
	case 0:
		pthread_mutex_lock(&lock);
		for (;;)
			pthread_cond_wait(&cond, &lock);
	case 1:
		CHECK(read(fd[0], &c, 1) == 9);
		break;
	case 2:
		sleep(1000);
		break;
	}
	return NULL;
}

static int64_t used_ms(void)
{
	struct rusage r;

	CHECK(getrusage(RUSAGE_SELF, &r) == 0);
	return (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000 +
	       (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1000;
}

int main(void)
{
	int64_t before, used;

	CHECK(pipe(fd) == 0);
	sem_init(&parked, 0, 0);
	for (intptr_t i = 0; i < 100; i++)
		thread_start(park, (void *)i);
	for (int i = 0; i < 100; i++)
		sem_wait(&parked);
	usleep(20000);
	before = used_ms();
	sleep(1);
	used = used_ms() - before;
	if (used < 50)
		puts("ok");
	else
		printf("%d ms\n", (int)used);
	fflush(stdout);
	_exit(used >= 50);
}
