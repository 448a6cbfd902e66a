/* SPDX-License-Identifier: MIT */
/*
 * watch.c - what a preloaded program shows of itself: schedtrace, the dump, and one line for each
 * thing that its environment has wrong
 *
 * Runs tests/progs/watched, whose threads wait until its standard input ends, and looks at its stderr
 * while they do.  What is looked for is waited for, as long as it takes.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <regex.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	LIMIT = 60, /* seconds; guards against a hang */
	TEXT = 1 << 18,
	PERIOD = 20, /* ms between looks */
};

static const int procs[] = { 1, 2, 8 };

struct watched {
	pid_t pid;
	int in, out, err; /* in: closed by stop() */
	size_t len;
	char text[TEXT]; /* its stderr so far */
};

/* How many that compute the next one has; NULL: threads that wait. */
static const char *threads;

/* Starts it with these variables (NPROCS 0: not said); it has said "ready". */
static struct watched *start(int nprocs, const char *godebug, const char *gothreads)
{
	static struct watched w;
	int in[2], out[2], err[2];
	char num[16], ready[7] = "";

	cr_assert(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0 &&
		  pipe2(err, O_CLOEXEC) == 0);
	w.pid = fork();
	cr_assert_geq(w.pid, 0);
	if (w.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		clearenv();
		snprintf(num, sizeof(num), "%d", nprocs);
		if (nprocs)
			setenv("GOMAXPROCS", num, 1);
		setenv("LD_PRELOAD", GOTHREADS_LIB, 1);
		if (godebug)
			setenv("GODEBUG", godebug, 1);
		if (gothreads)
			setenv("GOTHREADS", gothreads, 1);
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		execl(PROGS_DIR "/watched", "watched", threads, NULL);
		_exit(99);
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	w.in = in[1];
	w.out = out[0];
	w.err = err[0];
	w.len = 0;
	for (size_t n = 0; n < 6;) {
		ssize_t got = read(w.out, ready + n, 6 - n);

		cr_assert_gt(got, 0, "it ended before it began");
		n += (size_t)got;
	}
	cr_assert_str_eq(ready, "ready\n");
	return &w;
}

/* More of its stderr; waits at most MS for some. False at its end. */
static bool more(struct watched *w, int ms)
{
	struct pollfd p = { .fd = w->err, .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, ms) == 0)
		return true;
	cr_assert_lt(w->len, TEXT - 1, "too much on stderr");
	n = read(w->err, w->text + w->len, TEXT - 1 - w->len);
	cr_assert_geq(n, 0);
	w->len += (size_t)n;
	w->text[w->len] = '\0';
	return n > 0;
}

/* Ends its input: it must say "bye", exit with 0, and all its stderr is in w->text. */
static void stop(struct watched *w)
{
	char bye[8] = "";
	int status;

	close(w->in);
	while (more(w, -1))
		;
	cr_assert_eq(read(w->out, bye, sizeof(bye) - 1), 4);
	cr_assert_str_eq(bye, "bye\n");
	cr_assert_eq(waitpid(w->pid, &status, 0), w->pid);
	cr_assert_eq(status, 0);
}

/* How many lines of TEXT does PATTERN match? */
static unsigned lines(const char *text, const char *pattern)
{
	regmatch_t at;
	unsigned n = 0;
	regex_t re;

	cr_assert_eq(regcomp(&re, pattern, REG_EXTENDED | REG_NEWLINE), 0, "%s", pattern);
	while (regexec(&re, text, 1, &at, 0) == 0) {
		n++;
		text += at.rm_eo;
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	regfree(&re);
	return n;
}

static unsigned all_lines(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

#define HEAD                                                                                       \
	"SCHED [0-9]+ms: gomaxprocs=[0-9]+ idleprocs=[0-9]+ threads=[0-9]+ "                       \
	"spinningthreads=[0-9]+ idlethreads=[0-9]+ runqueue=[0-9]+ "

/* ---- schedtrace -------------------------------------------------------------------------- */

ParameterizedTestParameters(watch, schedtrace)
{
	return cr_make_param_array(const int, procs, 3);
}

/* Lines go on coming while all threads wait. */
ParameterizedTest(const int *n, watch, schedtrace, .timeout = LIMIT)
{
	static const char line[] = "^" HEAD "\\[[0-9]+( [0-9]+)*\\]$";
	struct watched *w = start(*n, "schedtrace=10", NULL);
	char first[64];

	while (lines(w->text, line) < 10)
		cr_assert(more(w, -1));
	stop(w);
	cr_assert_eq(lines(w->text, line), all_lines(w->text), "%s", w->text);
	snprintf(first, sizeof(first), "SCHED 0ms: gomaxprocs=%d ", *n);
	cr_assert_eq(strncmp(w->text, first, strlen(first)), 0, "%s", w->text);
}

static const char *const detail[] = {
	"^" HEAD "gcwaiting=0 nmidlelocked=0 stopwait=0 sysmonwait=[01] preempts=[0-9]+$",
	"^  P[0-9]+: status=[0-2] schedtick=[0-9]+ syscalltick=[0-9]+ m=(-1|[0-9]+) "
	"runqsize=[0-9]+ gfreecnt=[0-9]+ timerslen=[0-9]+$",
	"^  M[0-9]+: p=(-1|[0-9]+) curg=(-1|[0-9]+) mallocing=0 throwing=0 preemptoff= locks=[01] "
	"dying=0 spinning=(true|false) blocked=(true|false) lockedg=-1$",
	"^  G[0-9]+: status=[0-6]\\([a-zA-Z0-9_ ()]*\\) m=(-1|[0-9]+) lockedm=-1$",
};

Test(watch, scheddetail, .timeout = LIMIT)
{
	struct watched *w = start(2, "schedtrace=10,scheddetail=1", NULL);
	unsigned known = 0;

	while (!lines(w->text, "^  G[0-9]+: status=4\\(futex\\) ") ||
	       !lines(w->text, "^  G[0-9]+: status=4\\(sleep\\) "))
		cr_assert(more(w, -1));
	stop(w);
	for (size_t i = 0; i < sizeof(detail) / sizeof(detail[0]); i++) {
		unsigned n = lines(w->text, detail[i]);

		cr_assert_gt(n, 0, "no %s in\n%s", detail[i], w->text);
		known += n;
	}
	cr_assert_eq(known, all_lines(w->text), "%s", w->text);
}

/* What the last report but AGO says of preemptions, -1 if there are not so many. */
static long preempts(const struct watched *w, int ago)
{
	static const char key[] = " preempts=";
	const char *at = w->text + w->len, *begin = w->text + sizeof(key);

	for (; ago >= 0; ago--)
		do
			if (--at < begin)
				return -1;
		while (strncmp(at, key, sizeof(key) - 1) != 0 || !strchr(at, '\n'));
	return strtol(at + sizeof(key) - 1, NULL, 10);
}

/* Threads that compute, each on a P of its own, are left in peace: no signal comes to any of them. */
Test(watch, nobody_is_preempted_for_nothing, .timeout = LIMIT)
{
	enum { REPORTS = 30 };
	struct watched *w;

	threads = "2";
	w = start(2, "schedtrace=5,scheddetail=1", NULL);
	while (preempts(w, REPORTS) < 0 || preempts(w, REPORTS) != preempts(w, 0))
		cr_assert(more(w, -1));
	stop(w);
}

/* Where they are more, they take turns. */
Test(watch, preemptions_are_counted, .timeout = LIMIT)
{
	struct watched *w;
	long some;

	threads = "4";
	w = start(2, "schedtrace=5,scheddetail=1", NULL);
	while ((some = preempts(w, 0)) < 0)
		cr_assert(more(w, -1));
	while (preempts(w, 0) < some + 10)
		cr_assert(more(w, -1));
	stop(w);
}

/* ... but not by signals if that was asked for. */
Test(watch, no_signal_preempts_without_async, .timeout = LIMIT)
{
	struct watched *w;

	threads = "2";
	w = start(4, "schedtrace=5,scheddetail=1,asyncpreemptoff=1", NULL);
	while (preempts(w, 20) < 0)
		cr_assert(more(w, -1));
	cr_assert_eq(preempts(w, 0), 0);
	stop(w);
}

/* ---- How many Ps ------------------------------------------------------------------------- */

/* All its kernel threads may run on CPUS alone. Those that others make meanwhile have their makers' CPUs, so until a
 * look finds none new. */
static void run_on(pid_t pid, const cpu_set_t *cpus)
{
	char path[64];
	int before = 0, n;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	for (;; before = n) {
		struct dirent *e;
		DIR *d = opendir(path);

		cr_assert_not_null(d);
		n = 0;
		while ((e = readdir(d)))
			if (*e->d_name != '.')
				n += sched_setaffinity(atoi(e->d_name), sizeof(*cpus), cpus) == 0;
		closedir(d);
		if (n == before)
			return;
	}
}

/* Its last report says that there are N. */
static void until_procs(struct watched *w, int n)
{
	const char *last, *at;

	do {
		cr_assert(more(w, -1));
		for (last = NULL, at = w->text; (at = strstr(at, ": gomaxprocs=")) && strchr(at, '\n'); at++)
			last = at + strlen(": gomaxprocs=");
	} while (!last || strtol(last, NULL, 10) != n);
}

/* Far more than there are CPUs or threads, and more than there may be. */
Test(watch, many_ps, .timeout = LIMIT)
{
	static const int row[][2] = { { 1000, 1000 }, { 1 << 20, 1024 } };

	threads = "4";
	for (size_t i = 0; i < 2; i++) {
		struct watched *w = start(row[i][0], "schedtrace=500", NULL);

		until_procs(w, row[i][1]);
		stop(w);
	}
}

/* When nobody says how many, as many as there are CPUs for it, whoever changes that, and the threads go on. */
Test(watch, follows_its_cpus, .timeout = LIMIT)
{
	cpu_set_t all, one;
	struct watched *w;

	cr_assert_eq(sched_getaffinity(0, sizeof(all), &all), 0);
	if (CPU_COUNT(&all) < 2)
		cr_skip_test("there is one CPU");
	CPU_ZERO(&one);
	for (int i = 0; !CPU_COUNT(&one); i++)
		if (CPU_ISSET(i, &all))
			CPU_SET(i, &one);
	threads = "4";
	cr_assert_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	w = start(0, "schedtrace=20", NULL);
	cr_assert_eq(sched_setaffinity(0, sizeof(all), &all), 0);
	until_procs(w, 1);
	for (int i = 0; i < 2; i++) {
		run_on(w->pid, &all);
		until_procs(w, CPU_COUNT(&all));
		run_on(w->pid, &one);
		until_procs(w, 1);
	}
	stop(w);
}

/* ---- The dump ---------------------------------------------------------------------------- */

static const char *const expected[] = {
	"^gothreads: dump of process [0-9]+: 5 Gs, ",
	"^G [0-9]{7,9}: waiting \\(futex\\) on 0x[0-9a-f]+ for [0-9]+\\.[0-9]+ s, sp 0x",
	"^G [0-9]{7,9}: waiting \\(sleep\\) for [0-9]+\\.[0-9]+ s, until in [0-9]+\\.",
	"^    futex\\(0x[0-9a-f]+, 393, .*\\) at libc\\.so\\.6\\+0x",
	"^    read\\(0, 0x[0-9a-f]+, 1, .*\\) at libc\\.so\\.6\\+0x[0-9a-f]+ \\(read\\+0x",
	"^    read\\([1-9], 0x[0-9a-f]+, 1, ",
	"^    clock_nanosleep\\(0, 0, ",
	"^    unseen read at watched\\+0x[0-9a-f]+$",
	"^    called from watched\\+0x[0-9a-f]+$",
	"^M [0-9]+: tid [0-9]+, the watcher$",
	"^P 0: ",
	"^gothreads: end of dump$",
};

ParameterizedTestParameters(watch, dump)
{
	return cr_make_param_array(const int, procs, 3);
}

/* The signal asks for a dump whatever the threads do, and the program goes on. */
ParameterizedTest(const int *n, watch, dump, .timeout = LIMIT)
{
	struct watched *w = start(*n, NULL, "dumpsig=QUIT");
	size_t missing, all = sizeof(expected) / sizeof(expected[0]);
	unsigned dumps = 0;

	/* "ready" comes just before they wait. */
	do {
		const char *last = w->text + w->len;

		cr_assert_eq(kill(w->pid, SIGQUIT), 0);
		do
			cr_assert(more(w, PERIOD));
		while (!lines(last, "^gothreads: end of dump$"));
		dumps++;
		for (missing = 0; missing < all && lines(last, expected[missing]); missing++)
			;
	} while (missing < all);
	stop(w);
	cr_assert_eq(lines(w->text, "^gothreads: dump of "), dumps, "%s", w->text);
}

/* ---- The environment --------------------------------------------------------------------- */

Test(watch, wrong_environment_is_told_and_ignored, .timeout = LIMIT)
{
	struct watched *w = start(2, "gctrace=1", "dumpsig=NOSUCH");

	stop(w);
	cr_assert_str_eq(w->text, "gothreads: GODEBUG: unknown key 'gctrace'; ignored\n"
				  "gothreads: GOTHREADS: dumpsig must be a signal's name or "
				  "number, not 'NOSUCH'; ignored\n");
}

Test(watch, nothing_asked_nothing_said, .timeout = LIMIT)
{
	struct watched *w = start(2, "schedtrace=0,scheddetail=1", NULL);

	stop(w);
	cr_assert_str_empty(w->text);
}

/* Unwinders find the rules for a trampoline in the object that covers it: so that has to be ours. */
Test(watch, trampolines_lie_in_the_library, .timeout = LIMIT)
{
	struct watched *w = start(2, NULL, NULL);
	char path[64], line[512];
	bool ours = false;
	int found = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)w->pid);
	maps = fopen(path, "r");
	cr_assert_not_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		if (strstr(line, "gothreads-trampolines")) {
			cr_expect(ours, "%s", line);
			found++;
		} else if (strchr(line, '/') || strchr(line, '[')) {
			ours = strstr(line, "libgothreads.so") != NULL;
		}
	}
	fclose(maps);
	cr_expect_geq(found, 1);
	stop(w);
}
