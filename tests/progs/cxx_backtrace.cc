/* SPDX-License-Identifier: MIT */
/*
 * cxx_backtrace - a signal handler that finds its thread blocked in a call sees the whole stack of it,
 * up to where the thread began, and may leave it by an exception or a jump
 *
 * uses: read poll futex clock_nanosleep recvfrom tgkill
 */
#include <atomic>
#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <unistd.h>
#include <unwind.h>

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #cond);         \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

enum { CALLS = 7, WALKS = 5 };
enum way { WALK, THROW, JUMP };

static int fds[2], sockets[2];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static sem_t sem;

static thread_local bool blocked;
static thread_local way leave_by;
static thread_local FILE *stream; /* read by a function of libc's own, which cannot be cancelled */
static thread_local sigjmp_buf back;
static std::atomic<int> walks, left;

extern "C" void *thread_main(void *arg);
extern "C" void call_that_blocks(int call);

struct seen {
	bool call, main;
	int frames;
};

static _Unwind_Reason_Code frame(struct _Unwind_Context *c, void *arg)
{
	seen *s = static_cast<seen *>(arg);
	void *fn = _Unwind_FindEnclosingFunction((void *)(_Unwind_GetIP(c) - 1));

	s->call |= fn == (void *)call_that_blocks;
	s->main |= fn == (void *)thread_main;
	return ++s->frames > 100 ? _URC_NORMAL_STOP : _URC_NO_REASON;
}

static void on_signal(int)
{
	seen s = {};

	/* Just before or after it: nothing can be said. */
	if (!blocked)
		return;
	_Unwind_Reason_Code end = _Unwind_Backtrace(frame, &s);

	CHECK(s.call && s.main && s.frames < 100 && end == _URC_END_OF_STACK);
	walks++;
	if (leave_by == THROW)
		throw 42;
	if (leave_by == JUMP)
		siglongjmp(back, 1);
}

/* Each call goes on when it is interrupted, until everybody has walked often enough. */
extern "C" __attribute__((noinline)) void call_that_blocks(int call)
{
	char c;
	pollfd p = { fds[0], POLLIN, 0 };
	timespec day = { 86400, 0 };

	for (;;) {
		blocked = true;
		switch (call) {
		case 0:
			(void)!read(fds[0], &c, 1);
			break;
		case 1:
			poll(&p, 1, -1);
			break;
		case 2:
			clock_nanosleep(CLOCK_MONOTONIC, 0, &day, nullptr);
			break;
		case 3:
			(void)!recv(sockets[0], &c, 1, 0);
			break;
		case 4:
			sem_wait(&sem);
			break;
		case 5:
			pthread_mutex_lock(&mutex);
			break;
		case 6:
			getc_unlocked(stream);
			break;
		}
		blocked = false;
	}
}

extern "C" void *thread_main(void *arg)
{
	char path[32];

	leave_by = (way)((intptr_t)arg / CALLS);
	snprintf(path, sizeof(path), "/dev/fd/%d", fds[0]);
	stream = fopen(path, "rc");
	CHECK(stream);
	if (leave_by == JUMP) {
		if (sigsetjmp(back, 1) == 0)
			call_that_blocks((intptr_t)arg % CALLS);
	} else {
		try {
			call_that_blocks((intptr_t)arg % CALLS);
		} catch (int i) {
			CHECK(i == 42);
		}
	}
	blocked = false;
	left++;
	return arg;
}

static void signal_until(pthread_t t, std::atomic<int> &what, int much)
{
	while (what < much) {
		CHECK(pthread_kill(t, SIGUSR1) == 0);
		usleep(500);
	}
}

int main()
{
	struct sigaction sa = {};

	sa.sa_handler = on_signal;
	sa.sa_flags = SA_RESTART;
	CHECK(sigaction(SIGUSR1, &sa, nullptr) == 0);
	CHECK(pipe(fds) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
	CHECK(sem_init(&sem, 0, 0) == 0 && pthread_mutex_lock(&mutex) == 0);
	for (intptr_t i = 0; i < 3 * CALLS; i++) {
		pthread_t t;

		walks = 0;
		left = 0;
		CHECK(pthread_create(&t, nullptr, thread_main, (void *)i) == 0);
		signal_until(t, walks, i < CALLS ? WALKS : 1);
		if (i < CALLS) {
			pthread_detach(t);
			continue;
		}
		CHECK(pthread_join(t, nullptr) == 0 && left == 1);
	}
	puts("ok");
	fflush(stdout);
	_exit(0);
}
