/* SPDX-License-Identifier: MIT */
/*
 * stdio_lines - lines that many threads print into one FILE arrive whole, each thread's in order
 *
 * uses: write futex
 */
#include "prog.h"

enum { THREADS = 10, LINES = 300 };

static FILE *file;

static void *print(void *arg)
{
	for (int i = 0; i < LINES; i++) {
		CHECK(fprintf(file, "thread %d line %d of a text that is some bytes long\n",
			      (int)(intptr_t)arg, i) > 0);
		if (i % 30 == 0)
			fflush(file);
		if (i % 50 == 0) {
			flockfile(file);
			fputs("two ", file);
			sched_yield();
			fputs("halves\n", file);
			funlockfile(file);
		}
	}
	return NULL;
}

int main(void)
{
	int next[THREADS] = { 0 }, halves = 0;
	pthread_t t[THREADS];
	char line[100];

	file = tmpfile();
	CHECK(file);
	for (intptr_t i = 0; i < THREADS; i++)
		t[i] = thread_start(print, (void *)i);
	for (int i = 0; i < THREADS; i++)
		thread_join(t[i]);
	rewind(file);
	while (fgets(line, sizeof(line), file)) {
		int id, num, end = 0;

		if (strcmp(line, "two halves\n") == 0) {
			halves++;
			continue;
		}
		CHECK(sscanf(line, "thread %d line %d of a text that is some bytes long\n%n", &id,
			     &num, &end) == 2);
		CHECK(line[end] == '\0' && end > 0 && next[id]++ == num);
	}
	for (int i = 0; i < THREADS; i++)
		CHECK(next[i] == LINES);
	printf("%d\n", halves);
	return 0;
}
