/* SPDX-License-Identifier: MIT */
/* What the environment may say, and what is said about what it may not. */
#include "shim/config.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "sched/procs.h"
#include "shim/spec.h"

enum { COMPLAINTS = 8 };

static char complaints[COMPLAINTS][CONFIG_TEXT];
static unsigned n_complaints;

static void note(const char *text)
{
	cr_assert_lt(n_complaints, COMPLAINTS);
	strcpy(complaints[n_complaints++], text);
}

static struct config config(const char *procs, const char *godebug, const char *gothreads)
{
	struct config c;

	n_complaints = 0;
	clearenv();
	if (procs)
		setenv("GOMAXPROCS", procs, 1);
	if (godebug)
		setenv("GODEBUG", godebug, 1);
	if (gothreads)
		setenv("GOTHREADS", gothreads, 1);
	config_read(&c, note);
	return c;
}

#define SAYS(text)                                                                                 \
	cr_assert(n_complaints == 1 && !strcmp(complaints[0], text), "%u: %s", n_complaints,       \
		  complaints[0])

Test(config, nothing_said)
{
	struct config c = config(NULL, NULL, NULL);

	cr_assert(c.procs == 0 && c.schedtrace == 0 && c.dumpsig == 0);
	cr_assert(!c.scheddetail && !c.asyncpreemptoff);
	cr_assert_eq(n_complaints, 0);
}

Test(config, all_said)
{
	struct config c =
		config("3", "schedtrace=250,scheddetail=1,asyncpreemptoff=1", "dumpsig=QUIT");

	cr_assert(c.procs == 3 && c.schedtrace == 250 && c.dumpsig == SIGQUIT);
	cr_assert(c.scheddetail && c.asyncpreemptoff);
	cr_assert_eq(n_complaints, 0);
}

Test(config, procs)
{
	cr_assert_eq(config("100000", NULL, NULL).procs, PROCS_MAX);
	cr_assert_eq(n_complaints, 0);
	cr_assert_eq(config("0", NULL, NULL).procs, 0);
	SAYS("GOMAXPROCS must be a positive integer, not '0'");
	cr_assert_eq(config("", NULL, NULL).procs, 0);
	SAYS("GOMAXPROCS must be a positive integer, not ''");
}

Test(config, last_of_a_key_counts_and_empty_fields_do_not)
{
	struct config c =
		config(NULL, ",schedtrace=1,,scheddetail=1,schedtrace=2,scheddetail=0,", "");

	cr_assert(c.schedtrace == 2 && !c.scheddetail);
	cr_assert_eq(n_complaints, 0);
}

Test(config, what_is_wrong_is_as_if_it_were_not_there)
{
	struct config c =
		config(NULL, "gctrace=1,schedtrace=x,scheddetail=1", "nosuch=1,dumpsig=USR1");

	cr_assert(c.schedtrace == 0 && c.scheddetail && c.dumpsig == SIGUSR1);
	cr_assert_eq(n_complaints, 3);
	cr_assert_str_eq(complaints[0], "GODEBUG: unknown key 'gctrace'");
	cr_assert_str_eq(complaints[1],
			 "GODEBUG: schedtrace must be a number of milliseconds, not 'x'");
	cr_assert_str_eq(complaints[2], "GOTHREADS: unknown key 'nosuch'");
}

Test(config, numbers)
{
	static const char *const wrong[] = { "",    "-1",         "+1",
					     " 1",  "1 ",         "0x1",
					     "1.5", "2147483648", "99999999999999999999999" };
	char text[64];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		strcpy(text, "schedtrace=");
		strcat(text, wrong[i]);
		cr_assert_eq(config(NULL, text, NULL).schedtrace, 0, "%s", text);
		cr_assert_eq(n_complaints, 1, "%s", text);
	}
	cr_assert_eq(config(NULL, "schedtrace=2147483647", NULL).schedtrace, 2147483647);
	config(NULL, "scheddetail=2", NULL);
	SAYS("GODEBUG: scheddetail must be 0 or 1, not '2'");
	config(NULL, "asyncpreemptoff", NULL);
	SAYS("GODEBUG: asyncpreemptoff must be given a value, not ''");
}

Test(config, granule)
{
	cr_assert_eq(config(NULL, NULL, "granule=1000000").granule, 1000000);
	cr_assert_eq(config(NULL, NULL, "granule=1,dumpsig=QUIT").granule, 1);
	cr_assert_eq(n_complaints, 0);
	cr_assert_eq(config(NULL, NULL, "granule=0").granule, 0);
	SAYS("GOTHREADS: granule must be a number of microseconds from 1 to 1000000, not '0'");
	cr_assert_eq(config(NULL, NULL, "granule=1000001").granule, 0);
	cr_assert_eq(config(NULL, NULL, "granule=1ms").granule, 0);
}

Test(config, slice)
{
	cr_assert_eq(config(NULL, NULL, "slice=100").slice, 100);
	cr_assert_eq(config(NULL, NULL, "slice=100000,granule=50").slice, 100000);
	cr_assert_eq(n_complaints, 0);
	cr_assert_eq(config(NULL, NULL, "slice=99").slice, 0);
	SAYS("GOTHREADS: slice must be a number of microseconds from 100 to 100000, not '99'");
	cr_assert_eq(config(NULL, NULL, "slice=100001").slice, 0);
	cr_assert_eq(config(NULL, NULL, "slice=3ms").slice, 0);
}

Test(config, signals)
{
	static const char *const taken[] = { "KILL", "STOP",    "SIGSEGV", "9",   "32",
					     "33",   "SIGABRT", "FPE",     "TRAP" };
	char text[64];

	cr_assert_eq(config(NULL, NULL, "dumpsig=SIGTERM").dumpsig, SIGTERM);
	cr_assert_eq(config(NULL, NULL, "dumpsig=3").dumpsig, 3);
	cr_assert_eq(config(NULL, NULL, "dumpsig=64").dumpsig, 64);
	cr_assert_eq(n_complaints, 0);
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		strcpy(text, "dumpsig=");
		strcat(text, taken[i]);
		cr_assert_eq(config(NULL, NULL, text).dumpsig, 0, "%s", text);
		cr_assert_eq(n_complaints, 1, "%s", text);
	}
	cr_assert_eq(config(NULL, NULL, "dumpsig=quit").dumpsig, 0);
	SAYS("GOTHREADS: dumpsig must be a signal's name or number, not 'quit'");
	config(NULL, NULL, "dumpsig=0");
	SAYS("GOTHREADS: dumpsig must be a signal's name or number, not '0'");
	config(NULL, NULL, "dumpsig=65");
	SAYS("GOTHREADS: dumpsig must be a signal's name or number, not '65'");
}

Test(config, blocking)
{
	static const char *const wrong[] = { "f",
					     "f=i",
					     "f=i(",
					     "f=(i)",
					     "f=ii(i)",
					     "f=i(v)",
					     "f=i(i))",
					     "f=i(i)x",
					     "f={}(i)",
					     "f=i({i)",
					     "f=i(i})",
					     "f=i(z)",
					     "=i(i)",
					     "9f=i(i)",
					     "a b=i(i)",
					     "f=i(i...)",
					     "l:=i(i)",
					     "f=v",
					     "f=i({{{{{{{{{i}}}}}}}}})",
					     "f=i(iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii)" };
	struct config c = config(NULL, NULL, "blocking=/a/b.so:f={i{dd}}(p{ff}Lcs),blocking=g=v()");
	char text[128];

	cr_assert_eq(n_complaints, 0);
	cr_assert_eq(c.n_specs, 2);
	cr_assert_str_eq(c.specs[0].library, "/a/b.so");
	cr_assert_str_eq(c.specs[0].name, "f");
	cr_assert_str_eq(c.specs[0].result, "{i{dd}}");
	cr_assert_str_eq(c.specs[0].args, "p{ff}Lcs");
	cr_assert_str_eq(c.specs[1].library, "");
	cr_assert_str_eq(c.specs[1].args, "");
	cr_assert_str_eq(spec_type_end(c.specs[0].args + 1), "Lcs");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		strcpy(text, "blocking=");
		strcat(text, wrong[i]);
		cr_assert_eq(config(NULL, NULL, text).n_specs, 0, "%s", text);
		cr_assert_eq(n_complaints, 1, "%s", text);
	}
	config(NULL, NULL, "blocking=f=i(i..)");
	SAYS("GOTHREADS: blocking must be a function whose number of arguments is fixed, not 'f=i(i..)'");
}

Test(config, one_printable_line_that_is_not_long)
{
	char text[4096];

	memset(text, '\n', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	config(text, text, text);
	cr_assert_eq(n_complaints, 3);
	for (unsigned i = 0; i < n_complaints; i++) {
		cr_assert_lt(strlen(complaints[i]), 128);
		cr_assert_null(strchr(complaints[i], '\n'));
	}
}
