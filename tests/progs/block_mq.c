/* SPDX-License-Identifier: MIT */
/*
 * block_mq - eight threads blocked in mq_receive leave the processor to one that computes; timed
 * ones time out
 *
 * uses: mq_timedreceive mq_timedsend mq_open mq_unlink
 */
#include "blocked.h"

#include <fcntl.h>
#include <mqueue.h>

static mqd_t queue;

static void *wait_message(void *arg)
{
	char buf[8];

	blocked_now();
	CHECK(mq_receive(queue, buf, sizeof(buf), NULL) == 6 && strcmp(buf, "hello") == 0);
	return arg;
}

static void release(intptr_t i)
{
	(void)i;
	CHECK(mq_send(queue, "hello", 6, 0) == 0);
}

int main(void)
{
	struct mq_attr attr = { .mq_maxmsg = 4, .mq_msgsize = 8 };
	struct timespec end;
	char name[64], buf[8];

	snprintf(name, sizeof(name), "/progs-mq-%d", getpid());
	queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
	if (queue == (mqd_t)-1 &&
	    (errno == ENOSYS || errno == EACCES || errno == ENOSPC || errno == EMFILE))
		prog_skip("no POSIX message queues here");
	CHECK(queue != (mqd_t)-1 && mq_unlink(name) == 0);
	blocked_run(wait_message, release);
	end = clock_after(CLOCK_REALTIME, 20);
	CHECK_ERRNO(mq_timedreceive(queue, buf, sizeof(buf), NULL, &end), ETIMEDOUT);
	return 0;
}
