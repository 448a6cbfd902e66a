/* SPDX-License-Identifier: MIT */
/*
 * stdio_full - threads that print into full pipes, into one FILE or into one each, or read lines of
 * programs that say nothing yet, hold up no others and need no kernel thread each
 *
 * uses: write read futex vfork clone wait4
 */
#include "prog.h"

#include <fcntl.h>
#include <semaphore.h>

enum { N = 40, FEW = 24, LINES = 500, LINE = 100, PIPE = 4096 };

static FILE *file[N];
static int from[N], gate[2];
static sem_t entering;

static void pipe_make(int i)
{
	int fd[2];

	CHECK(pipe2(fd, O_CLOEXEC) == 0);
	fcntl(fd[1], F_SETPIPE_SZ, PIPE);
	from[i] = fd[0];
	file[i] = fdopen(fd[1], "w");
	CHECK(file[i]);
}

/* More than pipe and buffer hold. */
static void print(FILE *f, int who)
{
	for (int i = 0; i < LINES; i++)
		CHECK(fprintf(f, "%d %d %*s\n", who, i, LINE, "x") > LINE);
}

static void *print_own(void *arg)
{
	sem_post(&entering);
	print(file[(intptr_t)arg], (int)(intptr_t)arg);
	CHECK(fclose(file[(intptr_t)arg]) == 0);
	return arg;
}

static void *print_shared(void *arg)
{
	sem_post(&entering);
	print(file[0], (int)(intptr_t)arg);
	return arg;
}

/* A program that waits for the gate before it says its line. */
static void *listen_to(void *arg)
{
	size_t room = 0;
	char *line = NULL, cmd[64];
	FILE *f;

	snprintf(cmd, sizeof(cmd), "read x <&%d; echo I am %d", gate[0], (int)(intptr_t)arg);
	f = popen(cmd, "re");
	CHECK(f);
	sem_post(&entering);
	snprintf(cmd, sizeof(cmd), "I am %d\n", (int)(intptr_t)arg);
	CHECK(getline(&line, &room, f) > 0 && strcmp(line, cmd) == 0);
	CHECK(getline(&line, &room, f) == -1 && feof(f));
	free(line);
	CHECK(pclose(f) == 0);
	return arg;
}

static void begin(pthread_t t[N], void *(*fn)(void *))
{
	uint64_t sum = 0;

	for (intptr_t i = 0; i < N; i++)
		t[i] = thread_start(fn, (void *)i);
	for (int i = 0; i < N; i++)
		sem_wait(&entering);
	for (int i = 0; i < 10; i++) {
		sum = compute(sum, 100000);
		sched_yield();
	}
}

static void end(pthread_t t[N])
{
	for (intptr_t i = 0; i < N; i++)
		CHECK(thread_join(t[i]) == (void *)i);
	CHECK(few_kernel_threads(FEW));
}

/* Reads all that is printed into a pipe; each printer's lines come in order. Returns how many. */
static void *drain(void *arg)
{
	int next[N] = { 0 }, who, at;
	FILE *f = fdopen((int)(intptr_t)arg, "r");
	intptr_t lines = 0;
	char x[2];

	CHECK(f);
	while (fscanf(f, "%d %d %1s\n", &who, &at, x) == 3) {
		CHECK(who >= 0 && who < N && at == next[who] && x[0] == 'x');
		next[who]++;
		lines++;
	}
	CHECK(feof(f) && fclose(f) == 0);
	return (void *)lines;
}

int main(void)
{
	pthread_t t[N], reader;

	CHECK(sem_init(&entering, 0, 0) == 0);
	for (int i = 0; i < N; i++)
		pipe_make(i);
	begin(t, print_own);
	for (int i = 0; i < N; i++)
		CHECK(drain((void *)(intptr_t)from[i]) == (void *)LINES);
	end(t);
	puts("a pipe each");

	pipe_make(0);
	begin(t, print_shared);
	reader = thread_start(drain, (void *)(intptr_t)from[0]);
	end(t);
	CHECK(fclose(file[0]) == 0);
	CHECK(thread_join(reader) == (void *)(N * LINES));
	puts("one pipe");

	CHECK(pipe(gate) == 0 && fcntl(gate[1], F_SETFD, FD_CLOEXEC) == 0);
	begin(t, listen_to);
	CHECK(close(gate[1]) == 0);
	end(t);
	puts("programs");
	return 0;
}
