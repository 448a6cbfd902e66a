/* SPDX-License-Identifier: MIT */
/*
 * process_by_tid - any thread's id names its process, where a process is meant, as long as the thread lives
 *
 * uses: kill rt_sigqueueinfo getpgid getsid prlimit64 process_vm_readv
 */
#include "prog.h"

#include <semaphore.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/uio.h>

static sem_t ready, go;
static pid_t tid;

static void *run(void *arg)
{
	tid = gettid();
	sem_post(&ready);
	sem_wait(&go);
	return arg;
}

int main(void)
{
	char there[] = "there", here[sizeof(there)] = "";
	struct iovec to = { here, sizeof(here) }, from = { there, sizeof(there) };
	struct rlimit by_tid, mine;
	siginfo_t info;
	sigset_t set;
	pthread_t t;

	sem_init(&ready, 0, 0);
	sem_init(&go, 0, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	t = thread_start(run, NULL);
	sem_wait(&ready);
	CHECK(tid != getpid());
	CHECK(kill(tid, 0) == 0);
	CHECK(kill(tid, SIGUSR1) == 0);
	CHECK(sigwaitinfo(&set, &info) == SIGUSR1);
	CHECK(info.si_code == SI_USER && info.si_pid == getpid());
	CHECK(sigqueue(tid, SIGUSR1, (union sigval){ .sival_int = 5 }) == 0);
	CHECK(sigwaitinfo(&set, &info) == SIGUSR1);
	CHECK(info.si_code == SI_QUEUE && info.si_int == 5);
	CHECK(getpgid(tid) == getpgid(0) && getsid(tid) == getsid(0));
	CHECK(prlimit(tid, RLIMIT_NOFILE, NULL, &by_tid) == 0);
	CHECK(getrlimit(RLIMIT_NOFILE, &mine) == 0);
	CHECK(by_tid.rlim_cur == mine.rlim_cur && by_tid.rlim_max == mine.rlim_max);
	if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)sizeof(there)) {
		here[0] = '\0';
		CHECK(process_vm_readv(tid, &to, 1, &from, 1, 0) == (ssize_t)sizeof(there));
		CHECK(strcmp(here, there) == 0);
	}
	sem_post(&go);
	thread_join(t);
	puts("ok");
	return 0;
}
