/* SPDX-License-Identifier: MIT */
/*
 * stdio_getline - getline from pipes in ten threads: each gets its own lines, from writers that are
 * slower
 *
 * uses: read write futex
 */
#include "prog.h"

static void *write_lines(void *arg)
{
	FILE *f = fdopen((int)(intptr_t)arg, "w");

	CHECK(f);
	for (int i = 0; i < 50; i++) {
		fprintf(f, "%d\n", i);
		if (i % 7 == 0)
			CHECK(fflush(f) == 0);
		if (i % 20 == 0)
			usleep(500);
	}
	CHECK(fclose(f) == 0);
	return NULL;
}

static void *read_lines(void *arg)
{
	FILE *f = fdopen((int)(intptr_t)arg, "r");
	char *line = NULL;
	size_t size = 0;
	int count = 0;

	CHECK(f);
	while (getline(&line, &size, f) > 0)
		CHECK(strtol(line, NULL, 10) == count++);
	free(line);
	CHECK(count == 50 && feof(f) && fclose(f) == 0);
	return NULL;
}

int main(void)
{
	pthread_t r[10], w[10];

	for (int i = 0; i < 10; i++) {
		int fd[2];

		CHECK(pipe(fd) == 0);
		r[i] = thread_start(read_lines, (void *)(intptr_t)fd[0]);
		w[i] = thread_start(write_lines, (void *)(intptr_t)fd[1]);
	}
	for (int i = 0; i < 10; i++) {
		thread_join(w[i]);
		thread_join(r[i]);
	}
	puts("ok");
	return 0;
}
