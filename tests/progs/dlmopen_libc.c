/* SPDX-License-Identifier: MIT */
/*
 * dlmopen_libc - a second libc in a namespace of its own: threads of the first call into it, and find it
 * agree about who they are, what they wait for and when they are signalled
 *
 * uses: openat mmap gettid read nanosleep
 */
#include "prog.h"

#include <dlfcn.h>
#include <signal.h>

static pid_t (*other_gettid)(void);
static int (*other_usleep)(useconds_t us);
static ssize_t (*other_read)(int fd, void *buf, size_t n);
static void *(*other_malloc)(size_t n);
static void (*other_free)(void *p);
static volatile int signals;

static void on_signal(int sig)
{
	(void)sig;
	signals++;
}

static void *run(void *arg)
{
	int *fd = arg;
	char c;

	for (int i = 0; i < 50; i++) {
		char *p = other_malloc(100 + (size_t)i);

		CHECK(p && other_gettid() == gettid());
		memset(p, 1, 100);
		other_usleep(100); /* or until the signal */
		other_free(p);
	}
	CHECK(other_read(fd[0], &c, 1) == 1);
	return NULL;
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	pthread_t t[4];
	void *lib;
	int fd[2];

	CHECK(pipe(fd) == 0 && sigaction(SIGUSR1, &sa, NULL) == 0);
	/* There are threads before it is opened, and its system calls are found. */
	other_gettid = gettid;
	other_usleep = usleep;
	other_read = read;
	other_malloc = malloc;
	other_free = free;
	CHECK(write(fd[1], "x", 1) == 1);
	thread_join(thread_start(run, fd));
	lib = dlmopen(LM_ID_NEWLM, "libc.so.6", RTLD_NOW);
	CHECK(lib);
	other_gettid = (pid_t(*)(void))dlsym(lib, "gettid");
	other_usleep = (int (*)(useconds_t))dlsym(lib, "usleep");
	other_read = (ssize_t(*)(int, void *, size_t))dlsym(lib, "read");
	other_malloc = (void *(*)(size_t))dlsym(lib, "malloc");
	other_free = (void (*)(void *))dlsym(lib, "free");
	CHECK(other_gettid && other_gettid != gettid && other_usleep && other_read && other_malloc &&
	      other_free && other_gettid() == gettid());
	for (int i = 0; i < 4; i++)
		t[i] = thread_start(run, fd);
	CHECK0(pthread_kill(t[0], SIGUSR1));
	while (!signals)
		other_usleep(1000);
	for (int i = 0; i < 4; i++)
		CHECK(write(fd[1], "x", 1) == 1);
	for (int i = 0; i < 4; i++)
		thread_join(t[i]);
	CHECK(dlclose(lib) == 0);
	puts("ok");
	return 0;
}
