/* SPDX-License-Identifier: MIT */
/*
 * table_cancelled - threads that are cancelled in every call that blocks: they leave those that are
 * cancellation points and run their clean-up handlers in order, and take nothing with them
 *
 * Each case of blocking.h four times: cancelled when it waits; cancelled before; with cancellation
 * disabled, to see that the call is not disturbed, and enabled afterwards; with the asynchronous
 * type, which ends calls that are no cancellation points, too.  When it has been cancelled, main
 * makes the same call in the same place: it must bring what it would have brought.  Then functions
 * that are cancellation points though they wait for nothing.
 *
 * uses: tgkill, every call of BLOCKING_CALLS
 * limit: 180
 */
#include "prog.h"

#include "blocking.h"

#include <aio.h>
#include <dirent.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <syslog.h>
#include <termios.h>
#include <threads.h>

#define NOT(call, why)
#define BLOCKS(call, cases) cases
#define C(name) extern const struct blocking blocking_##name;
BLOCKING_CALLS(BLOCKS, NOT)
BLOCKING_FUNCTIONS
#undef C

static const struct blocking *const cases[] = {
#define C(name) &blocking_##name,
	BLOCKING_CALLS(BLOCKS, NOT) BLOCKING_FUNCTIONS
};

enum how { BLOCKED, PENDING, DISABLED, ASYNCHRONOUS, HOWS };

static const char *const how_names[] = { "blocked", "pending", "disabled", "asynchronous" };

struct cancelled {
	const struct blocking *c;
	enum how how;
	struct blocking_at at;
	sem_t entering, go;
	char order[8]; /* of clean-up handlers */
	bool returned;
	atomic_bool through;
	long r;
	int err;
};

static void first(void *arg)
{
	strcat(((struct cancelled *)arg)->order, "1");
}

static void second(void *arg)
{
	strcat(((struct cancelled *)arg)->order, "2");
}

static void third(void *arg)
{
	struct cancelled *x = arg;

	strcat(x->order, "3");
	x->through = true;
}

static void call(struct cancelled *x)
{
	errno = 0;
	x->r = x->c->call(&x->at);
	x->err = errno;
	x->returned = true;
	x->through = true;
}

static void enter(struct cancelled *x)
{
	int old;

	if (x->how == PENDING || x->how == DISABLED)
		CHECK0(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old));
	CHECK(sem_post(&x->entering) == 0);
	if (x->how == PENDING) {
		CHECK(sem_wait(&x->go) == 0);
		CHECK0(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old));
	}
	if (x->how == ASYNCHRONOUS)
		CHECK0(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old));
	call(x);
	if (x->how == ASYNCHRONOUS)
		CHECK0(pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &old));
	if (x->how == DISABLED)
		CHECK0(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old));
	pthread_testcancel();
}

static void *run(void *arg)
{
	pthread_cleanup_push(third, arg);
	pthread_cleanup_push(second, arg);
	pthread_cleanup_push(first, arg);
	enter(arg);
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	return NULL;
}

static void release(struct cancelled *x)
{
	x->c->release(&x->at);
	while ((x->c->flags & UNTIL) && !x->through) {
		usleep(200);
		x->c->release(&x->at);
	}
}

static void cancel(const struct blocking *c, enum how how)
{
	struct cancelled *x = calloc(1, sizeof(*x));
	bool leaves = how == ASYNCHRONOUS || (how != DISABLED && (c->flags & POINT));
	char before[64];

	CHECK(x && sem_init(&x->entering, 0, 0) == 0 && sem_init(&x->go, 0, 0) == 0);
	x->c = c;
	x->how = how;
	BLOCKING_AT(&x->at);
	if (!c->prepare(&x->at)) {
		printf("%s: not here (%s)\n", c->name, strerrorname_np(errno));
		blocking_done(&x->at);
		return;
	}
	x->at.thread = thread_start(run, x);
	CHECK(sem_wait(&x->entering) == 0);
	for (int i = 0; i < 10; i++)
		sched_yield();
	CHECK0(pthread_cancel(x->at.thread));
	CHECK(sem_post(&x->go) == 0);
	if (!leaves)
		release(x);
	CHECK(thread_join(x->at.thread) == PTHREAD_CANCELED);
	snprintf(before, sizeof(before), "%s, cancelled %s, ", how_names[how], x->order);
	if (leaves) {
		CHECK(!x->returned);
		if (c->flags & (UNTIL | ONCE)) {
			printf("%s: %s\n", c->name, before);
			blocking_done(&x->at);
			return;
		}
		c->release(&x->at);
		call(x);
	}
	blocking_print(c, &x->at, before, x->r, x->err);
	blocking_done(&x->at);
}

/* ---- points that wait for nothing -------------------------------------------------------------- */

static struct {
	int file, pipe[2], sock[2], epoll, queue, master;
	FILE *stream;
	sem_t sem;
	pthread_t ended;
	char *map;
	sem_t go, entering;
	bool returned;
} here;

static struct aiocb done_cb;
static const struct aiocb *const done_list[] = { &done_cb };
static char byte;
static struct iovec v = { &byte, 1 };
static struct timespec zero;

#define POINTS(P)                                                                                  \
	P(aio_suspend, aio_suspend(done_list, 1, &zero))                                           \
	P(clock_nanosleep, clock_nanosleep(CLOCK_MONOTONIC, 0, &zero, NULL))                       \
	P(close, close(-1))                                                                        \
	P(creat, creat("/dev/null", 0600))                                                         \
	P(epoll_wait, epoll_wait(here.epoll, &(struct epoll_event){ 0 }, 1, 0))                    \
	P(fcntl_getfl, fcntl(here.file, F_GETFL))                                                  \
	P(fcntl_setlk, fcntl(here.file, F_SETLK, &(struct flock){ .l_type = F_RDLCK }))            \
	P(fcntl_setlkw, fcntl(here.file, F_SETLKW, &(struct flock){ .l_type = F_RDLCK }))          \
	P(fdatasync, fdatasync(here.file))                                                         \
	P(fsync, fsync(here.file))                                                                 \
	P(lockf, lockf(here.file, F_LOCK, 0))                                                      \
	P(msync, msync(here.map, 4096, MS_SYNC))                                                   \
	P(nanosleep, nanosleep(&zero, NULL))                                                       \
	P(open, open("/dev/null", O_RDONLY))                                                       \
	P(openat, openat(AT_FDCWD, "/dev/null", O_RDONLY))                                         \
	P(poll, poll(NULL, 0, 0))                                                                  \
	P(ppoll, ppoll(NULL, 0, &zero, NULL))                                                      \
	P(pread, pread(here.file, &byte, 1, 0))                                                    \
	P(preadv, preadv(here.file, &v, 1, 0))                                                     \
	P(preadv2, preadv2(here.file, &v, 1, 0, 0))                                                \
	P(pselect, pselect(0, NULL, NULL, NULL, &zero, NULL))                                      \
	P(pwrite, pwrite(here.file, "x", 1, 0))                                                    \
	P(pwritev, pwritev(here.file, &v, 1, 0))                                                   \
	P(pwritev2, pwritev2(here.file, &v, 1, 0, 0))                                              \
	P(read, read(here.file, &byte, 1))                                                         \
	P(readv, readv(here.file, &v, 1))                                                          \
	P(recv, recv(here.sock[0], &byte, 1, MSG_DONTWAIT))                                        \
	P(select, select(0, NULL, NULL, NULL, &(struct timeval){ 0 }))                             \
	P(sem_wait, sem_wait(&here.sem))                                                           \
	P(sem_trywait, sem_trywait(&here.sem))                                                     \
	P(sem_timedwait, sem_timedwait(&here.sem, &zero))                                          \
	P(send, send(here.sock[0], "x", 1, 0))                                                     \
	P(sigtimedwait, sigtimedwait(&(sigset_t){ 0 }, NULL, &zero))                               \
	P(sleep, sleep(0))                                                                         \
	P(system, system("exit 0"))                                                                \
	P(tcdrain, tcdrain(here.master))                                                           \
	P(testcancel, (pthread_testcancel(), 0))                                                   \
	P(join, pthread_join(here.ended, NULL))                                                    \
	P(usleep, usleep(0))                                                                       \
	P(wait, wait(NULL))                                                                        \
	P(waitid, waitid(P_ALL, 0, NULL, WEXITED | WNOHANG))                                       \
	P(waitpid, waitpid(-1, NULL, WNOHANG))                                                     \
	P(write, write(here.file, "x", 1))                                                         \
	P(writev, writev(here.file, &v, 1))                                                        \
	P(fallocate, fallocate(here.file, 0, 0, 1))                                                \
	P(sync_file_range, sync_file_range(here.file, 0, 1, 0))                                    \
	P(getpid, getpid())                                                                        \
	P(sched_yield, sched_yield())                                                              \
	P(thrd_sleep, thrd_sleep(&zero, NULL))                                                     \
	P(fflush, fflush(here.stream))                                                             \
	P(fgetc, fgetc(here.stream))                                                               \
	P(opendir, closedir(opendir("/")))                                                         \
	P(mutex, pthread_mutex_lock(&(pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER))

#define P(name, call)                                                                              \
	static void point_##name(void)                                                             \
	{                                                                                          \
		(void)!(call);                                                                     \
	}
POINTS(P)
#undef P

static const struct {
	const char *name;
	void (*call)(void);
} points[] = {
#define P(name, call) { #name, point_##name },
	POINTS(P)
#undef P
};

static void *ends(void *arg)
{
	return arg;
}

static void *reach(void *arg)
{
	int old;

	CHECK0(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old));
	CHECK(sem_post(&here.entering) == 0 && sem_wait(&here.go) == 0);
	CHECK0(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old));
	((void (*)(void))arg)();
	CHECK0(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old));
	here.returned = true;
	return NULL;
}

static void points_reached(void)
{
	here.stream = tmpfile();
	CHECK(here.stream && pipe(here.pipe) == 0);
	here.file = fileno(here.stream);
	CHECK(ftruncate(here.file, 4096) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, here.sock) == 0);
	here.epoll = epoll_create1(0);
	here.master = posix_openpt(O_RDWR | O_NOCTTY);
	here.map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, here.file, 0);
	CHECK(here.map != MAP_FAILED && sem_init(&here.sem, 0, 100) == 0);
	CHECK(sem_init(&here.go, 0, 0) == 0 && sem_init(&here.entering, 0, 0) == 0);
	here.ended = thread_start(ends, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		pthread_t t = thread_start(reach, (void *)points[i].call);
		void *ret;

		here.returned = false;
		CHECK(sem_wait(&here.entering) == 0);
		CHECK0(pthread_cancel(t));
		CHECK(sem_post(&here.go) == 0);
		ret = thread_join(t);
		CHECK((ret == PTHREAD_CANCELED) == !here.returned);
		printf("%s: %s\n", points[i].name, here.returned ? "no point" : "cancelled");
	}
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	blocking_begin();
	for (int how = 0; how < HOWS; how++)
		for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
			if (how != ASYNCHRONOUS || !(cases[i]->flags & LIBC))
				cancel(cases[i], (enum how)how);
	points_reached();
	blocking_end();
	fflush(stdout);
	_exit(0); /* not what stdio has kept back in files of the cases */
}
