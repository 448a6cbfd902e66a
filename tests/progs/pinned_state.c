/* SPDX-License-Identifier: MIT */
/*
 * pinned_state - timer slack, personality, no-new-privileges, a system call filter, capabilities and the file
 * system's user belong to the thread that changed them, wherever it goes
 *
 * uses: prctl personality seccomp capset capget setfsuid sched_yield clock_nanosleep clone3 futex
 */
#include "prog.h"

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <semaphore.h>
#include <stddef.h>
#include <sys/fsuid.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

enum { ROUNDS = 30, FILTERED = SYS_getpgrp };

struct kind {
	void (*change)(void);
	bool (*changed)(void);
};

static long slack;

static void change_slack(void)
{
	CHECK(prctl(PR_SET_TIMERSLACK, slack + 1000) == 0);
}

static bool changed_slack(void)
{
	return prctl(PR_GET_TIMERSLACK) != slack;
}

static void change_personality(void)
{
	CHECK(personality(ADDR_NO_RANDOMIZE) != -1);
}

static bool changed_personality(void)
{
	return personality(0xffffffff) & ADDR_NO_RANDOMIZE;
}

static void change_privs(void)
{
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
}

static bool changed_privs(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
}

static void change_filter(void)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FILTERED, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOWNERDEAD),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = { ARRAY_SIZE(f), f };

	change_privs();
	CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p) == 0);
}

static bool changed_filter(void)
{
	return syscall(FILTERED) == -1 && errno == EOWNERDEAD;
}

static struct __user_cap_header_struct cap_header(void)
{
	return (struct __user_cap_header_struct){ _LINUX_CAPABILITY_VERSION_3, 0 };
}

static void change_caps(void)
{
	struct __user_cap_header_struct h = cap_header();
	struct __user_cap_data_struct d[2];

	CHECK(syscall(SYS_capget, &h, d) == 0);
	d[0].inheritable = d[1].inheritable = 0;
	d[0].effective = d[1].effective = 0;
	h.pid = gettid();
	CHECK(syscall(SYS_capset, &h, d) == 0);
	CHECK(h.pid == gettid());
}

static bool changed_caps(void)
{
	struct __user_cap_header_struct h = cap_header();
	struct __user_cap_data_struct d[2], by_id[2];

	CHECK(syscall(SYS_capget, &h, d) == 0);
	h.pid = gettid();
	CHECK(syscall(SYS_capget, &h, by_id) == 0);
	CHECK(memcmp(d, by_id, sizeof(d)) == 0);
	return !d[0].effective;
}

static void change_fsuid(void)
{
	setfsuid(65534);
}

static bool changed_fsuid(void)
{
	return setfsuid((uid_t)-1) == 65534;
}

static const struct kind kinds[] = {
	{ change_slack, changed_slack }, { change_personality, changed_personality },
	{ change_privs, changed_privs }, { change_filter, changed_filter },
	{ change_caps, changed_caps },   { change_fsuid, changed_fsuid },
};

enum { KINDS = ARRAY_SIZE(kinds) };

enum { NOBODY = -1 };

static pthread_barrier_t bar;
static bool possible[KINDS];

/* The filter comes with no-new-privileges. */
static bool expected(int mine, int k)
{
	return k == mine || (mine != NOBODY && kinds[k].change == change_privs &&
			     kinds[mine].change == change_filter);
}

static void check(int mine)
{
	for (int k = 0; k < KINDS; k++)
		if (possible[k])
			CHECK(kinds[k].changed() == expected(mine, k));
}

static void *inherit(void *arg)
{
	check((int)((const struct kind *)arg - kinds));
	return arg;
}

static void *run(void *arg)
{
	int mine = (int)((struct kind *)arg - kinds);

	check(NOBODY);
	pthread_barrier_wait(&bar);
	if (possible[mine])
		kinds[mine].change();
	for (int i = 0; i < ROUNDS; i++) {
		if (i % 10 == 0)
			usleep(500);
		sched_yield();
		pthread_barrier_wait(&bar);
		check(mine);
	}
	thread_join(thread_start(inherit, arg));
	return arg;
}

static void *untouched(void *arg)
{
	check(NOBODY);
	return arg;
}

int main(void)
{
	pthread_t t[KINDS];

	slack = prctl(PR_GET_TIMERSLACK);
	if (changed_personality() || changed_privs())
		prog_skip("runs in another personality");
	for (int k = 0; k < KINDS; k++)
		possible[k] = true;
	possible[4] = !changed_caps();
	possible[5] = geteuid() == 0;
	pthread_barrier_init(&bar, NULL, KINDS);
	for (int round = 0; round < 3; round++) {
		for (int k = 0; k < KINDS; k++)
			t[k] = thread_start(run, (void *)&kinds[k]);
		for (int k = 0; k < KINDS; k++)
			thread_join(t[k]);
		for (int k = 0; k < KINDS; k++)
			thread_join(thread_start(untouched, NULL));
		untouched(NULL);
	}
	puts("ok");
	return 0;
}
