/* SPDX-License-Identifier: MIT */
/*
 * cancel_blocked - a cancelled thread leaves read, cond_wait, sleep, join, sem_wait, poll, accept …
 * and runs its clean-up handlers
 *
 * uses: tgkill futex read clock_nanosleep poll accept recvfrom
 */
#include "prog.h"

#include <poll.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { CALLS = 9 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int fd[2], sk[2], listener, cleaned;
static sem_t entering, never;
static pthread_t main_thread;

static void clean(void *arg)
{
	cleaned++;
	if (arg)
		CHECK0(pthread_mutex_unlock(arg)); /* a cancelled cond_wait has the mutex again */
}

static void block(int which)
{
	struct pollfd p = { fd[0], POLLIN, 0 };
	struct timespec end = clock_after(CLOCK_REALTIME, 86400000);
	char c;

	switch (which) {
	case 0:
		read(fd[0], &c, 1);
		break;
	case 1:
		sleep(86400);
		break;
	case 2:
		pthread_join(main_thread, NULL);
		break;
	case 3:
		sem_wait(&never);
		break;
	case 4:
		poll(&p, 1, -1);
		break;
	case 5:
		accept(listener, NULL, NULL);
		break;
	case 6:
		recv(sk[0], &c, 1, 0);
		break;
	case 7:
		pause();
		break;
	case 8:
		sem_timedwait(&never, &end);
		break;
	}
}

static void *run(void *arg)
{
	int which = (int)(intptr_t)arg;

	if (which == CALLS)
		pthread_mutex_lock(&lock);
	pthread_cleanup_push(clean, NULL);
	pthread_cleanup_push(clean, which == CALLS ? &lock : NULL);
	sem_post(&entering);
	if (which == CALLS)
		for (;;)
			pthread_cond_wait(&cond, &lock);
	block(which);
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	return NULL;
}

int main(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	main_thread = pthread_self();
	CHECK(pipe(fd) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, sk) == 0);
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(bind(listener, (struct sockaddr *)&addr, sizeof(sa_family_t)) == 0 &&
	      listen(listener, 1) == 0);
	sem_init(&entering, 0, 0);
	sem_init(&never, 0, 0);
	for (int round = 0; round < 2; round++) {
		for (intptr_t i = 0; i <= CALLS; i++) {
			pthread_t t = thread_start(run, (void *)i);

			sem_wait(&entering);
			if (round == 0)
				usleep(1000); /* it blocks; in the other round it may be on its way */
			CHECK0(pthread_cancel(t));
			CHECK(thread_join(t) == PTHREAD_CANCELED);
		}
	}
	CHECK0(pthread_mutex_trylock(&lock));
	printf("%d\n", cleaned);
	return 0;
}
