/* SPDX-License-Identifier: MIT */
/*
 * shared_robust - a shared robust mutex outlives the thread, and the process, of another process
 * that held it
 *
 * uses: futex exit set_robust_list fork
 */
#include "prog.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

static pthread_mutex_t *lock;

static void *die_with_lock(void *arg)
{
	CHECK0(pthread_mutex_lock(lock));
	if (arg)
		kill(getpid(), SIGKILL);
	return NULL;
}

/* A child whose thread locks and ends; then, or with it, the child. */
static void child_dies(bool by_signal)
{
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		thread_join(thread_start(die_with_lock, by_signal ? lock : NULL));
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(by_signal ? WIFSIGNALED(status) : status == 0);
	CHECK_RET(pthread_mutex_lock(lock), EOWNERDEAD);
	CHECK0(pthread_mutex_consistent(lock));
	CHECK0(pthread_mutex_unlock(lock));
}

static void *run(void *arg)
{
	child_dies(false);
	child_dies(true);
	return arg;
}

int main(void)
{
	pthread_mutexattr_t attr;

	lock = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(lock != MAP_FAILED);
	CHECK0(pthread_mutexattr_init(&attr));
	CHECK0(pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED));
	CHECK0(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST));
	CHECK0(pthread_mutex_init(lock, &attr));
	run(NULL);
	thread_join(thread_start(run, NULL));
	puts("ok");
	return 0;
}
