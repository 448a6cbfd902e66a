/* SPDX-License-Identifier: MIT */
/*
 * seccomp_filter - a program that has allowed itself few system calls before it makes a thread gets
 * plain threads: what a scheduler below it would call, its filter forbids
 *
 * uses: prctl clone3 futex
 */
#include "prog.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define FORBID(nr)                                                                                 \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1),                                           \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)

static void *run(void *arg)
{
	/* The kernel's own tids are below 2^22: this is no goroutine. */
	CHECK(gettid() < 1 << 22);
	return arg;
}

int main(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		FORBID(SYS_memfd_create),
		FORBID(SYS_pwrite64),
		FORBID(SYS_membarrier),
		FORBID(SYS_sigaltstack),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { ARRAY_SIZE(code), code };
	int err = dup(2), null = open("/dev/null", O_WRONLY);

	CHECK(err >= 0 && null >= 0);
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) != 0)
		prog_skip("no seccomp filters here");
	/* The line that says so is not the program's. */
	CHECK(dup2(null, 2) == 2);
	thread_join(thread_start(run, NULL));
	CHECK(dup2(err, 2) == 2);
	puts("ok");
	return 0;
}
