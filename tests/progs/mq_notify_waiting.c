/* SPDX-License-Identifier: MIT */
/*
 * mq_notify_waiting - a message for which a thread waits in mq_receive goes to that thread, and nobody is
 * notified; the notification stays registered for the next
 *
 * Whether the thread waits already cannot be seen from outside, so it is given more and more time, until the
 * message finds it waiting.
 *
 * uses: mq_notify mq_timedreceive mq_timedsend
 */
#include "prog.h"

#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>

static mqd_t queue;
static volatile sig_atomic_t told;

static void on_message(int sig)
{
	(void)sig;
	told++;
}

static void *receive(void *arg)
{
	char buf[8];

	CHECK(mq_receive(queue, buf, sizeof(buf), NULL) == 6 && strcmp(buf, "hello") == 0);
	return arg;
}

int main(void)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct mq_attr attr = { .mq_maxmsg = 4, .mq_msgsize = 8 };
	sigset_t usr, old;
	char name[64], buf[8];
	int ms;

	snprintf(name, sizeof(name), "/progs-waiting-%d", getpid());
	queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
	if (queue == (mqd_t)-1 && (errno == ENOSYS || errno == EACCES || errno == ENOSPC))
		prog_skip("no POSIX message queues here");
	CHECK(queue != (mqd_t)-1 && mq_unlink(name) == 0);
	signal(SIGUSR1, on_message);
	sigemptyset(&usr);
	sigaddset(&usr, SIGUSR1);
	CHECK0(pthread_sigmask(SIG_BLOCK, &usr, &old)); /* the thread has it blocked */
	CHECK(mq_notify(queue, &ev) == 0);
	for (ms = 1;; ms *= 2) {
		pthread_t t = thread_start(receive, NULL);

		CHECK(ms <= 4096);
		told = 0;
		sleep_ms(ms);
		CHECK(mq_send(queue, "hello", 6, 0) == 0);
		thread_join(t);
		CHECK0(pthread_sigmask(SIG_SETMASK, &old, NULL));
		CHECK0(pthread_sigmask(SIG_BLOCK, &usr, NULL));
		if (!told)
			break;
		CHECK(mq_notify(queue, &ev) == 0);
	}
	CHECK_ERRNO(mq_notify(queue, &ev), EBUSY);
	CHECK0(pthread_sigmask(SIG_SETMASK, &old, NULL));
	CHECK(mq_send(queue, "hello", 6, 0) == 0);
	while (!told)
		sleep_ms(1);
	CHECK(mq_receive(queue, buf, sizeof(buf), NULL) == 6);
	CHECK(mq_notify(queue, &ev) == 0);
	puts("ok");
	return 0;
}
