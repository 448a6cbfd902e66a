/* SPDX-License-Identifier: MIT */
/*
 * tls_thread - thread-local variables are each thread's own, start as they were written, and keep
 * their alignment
 *
 * uses: clone3 sched_yield
 */
#include "prog.h"

#include <sched.h>

static __thread int counter = 7;
static __thread char text[100] = "initial";
static __thread _Alignas(64) char aligned[64];

static void *run(void *arg)
{
	int id = *(int *)arg;

	CHECK(counter == 7 && strcmp(text, "initial") == 0 && (uintptr_t)aligned % 64 == 0);
	for (int i = 0; i < 200; i++) {
		counter += id;
		snprintf(text, sizeof(text), "thread %d round %d", id, i);
		sched_yield();
		CHECK(counter == 7 + (i + 1) * id);
		CHECK(strtol(text + 7, NULL, 10) == id);
	}
	return &counter;
}

int main(void)
{
	int ids[20];
	pthread_t t[20];

	for (int i = 0; i < 20; i++) {
		ids[i] = i + 1;
		t[i] = thread_start(run, &ids[i]);
	}
	for (int i = 0; i < 20; i++)
		CHECK(thread_join(t[i]) != &counter);
	printf("main: %d %s\n", counter, text);
	return 0;
}
