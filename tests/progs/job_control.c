/* SPDX-License-Identifier: MIT */
/*
 * job_control - a process with threads is stopped and continued, by SIGTSTP, SIGSTOP and by reading a terminal
 * in the background, and interrupted from the keyboard
 *
 * uses: kill ioctl read
 */
#include "prog.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

static volatile bool continued;
static int hold[2]; /* whoever was continued stays until its other end is closed */

static void on_continue(int sig)
{
	(void)sig;
	continued = true;
}

static void *wait_for_ever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void *read_line(void *arg)
{
	char c = 0;
	ssize_t n = read(0, &c, 1);

	if (n == 1 && c == 'x')
		_exit(42);
	_exit(n < 0 && errno == EIO ? 43 : 1);
	return arg;
}

/* A child with threads, the last of which runs FN; it says so first. */
static pid_t child(void *(*fn)(void *), int tty)
{
	pid_t pid;
	int fd[2];
	char c;

	CHECK(pipe(fd) == 0);
	pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		if (tty >= 0)
			dup2(tty, 0);
		for (int i = 0; i < 3; i++)
			thread_start(wait_for_ever, NULL);
		CHECK(write(fd[1], "x", 1) == 1);
		thread_start(fn, NULL);
		close(hold[1]);
		while (!continued)
			usleep(1000);
		while (read(hold[0], &c, 1) != 0)
			CHECK(errno == EINTR);
		_exit(4);
	}
	CHECK(pid > 0 && read(fd[0], &c, 1) == 1);
	close(fd[0]);
	close(fd[1]);
	return pid;
}

static int wait_status(pid_t pid, int flags)
{
	int status;

	CHECK(waitpid(pid, &status, flags) == pid);
	return status;
}

static void stopped_by(pid_t pid, int sig)
{
	int status = wait_status(pid, WUNTRACED);

	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == sig);
}

static void by_signal(int sig)
{
	pid_t pid;

	CHECK(pipe(hold) == 0);
	pid = child(wait_for_ever, -1);
	CHECK(kill(pid, sig) == 0);
	stopped_by(pid, sig);
	CHECK(kill(pid, SIGCONT) == 0);
	CHECK(WIFCONTINUED(wait_status(pid, WCONTINUED)));
	close(hold[0]);
	close(hold[1]);
	CHECK(wait_status(pid, 0) == 4 << 8);
}

/* The leader of a session with a terminal of its own. */
static void at_terminal(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), tty;
	pid_t pid;

	CHECK(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	CHECK(setsid() > 0);
	tty = open(ptsname(master), O_RDWR | O_NOCTTY);
	CHECK(tty >= 0 && ioctl(tty, TIOCSCTTY, 0) == 0);

	CHECK(pipe(hold) == 0);
	/* In the background, then in front. */
	pid = child(read_line, tty);
	stopped_by(pid, SIGTTIN);
	signal(SIGTTOU, SIG_IGN);
	CHECK(tcsetpgrp(tty, pid) == 0 && write(master, "x\n", 2) == 2);
	signal(SIGCONT, SIG_DFL);
	CHECK(kill(pid, SIGCONT) == 0);
	CHECK(WIFEXITED(wait_status(pid, 0)));

	/* The same, deaf to it. */
	signal(SIGTTIN, SIG_IGN);
	CHECK(tcsetpgrp(tty, getpgrp()) == 0);
	CHECK(wait_status(child(read_line, tty), 0) == 43 << 8);

	pid = child(wait_for_ever, -1);
	CHECK(tcsetpgrp(tty, pid) == 0 && write(master, "\003", 1) == 1);
	CHECK(wait_status(pid, 0) == SIGINT);
	_exit(0);
}

int main(void)
{
	pid_t pid;

	signal(SIGCONT, on_continue);
	by_signal(SIGTSTP);
	by_signal(SIGSTOP);
	pid = fork();
	if (pid == 0) {
		signal(SIGCONT, SIG_DFL);
		at_terminal();
	}
	CHECK(wait_status(pid, 0) == 0);
	puts("ok");
	return 0;
}
