/* SPDX-License-Identifier: MIT */
/* blocking_other - calls that block on no descriptor, and libc's own waits: see blocking.h */
#include "prog.h"

#include "blocking.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <threads.h>

/* ---- what all cases share ---------------------------------------------------------------------- */

static char dir[] = "/tmp/progs-blocking-XXXXXX";
static atomic_int paths;

static void on_poke(int sig)
{
	(void)sig;
}

void blocking_begin(void)
{
	struct sigaction poke = { .sa_handler = on_poke };
	sigset_t set;

	CHECK(mkdtemp(dir));
	CHECK(sigaction(SIGUSR1, &poke, NULL) == 0); /* not SA_RESTART */
	CHECK(signal(SIGIO, SIG_IGN) != SIG_ERR && signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	/* For those that wait for signals. */
	sigemptyset(&set);
	for (int i = 1; i <= 4; i++)
		sigaddset(&set, SIGRTMIN + i);
	CHECK0(pthread_sigmask(SIG_BLOCK, &set, NULL));
}

void blocking_end(void)
{
	CHECK(rmdir(dir) == 0);
}

bool blocking_path(struct blocking_at *a)
{
	snprintf(a->path, sizeof(a->path), "%s/%d", dir, atomic_fetch_add(&paths, 1));
	return true;
}

void blocking_done(struct blocking_at *a)
{
	if (a->fini)
		a->fini(a);
	if (a->pid > 0 && waitpid(a->pid, NULL, WNOHANG) == 0) {
		kill(a->pid, SIGKILL);
		waitpid(a->pid, NULL, 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(a->fd); i++)
		if (a->fd[i] >= 0)
			close(a->fd[i]);
	if (a->path[0] && unlink(a->path) != 0)
		rmdir(a->path);
}

void blocking_print(const struct blocking *c, const struct blocking_at *a, const char *how, long r,
		    int err)
{
	printf("%s: %s%ld", c->name, how, r);
	if (r == -1)
		printf(" (%s)", strerrorname_np(err));
	if (a->buf[0])
		printf(" \"%.*s\"", (int)strcspn(a->buf, "\n"), a->buf);
	putchar('\n');
}

bool blocking_nothing(struct blocking_at *a)
{
	(void)a;
	return true;
}

void blocking_poke(struct blocking_at *a)
{
	pthread_kill(a->thread, SIGUSR1);
}

static long number(struct blocking_at *a, long n, long r)
{
	snprintf(a->buf, sizeof(a->buf), "%ld", n);
	return r;
}

/* ---- children ---------------------------------------------------------------------------------- */

/* It does IN_CHILD, and ends when it is poked. */
static bool child_that(struct blocking_at *a, void (*in_child)(struct blocking_at *))
{
	int ready[2];
	char c;

	if (pipe(a->fd) != 0 || pipe(ready) != 0)
		return false;
	a->pid = fork();
	CHECK(a->pid >= 0);
	if (a->pid == 0) {
		close(a->fd[1]);
		if (in_child)
			in_child(a);
		_exit(write(ready[1], "x", 1) == 1 && read(a->fd[0], &c, 1) == 1 ? 7 : 1);
	}
	CHECK(close(ready[1]) == 0 && read(ready[0], &c, 1) == 1 && close(ready[0]) == 0);
	return true;
}

static bool child(struct blocking_at *a)
{
	return child_that(a, NULL);
}

static long reaped(struct blocking_at *a, long pid, int status)
{
	if (pid < 0)
		return pid;
	CHECK(pid == a->pid);
	a->pid = 0;
	return number(a, WEXITSTATUS(status), 0);
}

CASE(wait4_child, child, blocking_put, POINT)
{
	int status = 0;
	long pid = wait4(a->pid, &status, 0, NULL);

	return reaped(a, pid, status);
}

CASE(waitpid_child, child, blocking_put, POINT | LIBC)
{
	int status = 0;
	long pid = waitpid(a->pid, &status, 0);

	return reaped(a, pid, status);
}

CASE(wait_child, child, blocking_put, POINT | LIBC | ALONE)
{
	int status = 0;
	long pid = wait(&status);

	return reaped(a, pid, status);
}

CASE(waitid_child, child, blocking_put, POINT)
{
	siginfo_t info = { 0 };
	long r = waitid(P_PID, (id_t)a->pid, &info, WEXITED | WNOWAIT);

	return number(a, info.si_status, r);
}

static bool fifo_closed(struct blocking_at *a)
{
	return blocking_path(a) && mkfifo(a->path, 0600) == 0;
}

static void fifo_put(struct blocking_at *a)
{
	if (a->fd[1] < 0)
		a->fd[1] = open(a->path, O_RDWR);
	CHECK(a->fd[1] >= 0 && write(a->fd[1], "abc\n", 4) == 4);
}

CASE(system_reads, fifo_closed, fifo_put, POINT | LIBC)
{
	char command[128];

	snprintf(command, sizeof(command), "read x <%s; test $x = abc", a->path);
	return system(command);
}

static bool popen_reads(struct blocking_at *a)
{
	char command[128];

	if (!fifo_closed(a))
		return false;
	snprintf(command, sizeof(command), "read x <%s; exit 3", a->path);
	a->mem = popen(command, "w");
	return a->mem;
}

CASE(pclose_child, popen_reads, fifo_put, LIBC)
{
	return pclose(a->mem);
}

/* ---- locks of files ---------------------------------------------------------------------------- */

static bool locked_file(struct blocking_at *a)
{
	if (!blocking_path(a))
		return false;
	a->fd[2] = open(a->path, O_RDWR | O_CREAT | O_EXCL, 0600);
	a->fd[3] = open(a->path, O_RDWR);
	return a->fd[2] >= 0 && a->fd[3] >= 0;
}

static bool flocked(struct blocking_at *a)
{
	return locked_file(a) && flock(a->fd[2], LOCK_EX) == 0;
}

static void funlock(struct blocking_at *a)
{
	CHECK(flock(a->fd[2], LOCK_UN) == 0);
}

CASE(flock_held, flocked, funlock, 0)
{
	return flock(a->fd[3], LOCK_EX);
}

static struct flock whole(short type)
{
	return (struct flock){ .l_type = type, .l_whence = SEEK_SET };
}

static bool ofd_locked(struct blocking_at *a)
{
	struct flock all = whole(F_WRLCK);

	return locked_file(a) && fcntl(a->fd[2], F_OFD_SETLK, &all) == 0;
}

static void ofd_unlock(struct blocking_at *a)
{
	struct flock all = whole(F_UNLCK);

	CHECK(fcntl(a->fd[2], F_OFD_SETLK, &all) == 0);
}

CASE(ofd_setlkw_held, ofd_locked, ofd_unlock, POINT)
{
	struct flock all = whole(F_WRLCK);

	return fcntl(a->fd[3], F_OFD_SETLKW, &all);
}

/* By another process: its own locks do not keep a process waiting. */
static void lock_whole(struct blocking_at *a)
{
	struct flock all = whole(F_WRLCK);

	if (fcntl(a->fd[2], F_SETLK, &all) != 0)
		_exit(1);
}

static bool locked_by_child(struct blocking_at *a)
{
	return locked_file(a) && child_that(a, lock_whole);
}

CASE(setlkw_held, locked_by_child, blocking_put, POINT)
{
	struct flock all = whole(F_WRLCK);

	return fcntl(a->fd[3], F_SETLKW, &all);
}

CASE(lockf_held, locked_by_child, blocking_put, POINT | LIBC)
{
	return lockf(a->fd[3], F_LOCK, 0);
}

/* ---- System V and POSIX queues and semaphores -------------------------------------------------- */

struct message {
	long type;
	char text[1000];
};

static void messages_gone(struct blocking_at *a)
{
	msgctl(a->id, IPC_RMID, NULL);
}

static bool messages(struct blocking_at *a)
{
	a->id = msgget(IPC_PRIVATE, 0600);
	a->fini = messages_gone;
	return a->id >= 0;
}

static bool messages_full(struct blocking_at *a)
{
	struct message m = { 1, "" };

	if (!messages(a))
		return false;
	while (msgsnd(a->id, &m, sizeof(m.text), IPC_NOWAIT) == 0)
		;
	return errno == EAGAIN;
}

static void messages_put(struct blocking_at *a)
{
	struct message m = { 1, "abc" };

	CHECK(msgsnd(a->id, &m, 4, 0) == 0);
}

static void messages_take(struct blocking_at *a)
{
	struct message m;

	CHECK(msgrcv(a->id, &m, sizeof(m.text), 0, 0) == sizeof(m.text));
}

CASE(msgrcv_empty, messages, messages_put, POINT)
{
	struct message m = { 0 };
	long r = msgrcv(a->id, &m, sizeof(m.text), 0, 0);

	memcpy(a->buf, m.text, 4);
	return r;
}

CASE(msgsnd_full, messages_full, messages_take, POINT)
{
	struct message m = { 1, "" };

	return msgsnd(a->id, &m, sizeof(m.text), 0);
}

static void sem_gone(struct blocking_at *a)
{
	semctl(a->id, 0, IPC_RMID);
}

static bool sem_of(struct blocking_at *a, int value)
{
	a->id = semget(IPC_PRIVATE, 1, 0600);
	a->fini = sem_gone;
	return a->id >= 0 && semctl(a->id, 0, SETVAL, value) == 0;
}

static bool sem_zero(struct blocking_at *a)
{
	return sem_of(a, 0);
}

static bool sem_one(struct blocking_at *a)
{
	return sem_of(a, 1);
}

static void sem_give(struct blocking_at *a)
{
	CHECK(semctl(a->id, 0, SETVAL, 1) == 0);
}

static void sem_clear(struct blocking_at *a)
{
	CHECK(semctl(a->id, 0, SETVAL, 0) == 0);
}

CASE(semop_take, sem_zero, sem_give, 0)
{
	struct sembuf op = { .sem_op = -1 };

	return semop(a->id, &op, 1);
}

CASE(semop_zero, sem_one, sem_clear, 0)
{
	struct sembuf op = { .sem_op = 0 };

	return semop(a->id, &op, 1);
}

CASE(semtimedop_take, sem_zero, sem_give, 0)
{
	struct timespec day = { 86400, 0 };
	struct sembuf op = { .sem_op = -1 };

	return semtimedop(a->id, &op, 1, &day);
}

static bool queue_of(struct blocking_at *a, int messages_in_it)
{
	struct mq_attr attr = { .mq_maxmsg = 2, .mq_msgsize = 16 };
	char name[64];

	snprintf(name, sizeof(name), "/progs-blocking-%d", getpid());
	a->fd[0] = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
	if (a->fd[0] < 0)
		return false;
	CHECK(mq_unlink(name) == 0);
	for (int i = 0; i < messages_in_it; i++)
		CHECK(mq_send(a->fd[0], "full", 5, 0) == 0);
	return true;
}

static bool queue_empty(struct blocking_at *a)
{
	return queue_of(a, 0);
}

static bool queue_full(struct blocking_at *a)
{
	return queue_of(a, 2);
}

static void queue_put(struct blocking_at *a)
{
	CHECK(mq_send(a->fd[0], "abc", 4, 0) == 0);
}

static void queue_take(struct blocking_at *a)
{
	char buf[16];

	CHECK(mq_receive(a->fd[0], buf, sizeof(buf), NULL) == 5);
}

CASE(mq_receive_empty, queue_empty, queue_put, POINT)
{
	return mq_receive(a->fd[0], a->buf, 16, NULL);
}

CASE(mq_timedreceive_empty, queue_empty, queue_put, POINT)
{
	struct timespec end = clock_after(CLOCK_REALTIME, 86400000);

	return mq_timedreceive(a->fd[0], a->buf, 16, NULL, &end);
}

CASE(mq_send_full, queue_full, queue_take, POINT)
{
	return mq_send(a->fd[0], "abc", 4, 0);
}

CASE(mq_timedsend_full, queue_full, queue_take, POINT)
{
	struct timespec end = clock_after(CLOCK_REALTIME, 86400000);

	return mq_timedsend(a->fd[0], "abc", 4, 0, &end);
}

/* ---- futexes ----------------------------------------------------------------------------------- */

static long futex(uint32_t *word, int op, uint32_t val, const void *timeout, uint32_t *other,
		  uint32_t val3)
{
	return syscall(SYS_futex, word, op, val, timeout, other, val3);
}

static void word_wake(struct blocking_at *a)
{
	futex(&a->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

CASE(futex_word, blocking_nothing, word_wake, UNTIL)
{
	return futex(&a->word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static void bits_wake(struct blocking_at *a)
{
	CHECK(futex(&a->word, FUTEX_WAKE_BITSET_PRIVATE, 1, NULL, NULL, 8) == 0);
	futex(&a->word, FUTEX_WAKE_BITSET_PRIVATE, 1, NULL, NULL, 6);
}

CASE(futex_bitset, blocking_nothing, bits_wake, UNTIL)
{
	struct timespec end = clock_after(CLOCK_REALTIME, 86400000);

	return futex(&a->word, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 0, &end, NULL, 4);
}

static void shared_wake(struct blocking_at *a)
{
	futex(&a->word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

CASE(futex_shared, blocking_nothing, shared_wake, UNTIL)
{
	struct timespec day = { 86400, 0 };

	return futex(&a->word, FUTEX_WAIT, 0, &day, NULL, 0);
}

static void requeue_and_wake(struct blocking_at *a)
{
	futex(&a->word, FUTEX_CMP_REQUEUE_PRIVATE, 0, (void *)1, &a->other, 0);
	futex(&a->other, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

CASE(futex_requeued, blocking_nothing, requeue_and_wake, UNTIL)
{
	return futex(&a->word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static bool pi_locked(struct blocking_at *a)
{
	a->word = (uint32_t)gettid();
	return true;
}

static void pi_unlock(struct blocking_at *a)
{
	CHECK(futex(&a->word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0);
}

CASE(futex_wait_pi, pi_locked, pi_unlock, ONCE)
{
	return futex(&a->word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
}

CASE(futex_waitv_second, blocking_nothing, word_wake, UNTIL)
{
	struct futex_waitv v[2] = {
		{ .uaddr = (uintptr_t)&a->other, .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG },
		{ .uaddr = (uintptr_t)&a->word, .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG },
	};

	return syscall(SYS_futex_waitv, v, 2, 0, NULL, CLOCK_MONOTONIC);
}

/* Linux 6.7's, whose numbers the headers of a build may lack. */
enum { NR_FUTEX_WAKE = 454, NR_FUTEX_WAIT = 455, NR_FUTEX_REQUEUE = 456 };

static long futex2_wait(struct blocking_at *a, unsigned long val)
{
	return syscall(NR_FUTEX_WAIT, &a->word, val, 0xffffffffUL, FUTEX_32 | FUTEX_PRIVATE_FLAG,
		       NULL, CLOCK_MONOTONIC);
}

static bool futex2(struct blocking_at *a)
{
	return futex2_wait(a, 1) == -1 && errno == EAGAIN;
}

CASE(futex2_word, futex2, word_wake, UNTIL)
{
	return futex2_wait(a, 0);
}

static void futex2_requeue_and_wake(struct blocking_at *a)
{
	struct futex_waitv v[2] = {
		{ .uaddr = (uintptr_t)&a->word, .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG },
		{ .uaddr = (uintptr_t)&a->other, .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG },
	};

	syscall(NR_FUTEX_REQUEUE, v, 0, 0, 1);
	syscall(NR_FUTEX_WAKE, &a->other, 4, 1, FUTEX_32 | FUTEX_PRIVATE_FLAG);
}

CASE(futex2_requeued, futex2, futex2_requeue_and_wake, UNTIL)
{
	return futex2_wait(a, 0);
}

/* ---- signals and sleep ------------------------------------------------------------------------- */

CASE(nanosleep_raw, blocking_nothing, blocking_poke, UNTIL)
{
	struct timespec day = { 86400, 0 };

	(void)a;
	return syscall(SYS_nanosleep, &day, NULL);
}

CASE(clock_nanosleep_relative, blocking_nothing, blocking_poke, POINT | UNTIL)
{
	struct timespec day = { 86400, 0 }, left = { 0 };
	int r = clock_nanosleep(CLOCK_MONOTONIC, 0, &day, &left);

	return number(a, left.tv_sec > 3600, r);
}

CASE(clock_nanosleep_absolute, blocking_nothing, blocking_poke, POINT | UNTIL)
{
	struct timespec end = clock_after(CLOCK_REALTIME, 86400000);

	(void)a;
	return clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &end, NULL);
}

CASE(sleep_day, blocking_nothing, blocking_poke, POINT | UNTIL | LIBC)
{
	(void)a;
	return sleep(86400) > 3600;
}

CASE(usleep_day, blocking_nothing, blocking_poke, POINT | UNTIL | LIBC)
{
	(void)a;
	return usleep(4000000000u);
}

CASE(thrd_sleep_day, blocking_nothing, blocking_poke, POINT | UNTIL | LIBC)
{
	struct timespec day = { 86400, 0 };

	(void)a;
	return thrd_sleep(&day, NULL);
}

CASE(pause_signal, blocking_nothing, blocking_poke, POINT | UNTIL)
{
	(void)a;
	return pause();
}

CASE(sigsuspend_signal, blocking_nothing, blocking_poke, POINT | UNTIL)
{
	sigset_t set;

	(void)a;
	sigfillset(&set);
	sigdelset(&set, SIGUSR1);
	return sigsuspend(&set);
}

CASE(sigpause_signal, blocking_nothing, blocking_poke, POINT | UNTIL | LIBC)
{
	(void)a;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	return sigpause(SIGUSR1);
#pragma GCC diagnostic pop
}

static sigset_t set_of(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	return set;
}

/* To the process: whoever waits for it takes it. */
static void second_signal(struct blocking_at *a)
{
	(void)a;
	CHECK(kill(getpid(), SIGRTMIN + 2) == 0);
}

CASE(sigtimedwait_signal, blocking_nothing, second_signal, POINT)
{
	struct timespec day = { 86400, 0 };
	sigset_t set = set_of(SIGRTMIN + 2);

	(void)a;
	return sigtimedwait(&set, NULL, &day) - SIGRTMIN;
}

static void third_signal(struct blocking_at *a)
{
	(void)a;
	CHECK(sigqueue(getpid(), SIGRTMIN + 3, (union sigval){ .sival_int = 42 }) == 0);
}

CASE(sigwaitinfo_signal, blocking_nothing, third_signal, POINT)
{
	sigset_t set = set_of(SIGRTMIN + 3);
	siginfo_t info = { 0 };
	int r = sigwaitinfo(&set, &info);

	return number(a, info.si_value.sival_int, r - SIGRTMIN);
}

static void fourth_signal(struct blocking_at *a)
{
	(void)a;
	CHECK(kill(getpid(), SIGRTMIN + 4) == 0);
}

CASE(sigwait_signal, blocking_nothing, fourth_signal, POINT | LIBC)
{
	sigset_t set = set_of(SIGRTMIN + 4);
	int sig = 0, r = sigwait(&set, &sig);

	return number(a, sig - SIGRTMIN, r);
}

/* ---- libc's own waits -------------------------------------------------------------------------- */

static void unlock(void *mutex)
{
	pthread_mutex_unlock(mutex);
}

struct cond {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool now;
};

static bool cond(struct blocking_at *a)
{
	struct cond *c = calloc(1, sizeof(*c));

	CHECK(c);
	CHECK0(pthread_mutex_init(&c->mutex, NULL));
	CHECK0(pthread_cond_init(&c->cond, NULL));
	a->mem = c;
	return true;
}

static void cond_now(struct blocking_at *a)
{
	struct cond *c = a->mem;

	/* A cancelled waiter has given the mutex back. */
	CHECK0(pthread_mutex_lock(&c->mutex));
	c->now = true;
	CHECK0(pthread_cond_signal(&c->cond));
	CHECK0(pthread_mutex_unlock(&c->mutex));
}

static long cond_until(struct blocking_at *a, int how)
{
	struct timespec end = clock_after(how == 1 ? CLOCK_REALTIME : CLOCK_MONOTONIC, 86400000);
	struct cond *c = a->mem;
	int r = 0;

	CHECK0(pthread_mutex_lock(&c->mutex));
	pthread_cleanup_push(unlock, &c->mutex);
	while (!c->now && r == 0)
		r = how == 0   ? pthread_cond_wait(&c->cond, &c->mutex)
		    : how == 1 ? pthread_cond_timedwait(&c->cond, &c->mutex, &end)
			       : pthread_cond_clockwait(&c->cond, &c->mutex, CLOCK_MONOTONIC, &end);
	pthread_cleanup_pop(1);
	return r;
}

CASE(cond_wait, cond, cond_now, POINT | LIBC)
{
	return cond_until(a, 0);
}

CASE(cond_timedwait, cond, cond_now, POINT | LIBC)
{
	return cond_until(a, 1);
}

CASE(cond_clockwait, cond, cond_now, POINT | LIBC)
{
	return cond_until(a, 2);
}

/* mtx_t and cnd_t are these in libc. */
CASE(cnd_wait_signal, cond, cond_now, POINT | LIBC)
{
	struct cond *c = a->mem;
	volatile int r = thrd_success;

	CHECK0(pthread_mutex_lock(&c->mutex));
	pthread_cleanup_push(unlock, &c->mutex);
	while (!c->now)
		r = cnd_wait((cnd_t *)&c->cond, (mtx_t *)&c->mutex);
	pthread_cleanup_pop(1);
	return r;
}

static bool mutex_held(struct blocking_at *a)
{
	return cond(a) && pthread_mutex_lock(&((struct cond *)a->mem)->mutex) == 0;
}

static void mutex_release(struct blocking_at *a)
{
	CHECK0(pthread_mutex_unlock(&((struct cond *)a->mem)->mutex));
}

CASE(mutex_lock, mutex_held, mutex_release, LIBC)
{
	return pthread_mutex_lock(&((struct cond *)a->mem)->mutex);
}

CASE(mtx_lock_held, mutex_held, mutex_release, LIBC)
{
	return mtx_lock((mtx_t *)&((struct cond *)a->mem)->mutex);
}

static bool rwlock(struct blocking_at *a)
{
	a->mem = malloc(sizeof(pthread_rwlock_t));
	CHECK(a->mem);
	CHECK0(pthread_rwlock_init(a->mem, NULL));
	return true;
}

static bool rwlock_written(struct blocking_at *a)
{
	return rwlock(a) && pthread_rwlock_wrlock(a->mem) == 0;
}

static bool rwlock_read(struct blocking_at *a)
{
	return rwlock(a) && pthread_rwlock_rdlock(a->mem) == 0;
}

static void rwlock_release(struct blocking_at *a)
{
	CHECK0(pthread_rwlock_unlock(a->mem));
}

CASE(rwlock_rdlock, rwlock_written, rwlock_release, LIBC)
{
	return pthread_rwlock_rdlock(a->mem);
}

CASE(rwlock_wrlock, rwlock_read, rwlock_release, LIBC)
{
	return pthread_rwlock_wrlock(a->mem);
}

static bool barrier(struct blocking_at *a)
{
	a->mem = malloc(sizeof(pthread_barrier_t));
	CHECK(a->mem);
	return pthread_barrier_init(a->mem, NULL, 2) == 0;
}

static long barrier_arrive(struct blocking_at *a)
{
	int r = pthread_barrier_wait(a->mem);

	return r == PTHREAD_BARRIER_SERIAL_THREAD ? 0 : r;
}

static void barrier_second(struct blocking_at *a)
{
	CHECK(barrier_arrive(a) == 0);
}

CASE(barrier_wait, barrier, barrier_second, LIBC)
{
	return barrier_arrive(a);
}

static bool semaphore(struct blocking_at *a)
{
	a->mem = malloc(sizeof(sem_t));
	CHECK(a->mem);
	return sem_init(a->mem, 0, 0) == 0;
}

static void semaphore_post(struct blocking_at *a)
{
	CHECK(sem_post(a->mem) == 0);
}

CASE(sem_wait_zero, semaphore, semaphore_post, POINT | LIBC)
{
	return sem_wait(a->mem);
}

CASE(sem_timedwait_zero, semaphore, semaphore_post, POINT | LIBC)
{
	struct timespec end = clock_after(CLOCK_REALTIME, 86400000);

	return sem_timedwait(a->mem, &end);
}

CASE(sem_clockwait_zero, semaphore, semaphore_post, POINT | LIBC)
{
	struct timespec end = clock_after(CLOCK_MONOTONIC, 86400000);

	return sem_clockwait(a->mem, CLOCK_MONOTONIC, &end);
}

/* One to be joined, that ends when it is told. */
struct other {
	pthread_t thread;
	sem_t end;
};

static void *other_run(void *arg)
{
	CHECK(sem_wait(&((struct other *)arg)->end) == 0);
	return NULL;
}

static bool other(struct blocking_at *a)
{
	struct other *o = malloc(sizeof(*o));

	CHECK(o && sem_init(&o->end, 0, 0) == 0);
	o->thread = thread_start(other_run, o);
	a->mem = o;
	return true;
}

static void other_end(struct blocking_at *a)
{
	CHECK(sem_post(&((struct other *)a->mem)->end) == 0);
}

CASE(join_thread, other, other_end, POINT | LIBC)
{
	return pthread_join(((struct other *)a->mem)->thread, NULL);
}

CASE(timedjoin_thread, other, other_end, POINT | LIBC)
{
	struct timespec end = clock_after(CLOCK_REALTIME, 86400000);

	return pthread_timedjoin_np(((struct other *)a->mem)->thread, NULL, &end);
}

CASE(clockjoin_thread, other, other_end, POINT | LIBC)
{
	struct timespec end = clock_after(CLOCK_MONOTONIC, 86400000);

	return pthread_clockjoin_np(((struct other *)a->mem)->thread, NULL, CLOCK_MONOTONIC, &end);
}

CASE(thrd_join_thread, other, other_end, POINT | LIBC)
{
	return thrd_join(((struct other *)a->mem)->thread, NULL);
}

/* ---- stdio ------------------------------------------------------------------------------------- */

static bool stdio_reads(struct blocking_at *a)
{
	if (!blocking_pipe_empty(a))
		return false;
	a->mem = fdopen(a->fd[0], "r");
	return a->mem;
}

static void line_put(struct blocking_at *a)
{
	CHECK(write(a->fd[1], "abc\n", 4) == 4);
}

CASE(getline_pipe, stdio_reads, line_put, POINT | LIBC)
{
	char *line = NULL;
	size_t size = 0;
	long r = getline(&line, &size, a->mem);

	if (r > 0)
		memcpy(a->buf, line, (size_t)r);
	return r;
}

CASE(getdelim_pipe, stdio_reads, line_put, POINT | LIBC)
{
	char *line = NULL;
	size_t size = 0;
	long r = getdelim(&line, &size, 'b', a->mem);

	if (r > 0)
		memcpy(a->buf, line, (size_t)r);
	return r;
}

CASE(fgets_pipe, stdio_reads, line_put, POINT | LIBC)
{
	return fgets(a->buf, sizeof(a->buf), a->mem) ? 0 : -1;
}

CASE(fread_pipe, stdio_reads, line_put, POINT | LIBC)
{
	return (long)fread(a->buf, 1, 4, a->mem);
}

CASE(getc_pipe, stdio_reads, line_put, POINT | LIBC)
{
	return getc(a->mem);
}

CASE(scanf_pipe, stdio_reads, line_put, POINT | LIBC)
{
	return fscanf(a->mem, "%9s", a->buf);
}

static bool stdio_writes(struct blocking_at *a)
{
	if (!blocking_pipe_full(a))
		return false;
	a->mem = fdopen(a->fd[1], "w");
	return a->mem;
}

static bool stdio_unbuffered(struct blocking_at *a)
{
	return stdio_writes(a) && setvbuf(a->mem, NULL, _IONBF, 0) == 0;
}

CASE(fwrite_pipe, stdio_unbuffered, blocking_take, POINT | LIBC | ONCE)
{
	return (long)fwrite("abc", 1, 3, a->mem);
}

CASE(fputs_pipe, stdio_unbuffered, blocking_take, POINT | LIBC | ONCE)
{
	return fputs("abc", a->mem) >= 0;
}

CASE(fflush_pipe, stdio_writes, blocking_take, POINT | LIBC | ONCE)
{
	fputs("abc", a->mem);
	return fflush(a->mem);
}

CASE(fclose_pipe, stdio_writes, blocking_take, POINT | LIBC | ONCE)
{
	FILE *f = a->mem;

	fputs("abc", f);
	a->fd[1] = -1;
	return fclose(f);
}

static void fifo_open(struct blocking_at *a)
{
	if (a->fd[0] < 0)
		a->fd[0] = open(a->path, O_RDWR);
	CHECK(a->fd[0] >= 0);
}

CASE(fopen_fifo, fifo_closed, fifo_open, POINT | LIBC)
{
	FILE *f = fopen(a->path, "r");

	a->mem = f;
	return f ? 0 : -1;
}
