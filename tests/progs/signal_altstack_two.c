/* SPDX-License-Identifier: MIT */
/*
 * signal_altstack_two - each thread has two alternate stacks, and handlers change from one to the other:
 * SS_AUTODISARM lets them, else the kernel does not; one that is full is the end
 *
 * uses: sigaltstack rt_sigaction tgkill
 */
#include "prog.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>

enum { SIZE = 65536, AUTODISARM = (int)(1u << 31), THREADS = 8, SMALL = 16384 };

static __thread char *first, *second;
static __thread volatile int outer, inner; /* how often they ran where they should */
static __thread sigjmp_buf env;

static bool lies_in(const char *at, const char *stack)
{
	return at > stack && at < stack + SIZE;
}

static void *now_set(int *flags)
{
	stack_t now;

	CHECK(sigaltstack(NULL, &now) == 0);
	*flags = now.ss_flags;
	return now.ss_sp;
}

static void set(char *stack, int flags)
{
	stack_t ss = { .ss_sp = stack, .ss_size = SIZE, .ss_flags = flags };

	CHECK(sigaltstack(&ss, NULL) == 0);
}

/* On the first; a handler above it on the second, then on none. */
static void on_outer(int sig)
{
	char local;
	int flags;

	(void)sig;
	CHECK(lies_in(&local, first));
	now_set(&flags);
	CHECK(flags == SS_DISABLE);
	set(second, AUTODISARM);
	CHECK0(pthread_kill(pthread_self(), SIGUSR2));
	CHECK(now_set(&flags) == second && flags == AUTODISARM);
	usleep(200);
	CHECK(lies_in(&local, first));
	outer++;
}

static void on_inner(int sig)
{
	char local;

	(void)sig;
	CHECK(lies_in(&local, second));
	sched_yield();
	usleep(200);
	inner++;
}

/* To another stack by way of the frame: not from the stack itself. */
static void on_frame(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	char local;
	int flags;

	(void)sig;
	(void)info;
	CHECK(uc->uc_stack.ss_sp == first);
	CHECK(now_set(&flags) == first && flags == (lies_in(&local, first) ? SS_ONSTACK : 0));
	uc->uc_stack.ss_sp = second;
	usleep(200);
}

static void on_jump(int sig)
{
	int flags;

	(void)sig;
	now_set(&flags);
	CHECK(flags == SS_ONSTACK);
	siglongjmp(env, 1);
}

static void check_flags(void)
{
	stack_t ss = { .ss_sp = first, .ss_size = SIZE, .ss_flags = SS_DISABLE | SS_ONSTACK };
	int flags;

	CHECK_ERRNO(sigaltstack(&ss, NULL), EINVAL);
	ss.ss_flags = SS_ONSTACK;
	CHECK(sigaltstack(&ss, NULL) == 0 && now_set(&flags) == first && flags == 0);
	ss.ss_size = 100;
	CHECK_ERRNO(sigaltstack(&ss, NULL), ENOMEM);
	ss.ss_flags = SS_DISABLE;
	CHECK(sigaltstack(&ss, NULL) == 0 && now_set(&flags) == NULL && flags == SS_DISABLE);
}

static void *run(void *arg)
{
	int flags;

	first = malloc(SIZE);
	second = malloc(SIZE);
	for (int i = 0; i < 10; i++) {
		set(first, AUTODISARM);
		CHECK0(pthread_kill(pthread_self(), SIGUSR1));
		CHECK(outer == i + 1 && inner == i + 1);
		CHECK(now_set(&flags) == first && flags == AUTODISARM);
	}
	set(first, 0);
	CHECK0(pthread_kill(pthread_self(), SIGRTMIN));
	CHECK(now_set(&flags) == first && flags == 0);
	CHECK0(pthread_kill(pthread_self(), SIGRTMIN + 1));
	CHECK(now_set(&flags) == second && flags == 0);
	for (int i = 0; i < 3; i++) {
		if (sigsetjmp(env, 1) == 0)
			CHECK0(pthread_kill(pthread_self(), SIGRTMIN + 2));
		CHECK(now_set(&flags) == second && flags == 0);
	}
	check_flags();
	free(first);
	free(second);
	return arg;
}

static void on_again(int sig)
{
	CHECK0(pthread_kill(pthread_self(), sig));
}

/* Handlers one above the other until there is no room. */
static void *fill(void *arg)
{
	char *below = malloc(4 * SMALL); /* what lies there must not be reached */
	stack_t ss = { .ss_sp = below + 2 * SMALL, .ss_size = SMALL };

	CHECK(sigaltstack(&ss, NULL) == 0);
	CHECK0(pthread_kill(pthread_self(), SIGALRM));
	return arg;
}

static void install(int sig, void *handler, int flags)
{
	struct sigaction sa = { .sa_flags = flags };

	*(void **)&sa.sa_sigaction = handler;
	CHECK(sigaction(sig, &sa, NULL) == 0);
}

int main(void)
{
	pthread_t t[THREADS];
	int status;
	pid_t pid;

	install(SIGUSR1, (void *)on_outer, SA_ONSTACK);
	install(SIGUSR2, (void *)on_inner, SA_ONSTACK);
	install(SIGRTMIN, (void *)on_frame, SA_ONSTACK | SA_SIGINFO);
	install(SIGRTMIN + 1, (void *)on_frame, SA_SIGINFO);
	install(SIGRTMIN + 2, (void *)on_jump, SA_ONSTACK);
	install(SIGALRM, (void *)on_again, SA_ONSTACK | SA_NODEFER);
	for (int i = 0; i < THREADS; i++)
		t[i] = thread_start(run, NULL);
	for (int i = 0; i < THREADS; i++)
		thread_join(t[i]);
	pid = fork();
	if (pid == 0) {
		thread_join(thread_start(fill, NULL));
		_exit(1);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	puts("ok");
	return 0;
}
