/* SPDX-License-Identifier: MIT */
/*
 * fork_mapping - a child maps shared memory, though another thread was just doing so when it was forked
 *
 * uses: fork mmap munmap wait4
 */
#include "prog.h"

#include <sys/mman.h>
#include <sys/wait.h>

enum { FORKS = 300, PLACES = 3000 };

static bool stop;
static char *place;

static void map(int i)
{
	CHECK(mmap(place + (size_t)i * 4096, 4096, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED);
}

static void *mapper(void *arg)
{
	for (int i = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i = (i + 7) % PLACES)
		map(i);
	return arg;
}

static void *forker(void *arg)
{
	for (int i = 0; i < FORKS; i++) {
		int status;
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			map(i);
			_exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
		      WEXITSTATUS(status) == 0);
	}
	return arg;
}

int main(void)
{
	pthread_t m, f;

	place = mmap(NULL, (size_t)PLACES * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(place != MAP_FAILED);
	for (int i = 0; i < PLACES; i += 2)
		map(i);
	m = thread_start(mapper, NULL);
	f = thread_start(forker, NULL);
	thread_join(f);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	thread_join(m);
	puts("ok");
	return 0;
}
