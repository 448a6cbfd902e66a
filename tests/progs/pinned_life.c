/* SPDX-License-Identifier: MIT */
/*
 * pinned_life - a thread's own directory is handed on to the threads that it makes, lasts as long as they do,
 * through locks, sleeps, reads and forks, and is never met by anybody else; main may have one
 *
 * uses: unshare chdir getcwd clone3 exit futex read write fork wait4 clock_nanosleep sched_yield
 */
#include "prog.h"

#include <semaphore.h>
#include <sys/wait.h>

enum { ROUNDS = 40, PINGS = 200 };

static void expect(const char *want)
{
	char cwd[200];

	CHECK(getcwd(cwd, sizeof(cwd)) && strcmp(cwd, want) == 0);
}

static void own(const char *dir)
{
	if (unshare(CLONE_FS) != 0)
		prog_skip("unshare is not allowed");
	CHECK(chdir(dir) == 0);
}

static void *see(void *dir)
{
	for (int i = 0; i < 5; i++) {
		expect(dir);
		sched_yield();
	}
	return NULL;
}

/* A child shares its creator's directory from then on. */
static sem_t moved, seen;

static void *child(void *arg)
{
	expect("/proc");
	sem_post(&seen);
	sem_wait(&moved);
	expect("/sys");
	thread_join(thread_start(see, "/sys"));
	return arg;
}

static void *parent(void *arg)
{
	pthread_t t;

	own("/proc");
	t = thread_start(child, NULL);
	sem_wait(&seen);
	CHECK(chdir("/sys") == 0);
	sem_post(&moved);
	thread_join(t);
	return arg;
}

/* Two that are pinned wake each other in every way. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int turn, pipes[2][2];

static void *ping(void *arg)
{
	int me = *(int *)arg;
	const char *dir = me ? "/proc" : "/sys";
	char c;

	own(dir);
	for (int i = 0; i < PINGS; i++) {
		pthread_mutex_lock(&lock);
		while (turn != me)
			pthread_cond_wait(&cond, &lock);
		turn = !me;
		pthread_cond_signal(&cond);
		pthread_mutex_unlock(&lock);
		expect(dir);
		if (i % 20 == 0) {
			CHECK(write(pipes[me][1], "x", 1) == 1);
			CHECK(read(pipes[!me][0], &c, 1) == 1);
			expect(dir);
			sleep_ms(1);
			expect(dir);
		}
	}
	return NULL;
}

static void *forks(void *arg)
{
	int status;
	pid_t pid;

	own("/proc");
	pid = fork();
	if (pid == 0) {
		expect("/proc");
		thread_join(thread_start(see, "/proc"));
		own("/sys");
		thread_join(thread_start(see, "/sys"));
		_exit(7);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	return arg;
}

static sem_t main_gone;

static void *last(void *arg)
{
	sem_wait(&main_gone);
	expect("/proc");
	puts("ok");
	return arg;
}

int main(void)
{
	int who[2] = { 0, 1 };
	pthread_t t[2], elsewhere;

	CHECK(chdir("/") == 0);
	sem_init(&moved, 0, 0);
	sem_init(&seen, 0, 0);
	sem_init(&main_gone, 0, 0);
	CHECK(pipe(pipes[0]) == 0 && pipe(pipes[1]) == 0);
	for (int i = 0; i < ROUNDS; i++) {
		elsewhere = thread_start(see, "/");
		thread_join(thread_start(parent, NULL));
		expect("/");
		thread_join(elsewhere);
		thread_join(thread_start(see, "/"));
	}
	for (int i = 0; i < 2; i++)
		t[i] = thread_start(ping, &who[i]);
	for (int i = 0; i < 2; i++)
		thread_join(t[i]);
	for (int i = 0; i < 3; i++)
		thread_join(thread_start(forks, NULL));
	elsewhere = thread_start(ping, &who[0]);
	own("/proc");
	for (int i = 0; i < PINGS; i++) {
		pthread_mutex_lock(&lock);
		while (turn != 1)
			pthread_cond_wait(&cond, &lock);
		turn = 0;
		pthread_cond_signal(&cond);
		pthread_mutex_unlock(&lock);
		expect("/proc");
		if (i % 20 == 0) {
			char c;

			CHECK(write(pipes[1][1], "x", 1) == 1);
			CHECK(read(pipes[0][0], &c, 1) == 1);
		}
	}
	thread_join(elsewhere);
	t[0] = thread_start(last, NULL);
	pthread_detach(t[0]);
	sem_post(&main_gone);
	pthread_exit(NULL);
}
