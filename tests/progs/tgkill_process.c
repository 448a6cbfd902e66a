/* SPDX-License-Identifier: MIT */
/*
 * tgkill_process - one process signals one thread of another, by the ids of both: a child a thread of its
 * parent, the parent one of its child; it is that thread which runs the handler, and it learns who sent what
 *
 * uses: tgkill rt_tgsigqueueinfo fork wait4 gettid
 */
#include "prog.h"

#include <semaphore.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { VALUE = 0x12345678 };

static struct {
	int signo, code, value;
	pid_t from, tid;
	uid_t uid;
} got[2];
static volatile sig_atomic_t n_got;
static sem_t ready, arrived;
static pid_t target_tid;

static void on_signal(int sig, siginfo_t *info, void *uc)
{
	int i = n_got++;

	(void)uc;
	got[i].signo = sig;
	got[i].code = info->si_code;
	got[i].value = info->si_value.sival_int;
	got[i].from = info->si_pid;
	got[i].uid = info->si_uid;
	got[i].tid = gettid();
	sem_post(&arrived);
}

static void wait_for(sem_t *sem)
{
	while (sem_wait(sem) != 0)
		CHECK(errno == EINTR);
}

static void *target(void *arg)
{
	target_tid = gettid();
	sem_post(&ready);
	for (int i = 0; i < 2; i++)
		wait_for(&arrived);
	return arg;
}

/* What the target must have seen when SENDER had called send_all(). */
static void check_all(pid_t sender)
{
	for (int i = 0; i < 2; i++) {
		CHECK(got[i].from == sender && got[i].uid == getuid());
		CHECK(got[i].tid == target_tid);
	}
	CHECK(got[0].signo == SIGUSR1 && got[0].code == SI_TKILL);
	CHECK(got[1].signo == SIGRTMIN && got[1].code == SI_QUEUE && got[1].value == VALUE);
}

static long queue_to(pid_t pid, pid_t tid, int sig, int code)
{
	siginfo_t info = { .si_signo = sig, .si_code = code };

	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_int = VALUE;
	return syscall(SYS_rt_tgsigqueueinfo, pid, tid, sig, &info);
}

static void send_all(pid_t pid, pid_t tid)
{
	CHECK_ERRNO(tgkill(pid, tid, 65), EINVAL);
	CHECK_ERRNO(tgkill(pid, gettid(), SIGUSR2), ESRCH);
	CHECK_ERRNO(tgkill(getpid(), tid, SIGUSR2), ESRCH);
	CHECK_ERRNO(queue_to(getpid(), tid, SIGUSR2, SI_QUEUE), ESRCH);
	CHECK_ERRNO(queue_to(pid, gettid(), SIGUSR2, SI_QUEUE), ESRCH);
	CHECK_ERRNO(queue_to(pid, tid, SIGUSR2, SI_TKILL), EPERM);
	CHECK(tgkill(pid, tid, SIGUSR1) == 0);
	CHECK(queue_to(pid, tid, SIGRTMIN, SI_QUEUE) == 0);
}

static void to_parent(void)
{
	pthread_t t = thread_start(target, NULL);
	int status;
	pid_t pid;

	wait_for(&ready);
	pid = fork();
	if (pid == 0) {
		send_all(getppid(), target_tid);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	thread_join(t);
	check_all(pid);
}

static void to_child(void)
{
	int p[2], status;
	pid_t pid, tid;

	CHECK(pipe(p) == 0);
	pid = fork();
	if (pid == 0) {
		pthread_t t = thread_start(target, NULL);

		wait_for(&ready);
		CHECK(write(p[1], &target_tid, sizeof target_tid) == sizeof target_tid);
		thread_join(t);
		check_all(getppid());
		_exit(0);
	}
	CHECK(read(p[0], &tid, sizeof tid) == sizeof tid);
	send_all(pid, tid);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

int main(void)
{
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };

	sigfillset(&sa.sa_mask);
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	CHECK(sigaction(SIGRTMIN, &sa, NULL) == 0);
	sem_init(&ready, 0, 0);
	sem_init(&arrived, 0, 0);
	to_parent();
	n_got = 0;
	to_child();
	puts("ok");
	return 0;
}
