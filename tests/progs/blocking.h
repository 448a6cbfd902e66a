/* SPDX-License-Identifier: MIT */
/*
 * blocking.h - calls that block, one case each, for the programs that try something on every one
 *
 * A case prepares what its call is going to wait for, makes the call, and can release it.  Which
 * case belongs to which row of interpose/table.h says BLOCKING_CALLS: a row that can block has its
 * cases there, or a reason why it has none (table_blocked.c refuses to compile otherwise).
 * BLOCKING_FUNCTIONS are functions of libc that wait by calls of the first list.
 *
 * Nobody can see from outside that a thread has arrived in its call.  So whatever a program does
 * about it must come out the same a little before: cases give the same result if they are released
 * too early, or have UNTIL, and are released again and again until they are through.
 */
#ifndef TESTS_BLOCKING_H
#define TESTS_BLOCKING_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
	POINT = 1, /* cancellation ends it: a cancellation point, through libc's own function */
	UNTIL = 2, /* to be released until it is through */
	ONCE = 4,  /* cannot be made again once it has been cancelled: nobody would release it */
	LIBC = 8,  /* more of libc than a system call: not for asynchronous cancellation */
	ALONE = 16, /* not beside others: takes what belongs to them */
};

struct blocking_at {
	int fd[4];
	char path[80];
	char buf[64]; /* what the call brought */
	int32_t id;
	pid_t pid;
	void *mem;
	uint32_t word, other;
	pthread_t thread;
	void (*fini)(struct blocking_at *); /* what else is to be done away with; NULL */
};

struct blocking {
	const char *name;
	bool (*prepare)(struct blocking_at *); /* false: not to be had on this machine, see errno */
	long (*call)(struct blocking_at *);    /* as the call returns: -1 and errno, if it fails */
	void (*release)(struct blocking_at *);
	int flags;
};

/* Once, before any thread; and at the end. */
void blocking_begin(void);
void blocking_end(void);
/* Begin with BLOCKING_AT; at the end, close what A holds. */
#define BLOCKING_AT(a) \
	(memset((a), 0, sizeof(*(a))), memset((a)->fd, -1, sizeof((a)->fd)))
void blocking_done(struct blocking_at *a);
/* "name: result [errno] [what it brought]" on a line. */
void blocking_print(const struct blocking *c, const struct blocking_at *a, const char *how, long r,
		    int err);

/* What the files with the cases share. */
bool blocking_pipe_empty(struct blocking_at *a);
bool blocking_pipe_full(struct blocking_at *a);
void blocking_put(struct blocking_at *a);
void blocking_take(struct blocking_at *a);
void blocking_poke(struct blocking_at *a);
bool blocking_nothing(struct blocking_at *a);
bool blocking_path(struct blocking_at *a);

/* CASE(name, prepare, release, flags) { the call } */
#define CASE(name_, prepare_, release_, flags_)                                                    \
	static long name_##_call(struct blocking_at *a);                                           \
	const struct blocking blocking_##name_ = { #name_, prepare_, name_##_call, release_,       \
						   flags_ };                                       \
	static long name_##_call(struct blocking_at *a)

/* ---- which case belongs to which call --------------------------------------------------------- */

#define WHY_DISK "waits for nothing but a disk or a file server, which is none of the program's"
#define WHY_MOUNT "waits for mounts, and needs rights that a test should not have"
#define WHY_SYSTEM "about the whole machine: not a test's to do"
#define WHY_MODULE "waits while the kernel loads a module"
#define WHY_SEEK "takes files alone, since it names a place in them"
#define WHY_MEMORY "waits for pages that come from a disk"
#define WHY_KEYS "waits for a helper that the kernel starts, /sbin/request-key"
#define WHY_GONE "no kernel since 5.x has it any more"

/* B(call, cases...): it blocks; N(call, reason): it can, but not in a test. */
#define BLOCKING_CALLS(B, N)                                                                       \
	B(read, C(read_pipe) C(read_fifo) C(read_unix) C(read_tcp) C(read_eventfd) C(read_timerfd) \
		C(read_signalfd) C(read_inotify) C(read_terminal) C(read_master)                   \
		C(read_userfaultfd))                                                               \
	B(write, C(write_pipe) C(write_long) C(write_fifo) C(write_unix) C(write_tcp)              \
		C(write_eventfd) C(write_terminal))                                                \
	B(readv, C(readv_pipe) C(readv_unix) C(readv_eventfd))                                     \
	B(writev, C(writev_pipe) C(writev_unix))                                                   \
	B(preadv2, C(preadv2_pipe) C(preadv2_unix))                                                \
	B(pwritev2, C(pwritev2_pipe) C(pwritev2_unix))                                             \
	B(open, C(open_raw))                                                                       \
	B(openat, C(open_reads) C(open_writes) C(openat_reads))                                    \
	B(openat2, C(openat2_reads))                                                               \
	B(creat, C(creat_fifo))                                                                    \
	B(close, C(close_lingers))                                                                 \
	B(dup2, C(dup2_lingers))                                                                   \
	B(dup3, C(dup3_lingers))                                                                   \
	B(close_range, C(close_range_lingers))                                                     \
	B(truncate, C(truncate_leased))                                                            \
	B(poll, C(poll_pipe) C(poll_pidfd) C(poll_many))                                           \
	B(ppoll, C(ppoll_pipe))                                                                    \
	B(select, C(select_raw))                                                                   \
	B(pselect6, C(select_pipe) C(pselect_pipe))                                                \
	B(epoll_wait, C(epoll_wait_pipe))                                                          \
	B(epoll_pwait, C(epoll_pwait_pipe))                                                        \
	B(epoll_pwait2, C(epoll_pwait2_pipe))                                                      \
	B(accept, C(accept_unix) C(accept_tcp))                                                    \
	B(accept4, C(accept4_unix))                                                                \
	B(connect, C(connect_unix))                                                                \
	B(recvfrom, C(recv_unix) C(recv_tcp) C(recv_waitall) C(recv_peek) C(recvfrom_datagram))    \
	B(recvmsg, C(recvmsg_unix) C(recvmsg_datagram))                                            \
	B(recvmmsg, C(recvmmsg_datagram))                                                          \
	B(sendto, C(send_unix) C(send_tcp) C(sendto_datagram))                                     \
	B(sendmsg, C(sendmsg_unix))                                                                \
	B(sendmmsg, C(sendmmsg_datagram))                                                          \
	B(splice, C(splice_from_empty) C(splice_to_full) C(splice_from_socket))                    \
	B(tee, C(tee_from_empty) C(tee_to_full))                                                   \
	B(vmsplice, C(vmsplice_full))                                                              \
	B(sendfile, C(sendfile_pipe) C(sendfile_socket))                                           \
	B(ioctl, C(ioctl_seccomp))                                                                 \
	B(wait4, C(wait4_child))                                                       \
	B(waitid, C(waitid_child) C(waitid_pidfd))                                                 \
	B(flock, C(flock_held))                                                                    \
	B(fcntl, C(setlkw_held) C(ofd_setlkw_held))                                                \
	B(msgrcv, C(msgrcv_empty))                                                                 \
	B(msgsnd, C(msgsnd_full))                                                                  \
	B(semop, C(semop_zero) C(semop_take))                                                      \
	B(semtimedop, C(semtimedop_take))                                                          \
	B(mq_timedreceive, C(mq_receive_empty) C(mq_timedreceive_empty))                           \
	B(mq_timedsend, C(mq_send_full) C(mq_timedsend_full))                                      \
	B(futex, C(futex_word) C(futex_bitset) C(futex_shared) C(futex_requeued)                   \
		C(futex_wait_pi))                                                                  \
	B(futex_waitv, C(futex_waitv_second))                                                      \
	B(futex_wait, C(futex2_word) C(futex2_requeued))                                           \
	B(nanosleep, C(nanosleep_raw))                                                             \
	B(clock_nanosleep, C(clock_nanosleep_relative) C(clock_nanosleep_absolute))                \
	B(pause, C(pause_signal))                                                                  \
	B(rt_sigsuspend, C(sigsuspend_signal))                                                     \
	B(rt_sigtimedwait, C(sigtimedwait_signal) C(sigwaitinfo_signal))                           \
	B(io_getevents, C(io_getevents_poll))                                                      \
	B(io_pgetevents, C(io_pgetevents_poll))                                                    \
	B(io_uring_enter, C(io_uring_enter_read))                                                  \
	N(pread64, WHY_SEEK)                                                                       \
	N(pwrite64, WHY_SEEK)                                                                      \
	N(preadv, WHY_SEEK)                                                                        \
	N(pwritev, WHY_SEEK)                                                                       \
	N(lseek, WHY_SEEK)                                                                         \
	N(copy_file_range, WHY_SEEK)                                                               \
	N(stat, WHY_DISK)                                                                          \
	N(fstat, WHY_DISK)                                                                         \
	N(lstat, WHY_DISK)                                                                         \
	N(newfstatat, WHY_DISK)                                                                    \
	N(statx, WHY_DISK)                                                                         \
	N(access, WHY_DISK)                                                                        \
	N(faccessat, WHY_DISK)                                                                     \
	N(faccessat2, WHY_DISK)                                                                    \
	N(ftruncate, WHY_DISK)                                                                     \
	N(getdents, WHY_DISK)                                                                      \
	N(getdents64, WHY_DISK)                                                                    \
	N(chdir, WHY_DISK)                                                                         \
	N(fchdir, WHY_DISK)                                                                        \
	N(chroot, WHY_DISK)                                                                        \
	N(rename, WHY_DISK)                                                                        \
	N(renameat, WHY_DISK)                                                                      \
	N(renameat2, WHY_DISK)                                                                     \
	N(mkdir, WHY_DISK)                                                                         \
	N(mkdirat, WHY_DISK)                                                                       \
	N(rmdir, WHY_DISK)                                                                         \
	N(link, WHY_DISK)                                                                          \
	N(linkat, WHY_DISK)                                                                        \
	N(unlink, WHY_DISK)                                                                        \
	N(unlinkat, WHY_DISK)                                                                      \
	N(symlink, WHY_DISK)                                                                       \
	N(symlinkat, WHY_DISK)                                                                     \
	N(readlink, WHY_DISK)                                                                      \
	N(readlinkat, WHY_DISK)                                                                    \
	N(chmod, WHY_DISK)                                                                         \
	N(fchmod, WHY_DISK)                                                                        \
	N(fchmodat, WHY_DISK)                                                                      \
	N(fchmodat2, WHY_DISK)                                                                     \
	N(chown, WHY_DISK)                                                                         \
	N(fchown, WHY_DISK)                                                                        \
	N(lchown, WHY_DISK)                                                                        \
	N(fchownat, WHY_DISK)                                                                      \
	N(utime, WHY_DISK)                                                                         \
	N(utimes, WHY_DISK)                                                                        \
	N(futimesat, WHY_DISK)                                                                     \
	N(utimensat, WHY_DISK)                                                                     \
	N(mknod, WHY_DISK)                                                                         \
	N(mknodat, WHY_DISK)                                                                       \
	N(ustat, WHY_DISK)                                                                         \
	N(statfs, WHY_DISK)                                                                        \
	N(fstatfs, WHY_DISK)                                                                       \
	N(bind, WHY_DISK)                                                                          \
	N(setxattr, WHY_DISK)                                                                      \
	N(lsetxattr, WHY_DISK)                                                                     \
	N(fsetxattr, WHY_DISK)                                                                     \
	N(setxattrat, WHY_DISK)                                                                    \
	N(getxattr, WHY_DISK)                                                                      \
	N(lgetxattr, WHY_DISK)                                                                     \
	N(fgetxattr, WHY_DISK)                                                                     \
	N(getxattrat, WHY_DISK)                                                                    \
	N(listxattr, WHY_DISK)                                                                     \
	N(llistxattr, WHY_DISK)                                                                    \
	N(flistxattr, WHY_DISK)                                                                    \
	N(listxattrat, WHY_DISK)                                                                   \
	N(removexattr, WHY_DISK)                                                                   \
	N(lremovexattr, WHY_DISK)                                                                  \
	N(fremovexattr, WHY_DISK)                                                                  \
	N(removexattrat, WHY_DISK)                                                                 \
	N(file_getattr, WHY_DISK)                                                                  \
	N(file_setattr, WHY_DISK)                                                                  \
	N(fsync, WHY_DISK)                                                                         \
	N(fdatasync, WHY_DISK)                                                                     \
	N(msync, WHY_DISK)                                                                         \
	N(sync, WHY_DISK)                                                                          \
	N(syncfs, WHY_DISK)                                                                        \
	N(sync_file_range, WHY_DISK)                                                               \
	N(fallocate, WHY_DISK)                                                                     \
	N(fadvise64, WHY_DISK)                                                                     \
	N(readahead, WHY_DISK)                                                                     \
	N(cachestat, WHY_DISK)                                                                     \
	N(io_destroy, WHY_DISK)                                                                    \
	N(io_submit, WHY_DISK)                                                                     \
	N(inotify_add_watch, WHY_DISK)                                                             \
	N(fanotify_mark, WHY_DISK)                                                                 \
	N(name_to_handle_at, WHY_DISK)                                                             \
	N(open_by_handle_at, WHY_DISK)                                                             \
	N(mq_open, "the locks of the queue file system are held for short")                        \
	N(mq_unlink, "the locks of the queue file system are held for short")                      \
	N(socket, WHY_MODULE)                                                                      \
	N(socketpair, WHY_MODULE)                                                                  \
	N(mlock, WHY_MEMORY)                                                                       \
	N(mlock2, WHY_MEMORY)                                                                      \
	N(mlockall, WHY_MEMORY)                                                                    \
	N(mbind, WHY_MEMORY)                                                                       \
	N(remap_file_pages, WHY_MEMORY)                                                            \
	N(process_madvise, WHY_MEMORY)                                                             \
	N(process_mrelease, WHY_MEMORY)                                                            \
	N(swapon, WHY_SYSTEM)                                                                      \
	N(swapoff, WHY_SYSTEM)                                                                     \
	N(syslog, WHY_SYSTEM)                                                                      \
	N(vhangup, WHY_SYSTEM)                                                                     \
	N(reboot, WHY_SYSTEM)                                                                      \
	N(kexec_load, WHY_SYSTEM)                                                                  \
	N(kexec_file_load, WHY_SYSTEM)                                                             \
	N(init_module, WHY_SYSTEM)                                                                 \
	N(finit_module, WHY_SYSTEM)                                                                \
	N(delete_module, WHY_SYSTEM)                                                               \
	N(bpf, WHY_SYSTEM)                                                                         \
	N(membarrier, "waits until every processor has switched, whatever the program does")       \
	N(pivot_root, WHY_MOUNT)                                                                   \
	N(acct, WHY_MOUNT)                                                                         \
	N(mount, WHY_MOUNT)                                                                        \
	N(umount2, WHY_MOUNT)                                                                      \
	N(quotactl, WHY_MOUNT)                                                                     \
	N(quotactl_fd, WHY_MOUNT)                                                                  \
	N(open_tree, WHY_MOUNT)                                                                    \
	N(open_tree_attr, WHY_MOUNT)                                                               \
	N(move_mount, WHY_MOUNT)                                                                   \
	N(fsopen, WHY_MOUNT)                                                                       \
	N(fsconfig, WHY_MOUNT)                                                                     \
	N(fsmount, WHY_MOUNT)                                                                      \
	N(fspick, WHY_MOUNT)                                                                       \
	N(mount_setattr, WHY_MOUNT)                                                                \
	N(uselib, WHY_GONE)                                                                        \
	N(lookup_dcookie, WHY_GONE)                                                                \
	N(add_key, WHY_KEYS)                                                                       \
	N(request_key, WHY_KEYS)                                                                   \
	N(keyctl, WHY_KEYS)                                                                        \
	N(getrandom, "waits for entropy, which is there from early boot on")                       \
	N(io_uring_register, "waits for requests to end, and rings of today need not be quiet")

/* libc's own waits; those that are system calls are above. */
#define BLOCKING_FUNCTIONS                                                                         \
	C(cond_wait) C(cond_timedwait) C(cond_clockwait) C(join_thread) C(timedjoin_thread)        \
	C(clockjoin_thread) C(sem_wait_zero) C(sem_timedwait_zero) C(sem_clockwait_zero)           \
	C(sleep_day) C(usleep_day) C(sigpause_signal) C(sigwait_signal) C(wait_child)              \
	C(waitpid_child) C(lockf_held) C(system_reads) C(pclose_child)          \
	C(getline_pipe) C(fgets_pipe) C(fread_pipe) C(getc_pipe) C(fwrite_pipe) C(fputs_pipe)      \
	C(fflush_pipe) C(fclose_pipe) C(fopen_fifo) C(scanf_pipe) C(getdelim_pipe)                 \
	C(mutex_lock) C(rwlock_rdlock) C(rwlock_wrlock) C(barrier_wait) C(thrd_sleep_day)          \
	C(cnd_wait_signal) C(mtx_lock_held) C(thrd_join_thread)

#ifdef __cplusplus
}
#endif

#endif
