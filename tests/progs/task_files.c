/* SPDX-License-Identifier: MIT */
/*
 * task_files - the files of a thread below /proc are there, for it and for others, and tell of it; those of
 * the process tell how many threads it has
 *
 * uses: openat newfstatat faccessat readlink getdents64
 */
#include "prog.h"

#include <dirent.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/stat.h>

enum { THREADS = 5 }; /* besides main */

static int tids[THREADS];
static sem_t there, end, leave;
static char text[1 << 16];

static void read_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	CHECK(fd >= 0);
	n = read(fd, text, sizeof(text) - 1);
	CHECK(n > 0);
	text[n] = '\0';
	close(fd);
}

static const char *field(const char *name)
{
	const char *at = strstr(text, name);

	CHECK(at);
	at += strlen(name);
	return at + strspn(at, "\t ");
}

/* Path of FILE of TID, in each of the ways that lead there. */
static const char *path_to(char buf[64], int way, int tid, const char *file)
{
	if (way == 0)
		snprintf(buf, 64, "/proc/self/task/%d/%s", tid, file);
	else if (way == 1)
		snprintf(buf, 64, "/proc/%d/task/%d/%s", getpid(), tid, file);
	else
		snprintf(buf, 64, "/proc/thread-self/%s", file);
	return buf;
}

static void check_thread(int tid, const char *name, int way)
{
	char path[64], want[64];
	struct stat st;
	FILE *f;
	int pid;

	read_file(path_to(path, way, tid, "stat"));
	snprintf(want, sizeof(want), "%d (%s) ", tid, name);
	CHECK(strncmp(text, want, strlen(want)) == 0);
	CHECK(strchr("RS", text[strlen(want)]));
	CHECK(strrchr(text, ')') && strchr(strrchr(text, ')'), '\n'));

	read_file(path_to(path, way, tid, "status"));
	CHECK(strncmp(field("Name:"), name, strlen(name)) == 0);
	CHECK(atoi(field("\nPid:")) == tid && atoi(field("Tgid:")) == getpid());
	CHECK(strtoull(field("SigBlk:"), NULL, 16) == 1ull << (SIGUSR1 - 1));
	CHECK(strtoull(field("SigCgt:"), NULL, 16) & 1ull << (SIGUSR2 - 1));
	CHECK(!(strtoull(field("SigCgt:"), NULL, 16) & 1ull << (SIGUSR1 - 1)));
	CHECK(atoi(field("Threads:")) == THREADS + 1);

	read_file(path_to(path, way, tid, "maps"));
	CHECK(strstr(text, "task_files"));
	read_file(path_to(path, way, tid, "cmdline"));
	CHECK(strstr(text, "task_files"));
	CHECK(stat(path_to(path, way, tid, "stat"), &st) == 0 && S_ISREG(st.st_mode));
	CHECK(access(path_to(path, way, tid, "status"), R_OK) == 0);
	CHECK(lstat(path_to(path, way, tid, "exe"), &st) == 0 && S_ISLNK(st.st_mode));
	CHECK(readlink(path_to(path, way, tid, "exe"), text, sizeof(text)) > 0);
	CHECK_ERRNO(open(path_to(path, way, tid, "nothing"), O_RDONLY), ENOENT);
	f = fopen(path_to(path, way, tid, "stat"), "re");
	CHECK(f && fscanf(f, "%d", &pid) == 1 && pid == tid);
	fclose(f);
}

static void *run(void *arg)
{
	char name[16], want[64], path[64];
	int i = (int)(intptr_t)arg;
	ssize_t n;

	tids[i] = gettid();
	snprintf(name, sizeof(name), "t(%d) x", i);
	CHECK0(pthread_setname_np(pthread_self(), name));
	sem_post(&there);
	sem_wait(&end);
	check_thread(tids[i], name, 2);
	n = readlink("/proc/thread-self", path, sizeof(path) - 1);
	CHECK(n > 0);
	path[n] = '\0';
	snprintf(want, sizeof(want), "%d/task/%d", getpid(), tids[i]);
	CHECK(strcmp(path, want) == 0);
	sem_post(&there);
	sem_wait(&leave);
	return arg;
}

static int count_threads(void)
{
	int n;

	read_file("/proc/self/status");
	n = atoi(field("Threads:"));
	CHECK(atoi(field("\nPid:")) == getpid());
	read_file("/proc/self/stat");
	CHECK(atoi(text) == getpid());
	/* 20th of all fields, 17 behind the state */
	for (char *at = strrchr(text, ')') + 2, i = 0;; at = strchr(at, ' ') + 1, i++)
		if (i == 17)
			return atoi(at) == n ? n : -1;
}

static void on_signal(int sig)
{
	(void)sig;
}

int main(void)
{
	pthread_t t[THREADS];
	char path[64], name[16];
	sigset_t set;
	DIR *dir;

	CHECK(count_threads() == 1);
	sem_init(&there, 0, 0);
	sem_init(&end, 0, 0);
	sem_init(&leave, 0, 0);
	signal(SIGUSR2, on_signal);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK0(pthread_sigmask(SIG_SETMASK, &set, NULL));
	for (intptr_t i = 0; i < THREADS; i++)
		t[i] = thread_start(run, (void *)i);
	for (int i = 0; i < THREADS; i++)
		sem_wait(&there);
	CHECK(count_threads() == THREADS + 1);
	for (int i = 0; i < THREADS; i++) {
		snprintf(name, sizeof(name), "t(%d) x", i);
		for (int way = 0; way < 2; way++)
			check_thread(tids[i], name, way);
		snprintf(path, sizeof(path), "/proc/self/task/%d", tids[i]);
		dir = opendir(path);
		CHECK(dir);
		closedir(dir);
	}
	for (int i = 0; i < THREADS; i++) {
		sem_post(&end);
		sem_wait(&there);
	}
	for (int i = 0; i < THREADS; i++)
		sem_post(&leave);
	for (int i = 0; i < THREADS; i++)
		thread_join(t[i]);
	/* The kernel may need a moment after join. */
	while (access(path, F_OK) == 0 || count_threads() != 1)
		usleep(1000);
	CHECK_ERRNO(open(path, O_RDONLY), ENOENT);
	puts("ok");
	return 0;
}
