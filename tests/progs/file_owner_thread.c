/* SPDX-License-Identifier: MIT */
/*
 * file_owner_thread - a thread that owns a file (F_SETOWN_EX) gets the signal that it is ready, whatever
 * other threads do, and a descriptor for a thread tells of its end
 *
 * uses: fcntl pidfd_open prctl
 */
#include "prog.h"

#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

enum { READY = 40, PIDFD_OF_THREAD = O_EXCL };

static int fd[2];
static sem_t owned, end;
static __thread volatile int mine;
static int tid;

static void on_ready(int sig, siginfo_t *info, void *context)
{
	(void)context;
	CHECK(sig == READY && info->si_fd == fd[0] && info->si_code == POLL_IN);
	mine++;
}

static void wait_for(sem_t *sem)
{
	while (sem_wait(sem) != 0)
		CHECK(errno == EINTR);
}

static void *own(void *arg)
{
	struct f_owner_ex owner = { F_OWNER_TID, gettid() };
	int sig = 0;

	tid = gettid();
	CHECK(fcntl(fd[0], F_SETOWN_EX, &owner) == 0);
	owner.pid = 0;
	CHECK(fcntl(fd[0], F_GETOWN_EX, &owner) == 0);
	CHECK(owner.type == F_OWNER_TID && owner.pid == tid);
	CHECK(fcntl(fd[0], F_SETSIG, READY) == 0);
	CHECK(fcntl(fd[0], F_SETFL, O_ASYNC | O_NONBLOCK) == 0);
	CHECK(prctl(PR_SET_PDEATHSIG, SIGTERM) == 0);
	sem_post(&owned);
	while (!mine)
		usleep(1000);
	CHECK(prctl(PR_GET_PDEATHSIG, &sig) == 0 && sig == SIGTERM);
	wait_for(&end);
	return arg;
}

static void *look(void *arg)
{
	wait_for(&end);
	CHECK(mine == 0);
	return arg;
}

int main(void)
{
	struct sigaction sa = { .sa_sigaction = on_ready, .sa_flags = SA_SIGINFO };
	struct pollfd ended = { .events = POLLIN };
	pthread_t t, others[4];

	sem_init(&owned, 0, 0);
	sem_init(&end, 0, 0);
	CHECK(pipe(fd) == 0 && sigaction(READY, &sa, NULL) == 0);
	for (int i = 0; i < 4; i++)
		others[i] = thread_start(look, NULL);
	t = thread_start(own, NULL);
	wait_for(&owned);
	ended.fd = (int)syscall(SYS_pidfd_open, tid, PIDFD_OF_THREAD);
	if (ended.fd < 0)
		CHECK(errno == EINVAL); /* before Linux 6.9 */
	else
		CHECK(poll(&ended, 1, 0) == 0);
	CHECK(syscall(SYS_pidfd_open, tid, 0) == -1 && errno != ESRCH);
	CHECK(syscall(SYS_kcmp, getpid(), tid, 0 /* KCMP_FILE */, fd[0], fd[0]) == 0 ||
	      errno == ENOSYS || errno == EPERM);
	CHECK(write(fd[1], "x", 1) == 1);
	for (int i = 0; i < 5; i++)
		sem_post(&end);
	if (ended.fd >= 0)
		CHECK(poll(&ended, 1, -1) == 1);
	thread_join(t);
	for (int i = 0; i < 4; i++)
		thread_join(others[i]);
	CHECK(mine == 0);
	puts("ok");
	return 0;
}
