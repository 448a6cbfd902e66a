/* SPDX-License-Identifier: MIT */
/*
 * stack_protected - what a thread does to the protection of its stack and guard holds, and is gone
 * for the next threads that are as large
 *
 * uses: mmap mprotect madvise munmap rt_sigaction
 */
#include "prog.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

enum {
	THREADS = 12,
	PAGE = 4096,
	SIZE = 48 << 20
}; /* too large for glibc's own cache, which keeps them as they are */

static __thread sigjmp_buf back;
static pthread_barrier_t all_here;

static void on_fault(int sig)
{
	siglongjmp(back, sig);
}

static bool faults(volatile char *at)
{
	if (sigsetjmp(back, 1) == 0) {
		*at = 1;
		return false;
	}
	return true;
}

static char *stack_of_self(void)
{
	pthread_attr_t attr;
	size_t size;
	void *low;

	CHECK0(pthread_getattr_np(pthread_self(), &attr));
	CHECK0(pthread_attr_getstack(&attr, &low, &size));
	CHECK0(pthread_attr_destroy(&attr));
	return low;
}

static void *change(void *arg)
{
	char *low = stack_of_self();

	pthread_barrier_wait(&all_here);
	CHECK(faults(low - 1));
	CHECK(!faults(low));
	switch (*(int *)arg % 4) {
	case 0: /* a guard of its own, as the JVM has */
		CHECK(mprotect(low, 4 * PAGE, PROT_NONE) == 0);
		CHECK(faults(low) && faults(low + 4 * PAGE - 1) && !faults(low + 4 * PAGE));
		break;
	case 1: /* no guard */
		CHECK(mprotect(low - PAGE, PAGE, PROT_READ | PROT_WRITE) == 0);
		CHECK(!faults(low - PAGE) && !faults(low - 1));
		break;
	case 2: /* something else in the middle */
		CHECK(mmap(low + 8 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			   -1, 0) == low + 8 * PAGE);
		CHECK(faults(low + 8 * PAGE));
		break;
	case 3: /* in a fork, nothing */
		CHECK(madvise(low, SIZE / 2, MADV_DONTFORK) == 0);
		low[PAGE] = 5;
		CHECK(madvise(low, SIZE / 2, MADV_DONTNEED) == 0);
		CHECK(low[PAGE] == 0);
		break;
	}
	pthread_barrier_wait(&all_here);
	return NULL;
}

static void *use(void *arg)
{
	char *low = stack_of_self();

	(void)arg;
	pthread_barrier_wait(&all_here);
	CHECK(faults(low - PAGE) && faults(low - 1));
	for (size_t i = 0; i < SIZE - 8 * PAGE; i += i < 16 * PAGE ? PAGE : 64 * PAGE)
		CHECK(!faults(low + i));
	pthread_barrier_wait(&all_here);
	return NULL;
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_fault };
	pthread_t t[THREADS];
	int which[THREADS];
	pthread_attr_t attr;

	CHECK(sigaction(SIGSEGV, &sa, NULL) == 0);
	CHECK0(pthread_barrier_init(&all_here, NULL, THREADS));
	CHECK0(pthread_attr_init(&attr));
	CHECK0(pthread_attr_setstacksize(&attr, SIZE));
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < THREADS; i++) {
			which[i] = i;
			CHECK0(pthread_create(&t[i], &attr, round % 2 ? use : change, &which[i]));
		}
		for (int i = 0; i < THREADS; i++)
			thread_join(t[i]);
	}
	puts("ok");
	return 0;
}
