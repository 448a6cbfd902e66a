/* SPDX-License-Identifier: MIT */
/*
 * pinned_more - I/O priority, memory policy, what becomes of memory errors, keyrings, GS base, CPUID, the counter
 * of cycles, namespaces, a working directory and descriptors of one's own belong to the thread that changed
 * them; those it makes inherit them
 *
 * uses: ioprio_set ioprio_get set_mempolicy get_mempolicy prctl add_key keyctl arch_prctl unshare setns close
 *	close_range chdir getcwd sched_yield
 */
#include "prog.h"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/mempolicy.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2
#endif

/* asm/prctl.h, linux/ioprio.h */
enum { SET_GS = 0x1001, GET_GS = 0x1004, GET_CPUID = 0x1011, SET_CPUID = 0x1012 };
enum { WHO_PROCESS = 1, BEST_EFFORT = 2 << 13 };
enum { ROUNDS = 30, NOBODY = -1 };

struct kind {
	const char *name;
	long (*change)(void); /* 0, or it cannot be had here */
	bool (*changed)(void);
	bool fresh; /* children do not inherit it */
};

static int kept;

static long change_ioprio(void)
{
	return syscall(SYS_ioprio_set, WHO_PROCESS, 0, BEST_EFFORT | 7);
}

static bool changed_ioprio(void)
{
	long me = syscall(SYS_ioprio_get, WHO_PROCESS, 0);

	CHECK(syscall(SYS_ioprio_get, WHO_PROCESS, gettid()) == me);
	return me == (BEST_EFFORT | 7);
}

static long change_policy(void)
{
	unsigned long node = 1;

	return syscall(SYS_set_mempolicy, MPOL_PREFERRED, &node, 8 * sizeof(node));
}

static bool changed_policy(void)
{
	int mode = 0;

	return syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0) == 0 && mode == MPOL_PREFERRED;
}

static long change_errors(void)
{
	return prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0);
}

static bool changed_errors(void)
{
	return prctl(PR_MCE_KILL_GET, 0, 0, 0, 0) == PR_MCE_KILL_EARLY;
}

static long change_flusher(void)
{
	return prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
}

static bool changed_flusher(void)
{
	return prctl(PR_GET_IO_FLUSHER, 0, 0, 0, 0) == 1;
}

static long change_keyring(void)
{
	return syscall(SYS_add_key, "user", "gothreads", "x", 1, KEY_SPEC_THREAD_KEYRING) < 0 ? -1
											      : 0;
}

/* To name it by that call is not to make it. */
static bool changed_keyring(void)
{
	return syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_THREAD_KEYRING, "user", "gothreads",
		       0) >= 0;
}

static long change_gs(void)
{
	return syscall(SYS_arch_prctl, SET_GS, &kept);
}

static bool changed_gs(void)
{
	uintptr_t gs = 1;

	CHECK(syscall(SYS_arch_prctl, GET_GS, &gs) == 0);
	return gs == (uintptr_t)&kept;
}

static long change_cpuid(void)
{
	return syscall(SYS_arch_prctl, SET_CPUID, 0);
}

static bool changed_cpuid(void)
{
	return syscall(SYS_arch_prctl, GET_CPUID, 0) == 0;
}

static bool is_at(const char *dir)
{
	char at[4096];

	CHECK(getcwd(at, sizeof(at)));
	return strcmp(at, dir) == 0;
}

static long change_dir(void)
{
	return unshare(CLONE_FS) || chdir("/proc") ? -1 : 0;
}

static bool changed_dir(void)
{
	return is_at("/proc");
}

static long change_mounts(void)
{
	return unshare(CLONE_NEWNS) || chdir("/dev") ? -1 : 0;
}

static bool changed_mounts(void)
{
	return is_at("/dev");
}

/* The namespace that it is in already: to enter it goes to its root. */
static long change_entered(void)
{
	int ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC), r;

	CHECK(ns >= 0);
	r = unshare(CLONE_FS) || setns(ns, CLONE_NEWNS) || chdir("/usr");
	close(ns);
	return r ? -1 : 0;
}

static bool changed_entered(void)
{
	return is_at("/usr");
}

static long change_host(void)
{
	return unshare(CLONE_NEWUTS) || sethostname("gothreads", 9) ? -1 : 0;
}

static bool changed_host(void)
{
	char name[65];

	CHECK(gethostname(name, sizeof(name)) == 0);
	return strcmp(name, "gothreads") == 0;
}

static long change_files(void)
{
	return unshare(CLONE_FILES) || close(kept) ? -1 : 0;
}

static long change_range(void)
{
	return syscall(SYS_close_range, kept, kept, CLOSE_RANGE_UNSHARE);
}

static bool changed_files(void)
{
	return fcntl(kept, F_GETFD) == -1;
}

static long change_fsgid(void)
{
	setfsgid(65534);
	return setfsgid((gid_t)-1) == 65534 ? 0 : -1;
}

static bool changed_fsgid(void)
{
	return setfsgid((gid_t)-1) == 65534;
}

static long change_keepcaps(void)
{
	return prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
}

static bool changed_keepcaps(void)
{
	return prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0) == 1;
}

/* The library reads it, too. */
static long change_cycles(void)
{
	return prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0);
}

static bool changed_cycles(void)
{
	int now = 0;

	CHECK(prctl(PR_GET_TSC, &now, 0, 0, 0) == 0);
	return now == PR_TSC_SIGSEGV;
}

static const struct kind kinds[] = {
	{ "ioprio", change_ioprio, changed_ioprio, false },
	{ "mempolicy", change_policy, changed_policy, false },
	{ "memory errors", change_errors, changed_errors, false },
	{ "io flusher", change_flusher, changed_flusher, false },
	{ "keyring", change_keyring, changed_keyring, true },
	{ "gs base", change_gs, changed_gs, false },
	{ "cpuid", change_cpuid, changed_cpuid, false },
	{ "cycles", change_cycles, changed_cycles, false },
	{ "directory", change_dir, changed_dir, false },
	{ "mounts", change_mounts, changed_mounts, false },
	{ "namespace entered", change_entered, changed_entered, false },
	{ "host name", change_host, changed_host, false },
	{ "files", change_files, changed_files, false },
	{ "range of files", change_range, changed_files, false },
	{ "fsgid", change_fsgid, changed_fsgid, false },
	{ "keepcaps", change_keepcaps, changed_keepcaps, false },
};

enum { KINDS = ARRAY_SIZE(kinds) };

static pthread_barrier_t bar;
static long result[KINDS];
static int error[KINDS];
static int pipes[2];

static void check(int mine)
{
	for (int k = 0; k < KINDS; k++) {
		bool want = mine != NOBODY && !result[mine] &&
			    kinds[k].changed == kinds[mine].changed;

		if (kinds[k].changed() == want)
			continue;
		printf("%s: %s\n", kinds[k].name, want ? "not as it was set" : "another's");
		exit(1);
	}
}

static void *inherit(void *arg)
{
	const struct kind *k = arg;

	check(k->fresh ? NOBODY : (int)(k - kinds));
	return arg;
}

static void *run(void *arg)
{
	const struct kind *k = arg;
	int mine = (int)(k - kinds);

	check(NOBODY);
	pthread_barrier_wait(&bar);
	result[mine] = k->change();
	error[mine] = result[mine] ? errno : 0;
	pthread_barrier_wait(&bar);
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

/* It waits for the number that others close in tables of their own. */
static void *reader(void *arg)
{
	char c;

	CHECK(read(kept, &c, 1) == 1 && c == 'x');
	check(NOBODY);
	return arg;
}

int main(void)
{
	pthread_t t[KINDS], waits;

	setbuf(stdout, NULL);
	pthread_barrier_init(&bar, NULL, KINDS);
	for (int round = 0; round < 3; round++) {
		CHECK(pipe(pipes) == 0);
		kept = pipes[0];
		waits = thread_start(reader, NULL);
		sched_yield();
		for (int k = 0; k < KINDS; k++)
			t[k] = thread_start(run, (void *)&kinds[k]);
		for (int k = 0; k < KINDS; k++)
			thread_join(t[k]);
		for (int k = 0; k < KINDS; k++)
			thread_join(thread_start(untouched, NULL));
		untouched(NULL);
		CHECK(write(pipes[1], "x", 1) == 1);
		thread_join(waits);
		close(pipes[0]);
		close(pipes[1]);
	}
	for (int k = 0; k < KINDS; k++)
		printf("%s: %s\n", kinds[k].name, result[k] ? strerror(error[k]) : "its own");
	return 0;
}
