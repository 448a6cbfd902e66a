/* SPDX-License-Identifier: MIT */
/*
 * thread_name - threads have names of their own, for themselves and for others, and start with
 * their creator's
 *
 * uses: prctl openat read write
 */
#include "prog.h"

#include <semaphore.h>
#include <sys/prctl.h>

static sem_t named, go;

static void *run(void *arg)
{
	char name[16];

	CHECK0(pthread_getname_np(pthread_self(), name, sizeof(name)));
	CHECK(strcmp(name, "creator") == 0);
	CHECK0(pthread_setname_np(pthread_self(), arg));
	sem_post(&named);
	sem_wait(&go);
	CHECK(prctl(PR_GET_NAME, name) == 0);
	CHECK(strcmp(name, "by-main") == 0);
	return NULL;
}

int main(void)
{
	char name[16];
	pthread_t t[3];

	sem_init(&named, 0, 0);
	sem_init(&go, 0, 0);
	CHECK(prctl(PR_SET_NAME, "creator") == 0);
	for (int i = 0; i < 3; i++)
		t[i] = thread_start(run, "by-itself");
	for (int i = 0; i < 3; i++)
		sem_wait(&named);
	for (int i = 0; i < 3; i++) {
		CHECK0(pthread_getname_np(t[i], name, sizeof(name)));
		CHECK(strcmp(name, "by-itself") == 0);
		CHECK0(pthread_setname_np(t[i], "by-main"));
	}
	CHECK_RET(pthread_setname_np(t[0], "longer than 15 bytes"), ERANGE);
	for (int i = 0; i < 3; i++)
		sem_post(&go);
	for (int i = 0; i < 3; i++)
		thread_join(t[i]);
	CHECK0(pthread_getname_np(pthread_self(), name, sizeof(name)));
	printf("main: %s\n", name);
	return 0;
}
