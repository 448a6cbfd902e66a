/* SPDX-License-Identifier: MIT */
/*
 * foreign_signalled - signals come to a kernel thread that the program has made by clone itself,
 * wherever it is: their handler wakes others, as the thread itself does all the time
 *
 * uses: clone futex tgkill rt_sigaction exit
 */
#include "prog.h"

#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>

enum { STACK = 65536, SIGNALS = 1000 };

static uint32_t word, handled, stop, there;
static int tid;

static void wake(void)
{
	syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1);
}

static void on_signal(int sig)
{
	struct sigaction old;

	wake();
	sigaction(sig, NULL, &old);
	__atomic_add_fetch(&handled, 1, __ATOMIC_SEQ_CST);
}

/* Runs with the TLS of its maker: no errno that counts, no stdio. */
static int foreign(void *arg)
{
	struct sigaction old;

	__atomic_store_n(&there, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
		for (int i = 0; i < 50; i++)
			wake();
		sigaction(SIGUSR1, NULL, &old);
	}
	(void)arg;
	return 0;
}

/* Gs that wait for the same word, so that the wakes have something to look through. */
static void *wait_here(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST))
		syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL);
	return arg;
}

int main(void)
{
	const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
			  CLONE_SYSVSEM | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
	struct sigaction act = { .sa_handler = on_signal };
	char *stack = malloc(STACK);
	pthread_t waiters[4];
	int at, of;

	CHECK(stack && sigaction(SIGUSR1, &act, NULL) == 0);
	for (int i = 0; i < 4; i++)
		waiters[i] = thread_start(wait_here, NULL);
	CHECK(clone(foreign, stack + STACK, flags, NULL, &tid, NULL, &tid) > 0);
	of = __atomic_load_n(&tid, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&there, __ATOMIC_SEQ_CST))
		sched_yield();
	for (uint32_t i = 0; i < SIGNALS; i++) {
		CHECK(syscall(SYS_tgkill, getpid(), of, SIGUSR1) == 0);
		while (__atomic_load_n(&handled, __ATOMIC_SEQ_CST) <= i)
			sched_yield();
	}
	__atomic_store_n(&word, 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
	while ((at = __atomic_load_n(&tid, __ATOMIC_SEQ_CST)) != 0)
		syscall(SYS_futex, &tid, FUTEX_WAIT, at, NULL);
	syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT32_MAX);
	for (int i = 0; i < 4; i++)
		thread_join(waiters[i]);
	puts("ok");
	return 0;
}
