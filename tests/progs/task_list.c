/* SPDX-License-Identifier: MIT */
/*
 * task_list - the directory /proc/self/task lists the threads that are there by their ids, main's too, and no
 * others: in small pieces, from any position, once they have ended, in a child of fork
 *
 * uses: getdents64 lseek openat gettid fork wait4
 */
#include "prog.h"

#include <dirent.h>
#include <fcntl.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { THREADS = 40 };

static sem_t ready, go;
static pid_t tids[THREADS + 1];

static void *wait_there(void *arg)
{
	*(pid_t *)arg = gettid();
	sem_post(&ready);
	while (sem_wait(&go) != 0)
		CHECK(errno == EINTR);
	return NULL;
}

/* Which of tids[] is it? Each once. */
static void tick(const char *name, bool seen[])
{
	pid_t tid = atoi(name);
	int i = 0;

	if (name[0] == '.')
		return;
	while (i <= THREADS && tids[i] != tid)
		i++;
	CHECK(i <= THREADS);
	CHECK(!seen[i]);
	seen[i] = true;
}

static void all_seen(const bool seen[])
{
	for (int i = 0; i <= THREADS; i++)
		CHECK(seen[i]);
}

static void read_dir(DIR *d)
{
	bool seen[THREADS + 1] = { false };
	struct dirent *e;

	while ((e = readdir(d))) {
		CHECK(e->d_ino != 0 && e->d_type == DT_DIR);
		tick(e->d_name, seen);
	}
	all_seen(seen);
}

/* A few entries a call, and each position leads back to what came after it. */
static void read_pieces(void)
{
	struct {
		uint64_t ino;
		int64_t next;
		uint16_t size;
		uint8_t type;
		char name[256];
	} one, again;
	char buf[64] __attribute__((aligned(8)));
	bool seen[THREADS + 1] = { false };
	int fd = open("/proc/self/task", O_RDONLY | O_DIRECTORY);
	int64_t before = -1;
	long n;

	CHECK(fd >= 0);
	CHECK_ERRNO(syscall(SYS_getdents64, fd, buf, 8), EINVAL);
	while ((n = syscall(SYS_getdents64, fd, buf, sizeof buf)) > 0)
		for (long at = 0; at < n; at += one.size) {
			memcpy(&one, buf + at, sizeof buf - (size_t)at);
			tick(one.name, seen);
			if (before >= 0) {
				char other[64] __attribute__((aligned(8)));
				off_t pos = lseek(fd, 0, SEEK_CUR);

				CHECK(lseek(fd, before, SEEK_SET) == before);
				CHECK(syscall(SYS_getdents64, fd, other, sizeof other) > 0);
				memcpy(&again, other, sizeof other);
				CHECK(strcmp(one.name, again.name) == 0);
				CHECK(lseek(fd, pos, SEEK_SET) == pos);
			}
			before = one.next;
		}
	CHECK(n == 0);
	all_seen(seen);
	CHECK(syscall(SYS_getdents64, fd, buf, sizeof buf) == 0);
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	CHECK_ERRNO(syscall(SYS_getdents64, fd, (void *)8, 4096), EFAULT);
	close(fd);
}

/* How many threads PATH lists; *LAST is the id of the last. */
static int count(const char *path, pid_t *last)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int n = 0;

	CHECK(d);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.') {
			*last = atoi(e->d_name);
			n++;
		}
	closedir(d);
	return n;
}

static void in_child(void)
{
	int status;
	pid_t pid = fork(), last;

	if (pid == 0) {
		CHECK(count("/proc/self/task", &last) == 1);
		CHECK(last == getpid() && last == gettid());
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void of_child(void)
{
	int status, p[2];
	char path[64], c;
	pid_t pid, last;

	CHECK(pipe(p) == 0);
	pid = fork();
	if (pid == 0) {
		close(p[1]);
		_exit(read(p[0], &c, 1) == 0 ? 0 : 1);
	}
	snprintf(path, sizeof path, "/proc/%d/task", pid);
	CHECK(count(path, &last) == 1);
	CHECK(last == pid);
	close(p[1]);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

int main(void)
{
	pthread_t t[THREADS];
	char path[64];
	pid_t last;
	DIR *d;
	long at;

	sem_init(&ready, 0, 0);
	sem_init(&go, 0, 0);
	for (int i = 0; i < THREADS; i++)
		t[i] = thread_start(wait_there, &tids[i]);
	for (int i = 0; i < THREADS; i++)
		sem_wait(&ready);
	tids[THREADS] = gettid();

	snprintf(path, sizeof path, "/proc/%d/task", getpid());
	d = opendir(path);
	CHECK(d);
	read_dir(d);
	rewinddir(d);
	read_dir(d);
	at = telldir(d);
	CHECK(!readdir(d));
	seekdir(d, at);
	CHECK(!readdir(d));
	closedir(d);
	read_pieces();
	in_child();
	of_child();

	for (int i = 0; i < THREADS; i++)
		sem_post(&go);
	for (int i = 0; i < THREADS; i++)
		thread_join(t[i]);
	/* Who is joined has left its stack, but may be listed a moment longer. */
	while (count("/proc/self/task", &last) > 1)
		sched_yield();
	CHECK(last == getpid());
	puts("ok");
	return 0;
}
