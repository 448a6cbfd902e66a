/* SPDX-License-Identifier: MIT */
/*
 * mq_notify - mq_notify with SIGEV_THREAD runs its function when a message comes to an empty queue
 *
 * uses: mq_open mq_notify mq_timedsend clone3
 */
#include "prog.h"

#include <fcntl.h>
#include <mqueue.h>
#include <semaphore.h>
#include <signal.h>

static mqd_t queue;
static sem_t done;

static void notified(union sigval val)
{
	char buf[8];

	CHECK(val.sival_int == 3);
	CHECK(mq_receive(queue, buf, sizeof(buf), NULL) == 6 && strcmp(buf, "hello") == 0);
	sem_post(&done);
}

int main(void)
{
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD,
			       .sigev_notify_function = notified,
			       .sigev_value.sival_int = 3 };
	struct mq_attr attr = { .mq_maxmsg = 4, .mq_msgsize = 8 };
	char name[64];

	sem_init(&done, 0, 0);
	snprintf(name, sizeof(name), "/progs-notify-%d", getpid());
	queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
	if (queue == (mqd_t)-1 && (errno == ENOSYS || errno == EACCES || errno == ENOSPC))
		prog_skip("no POSIX message queues here");
	CHECK(queue != (mqd_t)-1 && mq_unlink(name) == 0);
	for (int i = 0; i < 3; i++) {
		CHECK(mq_notify(queue, &ev) == 0);
		CHECK(mq_send(queue, "hello", 6, 0) == 0);
		CHECK(sem_wait(&done) == 0);
	}
	puts("ok");
	return 0;
}
