/* SPDX-License-Identifier: MIT */
/*
 * cli.c - what scripts/gothreads does with its command line and its environment
 *
 * Runs the command as it will be installed, told to find everything in the build tree.  Standard
 * input, output and error of each run are files of its own; nothing is inherited from the runner.
 */
#include "config.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum { OUTPUT = 65536, ARGS = 6 };

struct run {
	pid_t pid;
	int status; /* as waitpid gives it */
	char out[OUTPUT];
	char err[OUTPUT];
};

static void slurp(int fd, char text[OUTPUT])
{
	ssize_t len = pread(fd, text, OUTPUT - 1, 0);

	cr_assert(len >= 0);
	text[len] = '\0';
	close(fd);
}

/* Runs the command with these arguments; env are NAME=VALUE, added to a bare environment. */
static struct run run_with(const char *in, char *const env[], char *const args[])
{
	char *argv[ARGS + 2] = { "gothreads" };
	int fd[3];
	struct run run;

	for (int i = 0; i < ARGS && args[i]; i++)
		argv[i + 1] = args[i];
	for (int i = 0; i < 3; i++) {
		fd[i] = memfd_create("stdio", MFD_CLOEXEC);
		cr_assert(fd[i] >= 0);
	}
	cr_assert(pwrite(fd[0], in, strlen(in), 0) == (ssize_t)strlen(in));
	run.pid = fork();
	cr_assert(run.pid >= 0);
	if (run.pid == 0) {
		clearenv();
		setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
		for (int i = 0; env && env[i]; i++)
			putenv(env[i]);
		for (int i = 0; i < 3; i++)
			dup2(fd[i], i);
		execv(GOTHREADS_CLI, argv);
		_exit(99);
	}
	cr_assert(waitpid(run.pid, &run.status, 0) == run.pid);
	close(fd[0]);
	slurp(fd[1], run.out);
	slurp(fd[2], run.err);
	return run;
}

#define RUN(...) run_with("", NULL, (char *const[ARGS + 1]){ __VA_ARGS__ })
#define RUN_ENV(env, ...)                                                                          \
	run_with("", (char *const[]){ env, NULL }, (char *const[ARGS + 1]){ __VA_ARGS__ })

#define assert_exit(run, want)                                                                     \
	cr_assert(WIFEXITED((run).status) && WEXITSTATUS((run).status) == (want),                  \
		  "status %#x, not exit %d; stderr: %s", (run).status, (want), (run).err)

/* One line that begins with our name. */
static void assert_one_line(const char *text)
{
	const char *end = strchr(text, '\n');

	cr_assert(strncmp(text, "gothreads: ", 11) == 0, "no line of ours: %s", text);
	cr_assert(end && end[1] == '\0', "not one line: %s", text);
}

/* ---- Refusals: a status, one line on stderr that says why, and nothing was run ---- */

struct refusal {
	char args[ARGS][64];
	char env[80];
	int status;
	char says[64];
};

ParameterizedTestParameters(cli, refuses)
{
	static struct refusal cases[] = {
		{ { "--nonsense", "true" }, "", 2, "--nonsense" },
		{ { "-x" }, "", 2, "-x" },
		{ { "--print-libs" }, "", 2, "--print-libs" },
		{ { "--two\nlines" }, "", 2, "--two?lines" },
		{ { "--print-lib", "true" }, "", 2, "--print-lib" },
		{ { "--" }, "", 2, "no command" },
		{ { "-p" }, "", 2, "-p" },
		{ { "--procs" }, "", 2, "--procs" },
		{ { "-p", "0", "true" }, "", 2, "'0'" },
		{ { "-p", "-1", "true" }, "", 2, "'-1'" },
		{ { "-p", "two", "true" }, "", 2, "'two'" },
		{ { "-p", "1.5", "true" }, "", 2, "'1.5'" },
		{ { "-p", " 1", "true" }, "", 2, "' 1'" },
		{ { "-p", "+1", "true" }, "", 2, "'+1'" },
		{ { "-p", "0x2", "true" }, "", 2, "'0x2'" },
		{ { "-p", "2147483648", "true" }, "", 2, "2147483648" },
		{ { "-p", "99999999999999999999999", "true" }, "", 2, "99999999999999999999999" },
		{ { "--procs=", "true" }, "", 2, "''" },
		{ { "--procs=0", "true" }, "", 2, "'0'" },
		{ { "-pfour", "true" }, "", 2, "'four'" },
		{ { "true" }, "GOMAXPROCS=0", 2, "GOMAXPROCS" },
		{ { "true" }, "GOMAXPROCS=", 2, "GOMAXPROCS" },
		{ { "true" }, "GOMAXPROCS=-3", 2, "GOMAXPROCS" },
		{ { "true" }, "GOMAXPROCS=many", 2, "'many'" },
		{ { "" }, "GOMAXPROCS=many", 2, "'many'" },
		{ { "true" }, "GODEBUG=schedtrace=soon", 2, "'soon'" },
		{ { "true" }, "GODEBUG=schedtrace=-1", 2, "schedtrace" },
		{ { "true" }, "GODEBUG=scheddetail=2,schedtrace=9", 2, "scheddetail" },
		{ { "true" }, "GODEBUG=schedtrace", 2, "schedtrace" },
		{ { "true" }, "GODEBUG=schedtrace=9,tracefoo=1", 2, "'tracefoo'" },
		{ { "true" }, "GODEBUG=first=1,second=2", 2, "'first'" },
		{ { "true" }, "GODEBUG=two\nlines=1", 2, "'two?lines'" },
		{ { "true" }, "GOTHREADS=dumpsig=NOSUCH", 2, "'NOSUCH'" },
		{ { "true" }, "GOTHREADS=dumpsig=KILL", 2, "'KILL'" },
		{ { "true" }, "GOTHREADS=dumpsig=65", 2, "'65'" },
		{ { "true" }, "GOTHREADS=dumpsig", 2, "dumpsig" },
		{ { "true" }, "GOTHREADS=dump=QUIT", 2, "'dump'" },
		{ { "--blocking" }, "", 2, "--blocking" },
		{ { "--blocking=", "true" }, "", 2, "--blocking" },
		{ { "--blocking", "read", "true" }, "", 2, "'read'" },
		{ { "--blocking", "read=l(ipL", "true" }, "", 2, "'read=l(ipL'" },
		{ { "--blocking", "read=l(ipx)", "true" }, "", 2, "types" },
		{ { "--blocking", "read=l(v)", "true" }, "", 2, "types" },
		{ { "--blocking", "read=ll(ipL)", "true" }, "", 2, "result" },
		{ { "--blocking", "read=l({i{}})", "true" }, "", 2, "types" },
		{ { "--blocking", "read=l({ip)", "true" }, "", 2, "types" },
		{ { "--blocking", "=l(i)", "true" }, "", 2, "NAME=RESULT" },
		{ { "--blocking", "two\nlines=l(i)", "true" }, "", 2, "two?lines" },
		{ { "--blocking", "printf=i(s...)", "true" }, "", 2, "number of arguments" },
		{ { "--blocking", "a=i(i),b=i(i)", "true" }, "", 2, "comma" },
		{ { "--blocking=@/no/such/file", "true" }, "", 2, "@/no/such/file" },
		{ { "--blocking=@/etc/passwd", "true" }, "", 2, "line 1" },
		{ { "--blocking", "no_such_function=i(i)", "true" }, "", 2, "no_such_function" },
		{ { "true" }, "GOTHREADS=blocking=no_such_function=i(i)", 2, "no_such_function" },
		{ { "true" }, "GOTHREADS=blocking=read", 2, "'read'" },
		{ { "true" }, "GOTHREADS=dumpsig=QUIT,blocking", 2, "blocking" },
		{ { "list", "read" }, "", 2, "list" },
		{ { "no-such-command-anywhere" }, "", 127, "no-such-command-anywhere" },
		{ { "--", "--no-such-command" }, "", 127, "--no-such-command" },
		{ { "/no/such/file", "x" }, "", 127, "/no/such/file" },
		{ { "/" }, "", 126, "directory" },
		{ { "/etc/passwd" }, "", 126, "/etc/passwd" },
		{ { "passwd" }, "PATH=/etc", 126, "/etc/passwd" },
	};

	return cr_make_param_array(struct refusal, cases, ARRAY_SIZE(cases));
}

ParameterizedTest(struct refusal *c, cli, refuses)
{
	char *args[ARGS + 1] = { NULL };
	struct run run;

	for (int i = 0; i < ARGS && c->args[i][0]; i++)
		args[i] = c->args[i];
	run = run_with("", (char *const[]){ c->env[0] ? c->env : NULL, NULL }, args);
	assert_exit(run, c->status);
	assert_one_line(run.err);
	cr_assert(strstr(run.err, c->says), "%s does not say %s", run.err, c->says);
	cr_assert_str_empty(run.out);
}

Test(cli, refuses_an_empty_command)
{
	struct run run = RUN("");

	assert_exit(run, 127);
	assert_one_line(run.err);
}

/* ---- What it says about itself ---- */

Test(cli, version)
{
	struct run run = RUN("--version");

	assert_exit(run, 0);
	cr_assert_str_eq(run.out, "gothreads " PACKAGE_VERSION "\n");
	cr_assert_str_empty(run.err);
}

Test(cli, help_names_every_option)
{
	static const char *const options[] = {
		"-p, --procs N", "--print-lib", "--version", "--help",
		"GOMAXPROCS",    "LD_PRELOAD",  "127",       "GODEBUG",
		"GOTHREADS",     "list",        "--blocking SPEC"
	};
	struct run run = RUN("--help");

	assert_exit(run, 0);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		cr_assert(strstr(run.out, options[i]), "%s is not in the help", options[i]);
	cr_assert_str_empty(run.err);
}

Test(cli, print_lib)
{
	struct run run = RUN("--print-lib");

	assert_exit(run, 0);
	cr_assert_str_eq(run.out, GOTHREADS_LIB "\n");
	cr_assert_eq(run.out[0], '/');
}

Test(cli, lists_the_system_calls)
{
	struct run run = RUN("list");

	assert_exit(run, 0);
	cr_assert(strstr(run.out, "read                    poll     intr,restart,sotimeo,reads "));
	cr_assert(strstr(run.out, "\ngetpid                  pass     -   "));
	cr_assert(strstr(run.out, "\nfutex                   kernel   intr,restart"));
	cr_assert_str_empty(run.err);
}

Test(cli, accepts_what_is_right)
{
	static const char *const envs[] = {
		"GODEBUG=",
		"GODEBUG=schedtrace=1000",
		"GODEBUG=schedtrace=0,scheddetail=1,asyncpreemptoff=1,",
		"GOTHREADS=dumpsig=QUIT",
		"GOTHREADS=dumpsig=SIGUSR2",
		"GOTHREADS=dumpsig=40",
		"GOTHREADS=slice=1000,granule=100",
		"GOTHREADS=blocking=read=l(ipL),blocking=libz.so.1:gzread=i(pLu)",
	};

	for (size_t i = 0; i < ARRAY_SIZE(envs); i++) {
		struct run run = RUN_ENV((char *)envs[i], "true");

		assert_exit(run, 0);
		cr_assert_str_empty(run.err);
	}
}

/* A file may hold SPECs; a function of a library that is not there yet is for later. */
Test(cli, blocking_from_files)
{
	char name[] = "/tmp/gothreads-cli-XXXXXX", arg[sizeof(name) + 16];
	static const char good[] = "# comment\n\nread=l(ipL)\n  libz.so.1:gzread=i(pLu)  \ngetppid=i()";
	int fd = mkstemp(name);
	struct run run;

	cr_assert(fd >= 0 && write(fd, good, strlen(good)) == (ssize_t)strlen(good));
	snprintf(arg, sizeof(arg), "--blocking=@%s", name);
	run = RUN(arg, "sh", "-c", "echo $GOTHREADS");
	assert_exit(run, 0);
	cr_assert_str_empty(run.err);
	cr_assert(strstr(run.out, "blocking=@/tmp/"));
	cr_assert(write(fd, "\nread=\n", 7) == 7);
	run = RUN(arg, "true");
	assert_exit(run, 2);
	assert_one_line(run.err);
	cr_assert(strstr(run.err, "line 6"), "%s", run.err);
	unlink(name);
	close(fd);
}

/* ---- What CMD gets ---- */

#define SH(script) "sh", "-c", script

Test(cli, preloads)
{
	struct run run = RUN(SH("echo $LD_PRELOAD; grep -c '" GOTHREADS_LIB "' /proc/$$/maps"));

	assert_exit(run, 0);
	cr_assert_eq(strncmp(run.out, GOTHREADS_LIB "\n", sizeof(GOTHREADS_LIB)), 0, "%s", run.out);
	cr_assert(strtol(run.out + sizeof(GOTHREADS_LIB), NULL, 10) > 0, "not mapped: %s", run.out);
}

Test(cli, keeps_what_was_preloaded)
{
	struct run run = RUN_ENV("LD_PRELOAD=libm.so.6:libdl.so.2", SH("echo $LD_PRELOAD"));

	assert_exit(run, 0);
	cr_assert_str_eq(run.out, GOTHREADS_LIB ":libm.so.6:libdl.so.2\n");
	cr_assert_str_empty(run.err);
}

struct procs {
	char args[3][16];
	char env[32];
	char want[16];
};

ParameterizedTestParameters(cli, procs)
{
	static struct procs cases[] = {
		{ { "-p", "3" }, "", "3" },
		{ { "-p3" }, "", "3" },
		{ { "--procs", "3" }, "", "3" },
		{ { "--procs=3" }, "", "3" },
		{ { "--procs=3", "--" }, "", "3" },
		{ { "-p", "3" }, "GOMAXPROCS=5", "3" },
		{ { "-p", "3" }, "GOMAXPROCS=none", "3" },
		{ { "--" }, "GOMAXPROCS=5", "5" },
		{ { "--" }, "", "unset" },
	};

	return cr_make_param_array(struct procs, cases, ARRAY_SIZE(cases));
}

ParameterizedTest(struct procs *c, cli, procs)
{
	char *args[ARGS + 1] = { NULL };
	char *cmd[] = { SH("echo ${GOMAXPROCS-unset}") };
	struct run run;
	int n = 0;

	for (; n < 3 && c->args[n][0]; n++)
		args[n] = c->args[n];
	memcpy(args + n, cmd, sizeof(cmd));
	run = run_with("", (char *const[]){ c->env[0] ? c->env : NULL, NULL }, args);
	assert_exit(run, 0);
	run.out[strcspn(run.out, "\n")] = '\0';
	cr_assert_str_eq(run.out, c->want);
	cr_assert_str_empty(run.err);
}

Test(cli, arguments_arrive_as_they_are)
{
	struct run run = RUN("printf", "<%s>", "a b", "", "-p", "*");

	assert_exit(run, 0);
	cr_assert_str_eq(run.out, "<a b><><-p><*>");
}

Test(cli, stdio_is_the_commands)
{
	struct run run = run_with("from stdin\n", NULL,
				  (char *const[ARGS + 1]){ SH("cat; echo to stderr >&2") });

	assert_exit(run, 0);
	cr_assert_str_eq(run.out, "from stdin\n");
	cr_assert_str_eq(run.err, "to stderr\n");
}

Test(cli, exit_status_is_the_commands)
{
	struct run run = RUN(SH("exit 42"));

	assert_exit(run, 42);
}

Test(cli, death_by_signal_is_the_commands)
{
	struct run run = RUN(SH("kill -TERM $$"));

	cr_assert(WIFSIGNALED(run.status) && WTERMSIG(run.status) == SIGTERM, "status %#x",
		  run.status);
}

/* exec: the process that gothreads was is the command, no shell stays between. */
Test(cli, the_process_is_the_commands)
{
	struct run run = RUN(SH("echo $$"));

	assert_exit(run, 0);
	cr_assert_eq(strtol(run.out, NULL, 10), run.pid);
}

/* A shell's own variables must not shadow what came with the environment. */
Test(cli, environment_is_kept)
{
	struct run run = RUN_ENV("lib=mine", SH("echo $lib; env | grep -c ^gt_"));

	cr_assert_str_eq(run.out, "mine\n0\n");
}
