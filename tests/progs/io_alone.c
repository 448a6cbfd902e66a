/* SPDX-License-Identifier: MIT */
/*
 * io_alone - one thread talks to another process while the others wait: signalled, cancelled, its descriptor
 * closed or shut down, and with others that begin to work
 *
 * uses: read recvfrom write close shutdown dup2 fcntl fork tgkill rt_sigaction
 */
#include "prog.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { TALKS = 200 };

static int to[2], quiet[2];
static _Atomic int handled, there, over, worked;

/* The other process sends back what it gets. */
static pid_t echo(int fd)
{
	pid_t pid = fork();
	char c;

	CHECK(pid >= 0);
	if (pid)
		return pid;
	close(to[0]);
	while (read(fd, &c, 1) == 1)
		if (write(fd, &c, 1) != 1)
			break;
	_exit(0);
}

static void talk(void)
{
	for (int i = 0; i < TALKS; i++) {
		char c = (char)i, d;

		CHECK(write(to[0], &c, 1) == 1);
		CHECK((i & 1 ? read(to[0], &d, 1) : recv(to[0], &d, 1, 0)) == 1 && d == c);
	}
}

static void on_signal(int sig)
{
	(void)sig;
	handled++;
}

static void *interrupted(void *arg)
{
	char c;

	talk();
	there = 1;
	CHECK(read(to[0], &c, 1) == -1 && errno == EINTR);
	over = 1;
	return arg;
}

static void *restarted(void *arg)
{
	char c;

	talk();
	there = 1;
	CHECK(recv(to[0], &c, 1, 0) == 1 && c == 'r');
	return arg;
}

static void *cancelled(void *arg)
{
	char c;

	talk();
	there = 1;
	read(to[0], &c, 1);
	puts("not cancelled");
	return arg;
}

static void *shut(void *arg)
{
	char c;

	talk();
	there = 1;
	CHECK(read(to[0], &c, 1) == 0);
	return arg;
}

static void *nonblocking(void *arg)
{
	char c;

	talk();
	CHECK(fcntl(to[0], F_SETFL, O_NONBLOCK) == 0);
	CHECK(read(to[0], &c, 1) == -1 && errno == EAGAIN);
	CHECK(fcntl(to[0], F_SETFL, 0) == 0);
	talk();
	return arg;
}

static void *quiet_reader(void *arg)
{
	char c;

	CHECK(read(quiet[0], &c, 1) == 1);
	return arg;
}

static void *work(void *arg)
{
	worked++;
	return arg;
}

static void begin(void)
{
	while (!there)
		usleep(1000);
	/* Most likely it waits by now; all is as well if it does not. */
	usleep(20000);
	there = 0;
	/* Others run meanwhile. */
	thread_join(thread_start(work, NULL));
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	pthread_t t, q;
	void *end;
	pid_t pid;

	CHECK(pipe(quiet) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, to) == 0);
	pid = echo(to[1]);
	q = thread_start(quiet_reader, NULL);

	CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
	t = thread_start(interrupted, NULL);
	begin();
	while (!over) {
		CHECK(pthread_kill(t, SIGUSR1) == 0);
		usleep(1000);
	}
	thread_join(t);
	handled = 0;

	action.sa_flags = SA_RESTART;
	CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
	t = thread_start(restarted, NULL);
	begin();
	CHECK(pthread_kill(t, SIGUSR1) == 0);
	while (!handled)
		usleep(1000);
	CHECK(write(to[0], "r", 1) == 1); /* comes back */
	thread_join(t);

	t = thread_start(cancelled, NULL);
	begin();
	CHECK(pthread_cancel(t) == 0 && pthread_join(t, &end) == 0 && end == PTHREAD_CANCELED);

	thread_join(thread_start(nonblocking, NULL));

	t = thread_start(shut, NULL);
	begin();
	CHECK(shutdown(to[0], SHUT_RD) == 0);
	thread_join(t);

	CHECK(write(quiet[1], "q", 1) == 1);
	thread_join(q);
	CHECK(close(to[0]) == 0 && close(to[1]) == 0);
	CHECK(waitpid(pid, NULL, 0) == pid);
	CHECK(worked == 4);
	puts("ok");
	return 0;
}
