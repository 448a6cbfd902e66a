/* SPDX-License-Identifier: MIT */
/*
 * partner.h - two processes that share memory: this program, and itself once more
 *
 * The partner begins as a new program, with the library preloaded as here (if it is), or natively.
 * What both see is one page, of which the program says what is in it. They tell each other where they
 * are by words in it, which they look at again and again: no futex of ours helps them on.
 */
#ifndef TESTS_PARTNER_H
#define TESTS_PARTNER_H

#include "prog.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { SHARED_FD = 40, SHARED_SIZE = 4096, PARTNER_SECONDS = 200 };

/* Memory that a partner finds again. */
static inline void *shared_make(void)
{
	int fd = memfd_create("shared", 0);
	void *at;

	CHECK(fd >= 0 && ftruncate(fd, SHARED_SIZE) == 0);
	CHECK(dup2(fd, SHARED_FD) == SHARED_FD && close(fd) == 0);
	at = mmap(NULL, SHARED_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, SHARED_FD, 0);
	CHECK(at != MAP_FAILED);
	return at;
}

/* And how: the partner does not outlive for long what it waits for. */
static inline void *shared_find(void)
{
	void *at = mmap(NULL, SHARED_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, SHARED_FD, 0);

	CHECK(at != MAP_FAILED);
	alarm(PARTNER_SECONDS);
	return at;
}

/* Become this program anew, with the arguments PART and HOW. */
static inline void partner_exec(bool natively, const char *part, const char *how)
{
	char *argv[] = { "partner", (char *)part, (char *)how, NULL };

	if (natively)
		unsetenv("LD_PRELOAD");
	execv("/proc/self/exe", argv);
	CHECK(!"exec");
}

static inline pid_t partner_start(bool natively, const char *part, const char *how)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0)
		partner_exec(natively, part, how);
	return pid;
}

static inline int partner_end(pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

static inline void word_set(int *word, int to)
{
	__atomic_store_n(word, to, __ATOMIC_SEQ_CST);
}

static inline void word_wait(const int *word, int until)
{
	while (__atomic_load_n(word, __ATOMIC_SEQ_CST) != until)
		sched_yield();
}

#endif
