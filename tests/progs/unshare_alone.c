/* SPDX-License-Identifier: MIT */
/*
 * unshare_alone - a process whose threads have all ended is one of a single thread again: it may change its user
 * namespace, and make threads afterwards; while there is another it may not
 *
 * uses: unshare setns clone3 exit futex fork wait4
 */
#include "prog.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>

enum { THREADS = 20, ROUNDS = 6 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t bar;
static int go, pipes[2];

static void *meet(void *arg)
{
	struct timespec ts = { 0, 100000 };

	if (arg)
		nanosleep(&ts, NULL);
	sched_yield();
	pthread_barrier_wait(&bar);
	return arg;
}

static void threads(void)
{
	pthread_t t[THREADS];
	char c;

	pthread_barrier_init(&bar, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		t[i] = thread_start(meet, i % 2 ? t : NULL);
	for (int i = 0; i < THREADS; i++)
		thread_join(t[i]);
	CHECK(write(pipes[1], "x", 1) == 1 && read(pipes[0], &c, 1) == 1);
}

static void *wait_for_go(void *arg)
{
	CHECK0(pthread_mutex_lock(&lock));
	while (!go)
		CHECK0(pthread_cond_wait(&cond, &lock));
	CHECK0(pthread_mutex_unlock(&lock));
	return arg;
}

/* Who was joined is counted by the kernel for a moment longer. */
static void until_alone(void)
{
	int n;

	do {
		DIR *d = opendir("/proc/self/task");

		CHECK(d);
		n = -2; /* . and .. */
		while (readdir(d))
			n++;
		closedir(d);
	} while (n > 1);
}

/* What a call says with another thread there, and when it has ended. */
static void both(const char *name, int flags)
{
	pthread_t t = thread_start(wait_for_go, NULL);
	int r;

	CHECK_ERRNO(unshare(flags), EINVAL);
	CHECK0(pthread_mutex_lock(&lock));
	go = 1;
	CHECK0(pthread_cond_signal(&cond));
	CHECK0(pthread_mutex_unlock(&lock));
	thread_join(t);
	go = 0;
	until_alone();
	r = unshare(flags);
	printf("%s: %s\n", name, r ? strerror(errno) : "ok");
}

static void in_child(void)
{
	int ns = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);

	CHECK(ns >= 0);
	threads();
	both("CLONE_THREAD", CLONE_THREAD);
	both("CLONE_SIGHAND", CLONE_SIGHAND);
	both("CLONE_VM", CLONE_VM);
	for (int i = 0; i < ROUNDS; i++) {
		threads();
		both("CLONE_NEWUSER", CLONE_NEWUSER);
	}
	/* Its own it may not enter again, which is looked at first, nor may it go back. */
	threads();
	until_alone();
	printf("setns: %s\n", setns(ns, CLONE_NEWUSER) ? strerror(errno) : "ok");
	threads();
	close(ns);
}

int main(void)
{
	setbuf(stdout, NULL);
	CHECK(pipe(pipes) == 0);
	/* The child of a process that has had threads, and of one that has none. */
	for (int i = 0; i < 2; i++) {
		int status;
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (!pid) {
			in_child();
			_exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
		threads();
	}
	in_child();
	puts("ok");
	return 0;
}
