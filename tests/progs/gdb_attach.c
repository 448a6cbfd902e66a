/* SPDX-License-Identifier: MIT */
/*
 * gdb_attach - gdb attaches to a process with threads, lists them, stops one at a breakpoint, shows where it
 * and one that blocks in a call came from, and leaves; the process goes on
 *
 * uses: flock futex
 * limit: 120
 */
#include "prog.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static volatile bool over;
static char path[] = "/tmp/gdb_attachXXXXXX";

void spot(int round);

__attribute__((noinline)) void spot(int round)
{
	__asm__ volatile("" ::"r"(round));
}

__attribute__((noinline)) static void *work(void *arg)
{
	for (int i = 0; !over; i++) {
		spot(i);
		usleep(1000);
	}
	return arg;
}

__attribute__((noinline)) static void *block(void *arg)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	CHECK(fd >= 0 && flock(fd, LOCK_EX) == 0);
	close(fd);
	return arg;
}

__attribute__((noinline)) static void *wait_lock(void *arg)
{
	pthread_mutex_lock(arg);
	pthread_mutex_unlock(arg);
	return arg;
}

/* What gdb looks at, until its input ends. */
static int debugged(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_t t[6];
	char c;
	int fd;

	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	fd = mkstemp(path);
	CHECK(fd >= 0 && flock(fd, LOCK_EX) == 0);
	pthread_mutex_lock(&lock);
	for (int i = 0; i < 2; i++) {
		t[i] = thread_start(work, NULL);
		t[2 + i] = thread_start(block, NULL);
		t[4 + i] = thread_start(wait_lock, &lock);
	}
	CHECK(write(1, "ready\n", 6) == 6);
	CHECK(read(0, &c, 1) == 0);
	over = true;
	pthread_mutex_unlock(&lock);
	unlink(path);
	flock(fd, LOCK_UN);
	for (int i = 0; i < 6; i++)
		thread_join(t[i]);
	CHECK(write(1, "bye\n", 4) == 4);
	return 0;
}

static pid_t start(int in, int out)
{
	pid_t pid = fork();

	if (pid == 0) {
		dup2(in, 0);
		dup2(out, 1);
		execl("/proc/self/exe", "gdb_attach", "debugged", NULL);
		_exit(127);
	}
	CHECK(pid > 0);
	return pid;
}

/* What it says; NULL if it is not there. */
static char *run_gdb(pid_t pid)
{
	static char text[1 << 18];
	int out = memfd_create("gdb", MFD_CLOEXEC), status;
	char num[16];
	ssize_t n;
	pid_t gdb;

	snprintf(num, sizeof(num), "%d", pid);
	gdb = fork();
	if (gdb == 0) {
		unsetenv("LD_PRELOAD");
		dup2(open("/dev/null", O_RDONLY), 0);
		dup2(out, 1);
		dup2(out, 2);
		execlp("gdb", "gdb", "-nx", "-batch", "-p", num, "-ex", "set pagination off", "-ex",
		       "info threads", "-ex", "break spot", "-ex", "continue", "-ex", "bt 5", "-ex",
		       "info threads", "-ex", "thread apply all bt 30", "-ex", "delete", "-ex", "detach",
		       NULL);
		_exit(127);
	}
	CHECK(gdb > 0);
	CHECK(waitpid(gdb, &status, 0) == gdb);
	if (status == 127 << 8)
		return NULL;
	n = pread(out, text, sizeof(text) - 1, 0);
	CHECK(n >= 0);
	text[n] = '\0';
	if (strstr(text, "ptrace: Operation not permitted"))
		return NULL;
	CHECK(status == 0);
	return text;
}

static void must(const char *text, const char *part, bool have)
{
	if (!strstr(text, part) != have)
		return;
	printf("gdb %s \"%s\":\n%s\n", have ? "does not say" : "says", part, text);
	exit(1);
}

int main(int argc, char **argv)
{
	static const char *const says[] = { "LWP ",	"Breakpoint 1 at", "hit Breakpoint 1, ",
					    "#0  ",	"spot (",	   " in work (",
					    " in block (", " detached]" };
	static const char *const says_not[] = { "warning: ", "Cannot ", "Couldn't ", "rror: ",
						"Unable ", "rror in " };
	int in[2], out[2], status;
	char line[16];
	char *text;
	pid_t pid;

	(void)argv;
	if (argc > 1)
		return debugged();
	CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
	pid = start(in[0], out[1]);
	close(out[1]);
	CHECK(read(out[0], line, sizeof(line)) == 6);
	text = run_gdb(pid);
	close(in[1]);
	CHECK(read(out[0], line, sizeof(line)) == 4 && memcmp(line, "bye\n", 4) == 0);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	if (!text)
		prog_skip("no gdb, or it may not attach");
	for (size_t i = 0; i < ARRAY_SIZE(says); i++)
		must(text, says[i], true);
	for (size_t i = 0; i < ARRAY_SIZE(says_not); i++)
		must(text, says_not[i], false);
	puts("ok");
	return 0;
}
