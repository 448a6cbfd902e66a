/* SPDX-License-Identifier: MIT */
/*
 * foreign_threads - kernel threads that the program makes by clone itself, before its first pthread
 * and afterwards, wait for pthreads by futex, and pthreads for them
 *
 * uses: clone futex tgkill exit
 */
#include "prog.h"

#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>

enum { STACK = 65536, ROUNDS = 300, FOREIGN = 2 };

/* The word says whose turn it is. */
struct pair {
	uint32_t turn;
	int flags; /* FUTEX_PRIVATE_FLAG or 0 */
	int tid;   /* the kernel's, cleared when it ends */
	uint32_t rounds;
	char *stack;
};

static struct pair pairs[FOREIGN * 2];

static void wait_turn(struct pair *p, uint32_t mine)
{
	uint32_t now;

	while ((now = __atomic_load_n(&p->turn, __ATOMIC_ACQUIRE)) != mine)
		syscall(SYS_futex, &p->turn, FUTEX_WAIT | p->flags, now, NULL);
}

static void give_turn(struct pair *p, uint32_t to)
{
	__atomic_store_n(&p->turn, to, __ATOMIC_RELEASE);
	syscall(SYS_futex, &p->turn, FUTEX_WAKE | p->flags, 1);
}

/* Runs with the TLS of its maker: no errno that counts, no stdio. */
static int foreign(void *arg)
{
	struct pair *p = arg;

	for (int i = 0; i < ROUNDS; i++) {
		wait_turn(p, 1);
		p->rounds++;
		give_turn(p, 0);
	}
	return 0;
}

static void foreign_start(struct pair *p)
{
	const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
			  CLONE_SYSVSEM | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;

	p->stack = malloc(STACK);
	CHECK(p->stack);
	CHECK(clone(foreign, p->stack + STACK, flags, p, &p->tid, NULL, &p->tid) > 0);
}

static void *play(void *arg)
{
	struct pair *p = arg;

	for (int i = 0; i < ROUNDS; i++) {
		wait_turn(p, 0);
		CHECK(p->rounds == (uint32_t)i);
		give_turn(p, 1);
	}
	wait_turn(p, 0);
	return arg;
}

/* As pthread_join does it. */
static void foreign_join(struct pair *p)
{
	int tid;

	while ((tid = __atomic_load_n(&p->tid, __ATOMIC_ACQUIRE)) != 0)
		syscall(SYS_futex, &p->tid, FUTEX_WAIT, tid, NULL);
	free(p->stack);
}

int main(void)
{
	pthread_t players[FOREIGN * 2];

	for (int i = 0; i < FOREIGN; i++) {
		pairs[i].flags = i & 1 ? FUTEX_PRIVATE_FLAG : 0;
		foreign_start(&pairs[i]);
	}
	for (int i = 0; i < FOREIGN; i++)
		players[i] = thread_start(play, &pairs[i]);
	for (int i = FOREIGN; i < 2 * FOREIGN; i++) {
		pairs[i].flags = i & 1 ? FUTEX_PRIVATE_FLAG : 0;
		foreign_start(&pairs[i]);
		players[i] = thread_start(play, &pairs[i]);
	}
	for (int i = 0; i < 2 * FOREIGN; i++) {
		thread_join(players[i]);
		foreign_join(&pairs[i]);
		CHECK(pairs[i].rounds == ROUNDS);
	}
	puts("ok");
	return 0;
}
