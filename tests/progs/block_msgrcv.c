/* SPDX-License-Identifier: MIT */
/*
 * block_msgrcv - eight threads blocked in msgrcv, each on a type of its own, leave the processor to
 * one that computes
 *
 * uses: msgrcv msgsnd msgget msgctl
 */
#include "blocked.h"

#include <sys/ipc.h>
#include <sys/msg.h>

struct message {
	long type;
	char text[8];
};

static int queue;

static void *wait_message(void *arg)
{
	struct message m;

	blocked_now();
	CHECK(msgrcv(queue, &m, sizeof(m.text), (intptr_t)arg + 1, 0) == 6);
	CHECK(strcmp(m.text, "hello") == 0);
	return arg;
}

static void release(intptr_t i)
{
	struct message m = { i + 1, "hello" };

	CHECK(msgsnd(queue, &m, 6, 0) == 0);
}

int main(void)
{
	queue = msgget(IPC_PRIVATE, 0600);
	if (queue < 0 && (errno == ENOSYS || errno == ENOSPC))
		prog_skip("no message queues here");
	CHECK(queue >= 0);
	blocked_run(wait_message, release);
	CHECK(msgctl(queue, IPC_RMID, NULL) == 0);
	return 0;
}
