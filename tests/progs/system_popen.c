/* SPDX-License-Identifier: MIT */
/*
 * system_popen - system and popen work from many threads at once, and leave SIGCHLD and SIGINT as
 * they were
 *
 * uses: vfork clone wait4 rt_sigaction rt_sigprocmask
 */
#include "prog.h"

#include <signal.h>
#include <sys/wait.h>

static void *run(void *arg)
{
	int id = (int)(intptr_t)arg;
	char cmd[64], line[64], want[64];

	for (int i = 0; i < 5; i++) {
		FILE *f;
		int status;

		snprintf(cmd, sizeof(cmd), "exit %d", id + 1);
		status = system(cmd);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == id + 1);
		snprintf(cmd, sizeof(cmd), "echo from %d; exit 3", id);
		snprintf(want, sizeof(want), "from %d\n", id);
		f = popen(cmd, "re");
		CHECK(f && fgets(line, sizeof(line), f) && strcmp(line, want) == 0);
		status = pclose(f);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
	}
	return NULL;
}

int main(void)
{
	struct sigaction sa;
	pthread_t t[8];
	sigset_t set;

	for (intptr_t i = 0; i < 8; i++)
		t[i] = thread_start(run, (void *)i);
	for (int i = 0; i < 8; i++)
		thread_join(t[i]);
	CHECK(sigaction(SIGINT, NULL, &sa) == 0 && sa.sa_handler == SIG_DFL);
	CHECK0(pthread_sigmask(SIG_BLOCK, NULL, &set));
	CHECK(sigismember(&set, SIGCHLD) == 0);
	puts("ok");
	return 0;
}
