/* SPDX-License-Identifier: MIT */
/* Signals for one G of another process. See sigremote.h. */
#include "sched/sigremote.h"

#include <errno.h>
#include <stdbool.h>

#include "sched/base/fatal.h"
#include "sched/base/mem.h"
#include "sched/base/procfile.h"
#include "sched/base/raw.h"
#include "sched/signal.h"

/* Negative, so that one process may send it to another, and none that anybody else uses: glibc, to whom
 * the signal would belong, takes SI_TKILL alone. */
enum { CODE = -0x6774 };

/*
 * The kernel carries the first 48 bytes of a siginfo_t:
 *
 *	0      4      8      12    16    20    24        32                         48
 *	signo  errno  code   -     pid   uid   value     nothing, with such a code
 *
 * Number and code are the carrier's; those that are meant, and the tid, go where there is nothing.
 */
struct meant {
	int32_t tid, signo, code;
};

enum { MEANT_AT = 32 };
_Static_assert(MEANT_AT + sizeof(struct meant) <= 48, "room");

void sigremote_pack(siginfo_t *carrier, int32_t tid, const siginfo_t *info)
{
	struct meant meant = { .tid = tid, .signo = info->si_signo, .code = info->si_code };

	mem_zero(carrier, sizeof *carrier);
	mem_copy(carrier, info, MEANT_AT);
	mem_copy((char *)carrier + MEANT_AT, &meant, sizeof meant);
	carrier->si_signo = SIG_CARRIER;
	carrier->si_code = CODE;
}

int32_t sigremote_route(const siginfo_t *carrier, siginfo_t *info)
{
	struct meant meant;

	if (carrier->si_code != CODE)
		return 0;
	mem_copy(&meant, (const char *)carrier + MEANT_AT, sizeof meant);
	if (meant.tid <= 0 || meant.signo < 1 || meant.signo > 64)
		return 0;
	mem_zero(info, sizeof *info);
	mem_copy(info, carrier, MEANT_AT);
	info->si_signo = meant.signo;
	info->si_code = meant.code;
	return meant.tid;
}

/* The signals that process PID has handlers for, as /proc shows them; 0 when it does not. */
static uint64_t caught_by(int32_t pid)
{
	char path[32];
	struct print p;

	print_init(&p, path, sizeof path);
	print_add(&p, "/proc/%d/status%c", pid, 0);
	return procfile_set(path, "\nSigCgt:\t");
}

long sigremote_send(int32_t pid, int32_t tid, const siginfo_t *info)
{
	const uint64_t ours = 1ull << (SIG_KICK - 1) | 1ull << (SIG_CARRIER - 1);
	siginfo_t carrier;

	/* Who only asks learns nothing; and to a process without Gs a carrier would be a reason to die. */
	if (info->si_signo == 0 || (caught_by(pid) & ours) != ours)
		return -ESRCH;
	sigremote_pack(&carrier, tid, info);
	/* All by way of the same kernel thread, so that they come in the order in which they were sent. */
	return raw4(SYS_rt_tgsigqueueinfo, pid, pid, SIG_CARRIER, &carrier);
}
