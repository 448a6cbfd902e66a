/* SPDX-License-Identifier: MIT */
/*
 * run_progs.c - runs every program of tests/progs natively and preloaded, and compares
 *
 * The runner is a native Criterion program and is never preloaded itself.  A test is a program and a
 * GOMAXPROCS, and bears their names (mutex_pi::procs_8): the program runs once without the library and once with it, each time as the leader of
 * a process group of its own, with /dev/null for input and one file for both outputs.  The test
 * passes when the native run ends as the program's head comment says (see progs/prog.h), and the
 * preloaded one with the same status and the same bytes.
 *
 * Environment: PROGS_DIR (where the programs are built), PROGS_SRC (their sources), GOTHREADS_LIB
 * (the library; absolute), ONLY (run the programs whose name has this in it).  The first three
 * default to what the build says.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <criterion/criterion.h>
#include <criterion/options.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PROGS_DIR
#define PROGS_DIR "tests/progs"
#endif
#ifndef PROGS_SRC
#define PROGS_SRC PROGS_DIR
#endif
#ifndef GOTHREADS_LIB
#define GOTHREADS_LIB ".libs/libgothreads.so"
#endif

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum {
	NATIVE_LIMIT = 20,    /* seconds; guards against a hang, not a measure of speed */
	PRELOADED_LIMIT = 60, /* seconds */
	NATIVE_TRIES = 3,     /* the reference; the kernel itself may give a sleeper's place away */
	EXIT_SKIP = 77,
	SHOWN = 1500, /* bytes of an output that a failure shows */
	HEAD = 2048,  /* bytes of a source that may hold the head comment */
};

/* What a program's head comment asks for. */
struct prog_head {
	int limit;                        /* seconds, 0: the default */
	int status;                       /* as waitpid gives it */
	char gothreads[512], godebug[64]; /* for the preloaded run */
};

struct prog_run {
	int status; /* as waitpid gives it; meaningless if hung */
	bool hung;
	char *out; /* both outputs, with a NUL behind; the caller frees */
	size_t len;
};

static const char *env_or(const char *name, const char *fallback)
{
	const char *val = getenv(name);

	return val && *val ? val : fallback;
}

/* ---- the head comment ---- */

static const char *head_field(const char *head, const char *field)
{
	const char *at = strstr(head, field);

	if (!at)
		return NULL;
	at += strlen(field);
	return at + strspn(at, " \t");
}

/* "3" or "SIGABRT" as waitpid would give it. */
static int status_parse(const char *text)
{
	size_t len = strcspn(text, " \t\n");

	if (strncmp(text, "SIG", 3) != 0)
		return (int)strtol(text, NULL, 10) << 8;
	for (int sig = 1; sig < NSIG; sig++) {
		const char *name = sigabbrev_np(sig);

		if (name && strlen(name) == len - 3 && strncmp(name, text + 3, len - 3) == 0)
			return sig;
	}
	cr_assert_fail("status: no signal has the name %.*s", (int)len, text);
	return 0;
}

/* The lines of this field, with commas between them. */
static void head_values(const char *head, const char *field, char *values, size_t room)
{
	size_t n = 0;

	for (*values = '\0'; (head = head_field(head, field));) {
		size_t len = strcspn(head, "\n");

		cr_assert(n + len + 2 < room, "%s is too long", field);
		n += (size_t)sprintf(values + n, "%s%.*s", n ? "," : "", (int)len, head);
	}
}

static struct prog_head head_read(const char *name)
{
	static const char *const suffixes[] = { "c", "cc" };
	struct prog_head head = { .limit = 0 };
	char path[512], text[HEAD];
	const char *field;
	FILE *f = NULL;

	for (size_t i = 0; !f && i < ARRAY_SIZE(suffixes); i++) {
		snprintf(path, sizeof(path), "%s/%s.%s", env_or("PROGS_SRC", PROGS_SRC), name,
			 suffixes[i]);
		f = fopen(path, "re");
	}
	cr_assert(f, "%s: no source in %s", name, env_or("PROGS_SRC", PROGS_SRC));
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	field = strstr(text, "#include");
	if (field)
		text[field - text] = '\0';
	field = head_field(text, "limit:");
	if (field)
		head.limit = (int)strtol(field, NULL, 10);
	field = head_field(text, "status:");
	if (field)
		head.status = status_parse(field);
	head_values(text, "gothreads:", head.gothreads, sizeof(head.gothreads));
	head_values(text, "godebug:", head.godebug, sizeof(head.godebug));
	return head;
}

/* ---- running ---- */

/* In the child: nothing inherited from the runner may show in the program's behaviour. */
static _Noreturn void run_exec(const char *path, int out, const char *preload, int nprocs,
			       const struct prog_head *head)
{
	char *argv[] = { (char *)path, NULL };
	struct rlimit no_core = { 0, 0 };
	char num[16];
	sigset_t none;

	setpgid(0, 0);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setrlimit(RLIMIT_CORE, &no_core);
	dup2(open("/dev/null", O_RDONLY), 0);
	dup2(out, 1);
	dup2(out, 2);
	close_range(3, ~0U, 0);
	unsetenv("LD_PRELOAD");
	unsetenv("GOMAXPROCS");
	unsetenv("GODEBUG");
	unsetenv("GOTHREADS");
	if (preload) {
		snprintf(num, sizeof(num), "%d", nprocs);
		setenv("LD_PRELOAD", preload, 1);
		setenv("GOMAXPROCS", num, 1);
		if (head && *head->gothreads)
			setenv("GOTHREADS", head->gothreads, 1);
		if (head && *head->godebug)
			setenv("GODEBUG", head->godebug, 1);
	}
	execv(path, argv);
	dprintf(2, "exec %s: %s\n", path, strerror(errno));
	_exit(127);
}

/* Runs the program to its end or for `limit` seconds; what is left of its group then dies. */
static struct prog_run run_prog(const char *name, int limit, const char *preload, int nprocs,
				const struct prog_head *head)
{
	struct prog_run run = { 0 };
	struct pollfd end = { .events = POLLIN };
	char path[512];
	siginfo_t info;
	off_t len;
	pid_t pid;
	int out;

	snprintf(path, sizeof(path), "%s/%s", env_or("PROGS_DIR", PROGS_DIR), name);
	out = memfd_create("output", MFD_CLOEXEC);
	cr_assert(out >= 0, "memfd_create: %s", strerror(errno));
	pid = fork();
	cr_assert(pid >= 0, "fork: %s", strerror(errno));
	if (pid == 0)
		run_exec(path, out, preload, nprocs, head);
	setpgid(pid, pid); /* both sides, so that the group exists for whoever is first */

	end.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	cr_assert(end.fd >= 0, "pidfd_open: %s", strerror(errno));
	run.hung = TEMP_FAILURE_RETRY(poll(&end, 1, limit * 1000)) == 0;
	close(end.fd);
	if (run.hung)
		kill(-pid, SIGKILL);
	/* The leader is not reaped yet: its number still names this group, and no other. */
	waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
	kill(-pid, SIGKILL);
	waitpid(pid, &run.status, 0);

	len = lseek(out, 0, SEEK_END);
	run.out = malloc(len + 1);
	cr_assert(run.out);
	run.len = pread(out, run.out, len, 0);
	run.out[run.len] = '\0';
	close(out);
	return run;
}

static const char *status_text(const struct prog_run *run, char buf[64])
{
	if (run->hung)
		snprintf(buf, 64, "hung");
	else if (WIFSIGNALED(run->status))
		snprintf(buf, 64, "SIG%s", sigabbrev_np(WTERMSIG(run->status)));
	else
		snprintf(buf, 64, "exit %d", WEXITSTATUS(run->status));
	return buf;
}

static bool run_equal(const struct prog_run *a, const struct prog_run *b)
{
	return !a->hung && !b->hung && a->status == b->status && a->len == b->len &&
	       memcmp(a->out, b->out, a->len) == 0;
}

/* The reference: how the program ends, and what it says, without the library. */
static struct prog_run run_native(const char *name, const struct prog_head *head)
{
	struct prog_run run;

	for (int tries = 1;; tries++) {
		run = run_prog(name, head->limit ? head->limit : NATIVE_LIMIT, NULL, 0, NULL);
		if (!run.hung && (run.status == head->status || run.status == EXIT_SKIP << 8))
			return run;
		if (tries == NATIVE_TRIES)
			return run;
		free(run.out);
	}
}

/* ---- the tests ---- */

/* The library that the programs get, or a failed test: the rest would compare native with native. */
static const char *lib_path(void)
{
	const char *lib = env_or("GOTHREADS_LIB", GOTHREADS_LIB);

	cr_assert(lib[0] == '/' && access(lib, R_OK) == 0, "%s: no library at this absolute path",
		  lib);
	return lib;
}

static void check_same(const char *name, int nprocs)
{
	struct prog_head head = head_read(name);
	const char *lib = lib_path();
	struct prog_run native, preloaded;
	char want[64], got[64];

	native = run_native(name, &head);
	if (!native.hung && native.status == EXIT_SKIP << 8)
		cr_skip_test("%s: %s", name, native.out);
	cr_assert(!native.hung && native.status == head.status, "%s: natively: %s\n%.*s", name,
		  status_text(&native, want), SHOWN, native.out);
	preloaded = run_prog(name, head.limit ? head.limit : PRELOADED_LIMIT, lib, nprocs, &head);
	cr_assert(
		run_equal(&native, &preloaded),
		"%s: GOMAXPROCS=%d: natively %s, preloaded %s\n--- natively\n%.*s--- preloaded\n%.*s---",
		name, nprocs, status_text(&native, want), status_text(&preloaded, got), SHOWN,
		native.out, SHOWN, preloaded.out);
	free(native.out);
	free(preloaded.out);
}

#define PROG_PROCS(name, nprocs)                                                                   \
	Test(name, procs_##nprocs)                                                                 \
	{                                                                                          \
		check_same(#name, nprocs);                                                         \
	}
#define PROG(name) PROG_PROCS(name, 1) PROG_PROCS(name, 2) PROG_PROCS(name, 8)

/* A line PROG(name) for each program of the build's list, tests/progs/progs.am. */
#include "progs_list.h"

/* That the programs really run on goroutines: a thread's id is one that no kernel gives out. */
Test(progs, are_goroutines)
{
	struct prog_run run = run_prog("whoami", PRELOADED_LIMIT, lib_path(), 2, NULL);

	cr_assert(!run.hung && run.status == 0 && strtol(run.out, NULL, 10) >= 1 << 22,
		  "whoami: %.*s", SHOWN, run.out);
	free(run.out);
}

int main(int argc, char **argv)
{
	struct criterion_test_set *tests = criterion_initialize();
	const char *only = getenv("ONLY");
	char pattern[128];
	int failed = 0;

	if (only) {
		snprintf(pattern, sizeof(pattern), "@(progs|*%s*)/*", only);
		criterion_options.pattern = pattern;
	}
	if (criterion_handle_args(argc, argv, true))
		failed = !criterion_run_all_tests(tests);
	criterion_finalize(tests);
	return failed;
}
