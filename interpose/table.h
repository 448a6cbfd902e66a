/* SPDX-License-Identifier: MIT */
/*
 * table: what we do about each system call, one row per number
 *
 *	ROW(class, name, flags, note)
 *
 * To have the rows, define ROW and include this file again, as often as you like; ROW is undefined
 * at the end. Rows are in the order of their numbers, x86-64's. A number that the kernel headers of
 * a build may lack (Linux 6.2 and later) has its row in an #ifdef.
 *
 * Sources: signal(7) for INTR and RESTART, and the kernel's own return values (ERESTARTSYS,
 * ERESTARTNOHAND, ERESTART_RESTARTBLOCK, EINTR) where it says nothing; the man page of each call
 * for the rest. "Block" means: wait for something outside of the kernel's own short locks.
 */
#ifndef GOTHREADS_TABLE_H
#define GOTHREADS_TABLE_H

#include <asm/unistd.h>
#include <stdbool.h>

/* Linux 6.7: there are bodies for these, whatever the headers of the build have. */
#ifndef __NR_futex_wake
#define __NR_futex_wake 454
#endif
#ifndef __NR_futex_wait
#define __NR_futex_wait 455
#endif
#ifndef __NR_futex_requeue
#define __NR_futex_requeue 456
#endif

enum row_class {
	CLASS_PASS,    /* cannot block and names no thread: left as it is, the note says why */
	CLASS_NEVER,   /* must not be patched, the note says why */
	CLASS_KERNEL,  /* about threads: answered by us for Gs */
	CLASS_TIMER,   /* parks on a timer */
	CLASS_POLL,    /* tried without blocking, else parks on the netpoller */
	CLASS_HANDOFF, /* may block in the kernel: the P may go to another M meanwhile */
	CLASS_STACK,   /* maps memory: may be about a stack in one of our slabs */
	CLASS_PROCESS, /* changes the process, or what all its kernel threads have in common */
};

enum row_flags {
	INTR = 1 << 0,    /* a signal that is handled can end the wait: EINTR */
	RESTART = 1 << 1, /* only with INTR: not if the handler was set with SA_RESTART */
	SOTIMEO = 1 << 2, /* only with RESTART: ends all the same if the socket has a timeout set,
	                   * SO_RCVTIMEO or SO_SNDTIMEO */
	NONG = 1 << 3,    /* the body must also see the calls of threads that are no G */
	/* How the seam knows beforehand that the call is going to wait (wait.c) */
	READS = 1 << 4,	  /* until the descriptor in its first argument is readable */
	WRITES = 1 << 5,  /* until it is writable */
	WAITS = 1 << 6,	  /* nearly always, unless it is told not to */
};

struct row {
	const char *name;    /* without __NR_ */
	const char *note;    /* never empty */
	unsigned char class; /* enum row_class */
	unsigned char flags; /* of enum row_flags */
};

/* The row of a system call; NULL if the number has none, be it negative, a gap, or newer than the
 * headers we were built with. The row is constant and stays. */
const struct row *table_row(long nr);

/* Should a site that is proven to make this call be patched? All but PASS and NEVER should. A
 * number without a row should, too: nobody knows whether it blocks, so take it for a hand-off. */
bool table_wants(int nr);

#endif

#ifdef ROW
/* clang-format off */
ROW(POLL,    read,             INTR | RESTART | SOTIMEO | READS, "parks until readable; files: hand-off")
ROW(POLL,    write,            INTR | RESTART | SOTIMEO | WRITES, "parks until writable; files: hand-off")
ROW(HANDOFF, open,             INTR | RESTART,
	"a FIFO waits for its other end; a path may need a disk")
ROW(HANDOFF, close,            INTR | NONG,
	"SO_LINGER, flush of a network file; who waits for it finishes on a duplicate")
ROW(HANDOFF, stat,             0,              "a path may need a disk, a server, an automount")
ROW(HANDOFF, fstat,            0,              "a network file asks its server")
ROW(HANDOFF, lstat,            0,              "a path may need a disk, a server, an automount")
ROW(POLL,    poll,             INTR | WAITS,           "parks on all descriptors")
ROW(HANDOFF, lseek,            0,
	"waits for a read at the same position; network files")
ROW(STACK,   mmap,             NONG,
	"MAP_STACK comes from the slabs; MAP_POPULATE and MAP_LOCKED: hand-off")
ROW(STACK,   mprotect,         NONG,
	"set-up of a fresh stack is answered; all else is real")
ROW(STACK,   munmap,           NONG,           "gives a stack back to its slab")
ROW(PASS,    brk,              0,              "cannot block; the heap is never a stack")
ROW(KERNEL,  rt_sigaction,     NONG,           "handlers run on Gs, with the mask of a G")
ROW(KERNEL,  rt_sigprocmask,   0,              "the mask of the G")
ROW(NEVER,   rt_sigreturn,     0,
	"takes its frame from where rsp points: nothing may be pushed; unwinders know its bytes")
ROW(HANDOFF, ioctl,            INTR | RESTART, "depends on the device")
ROW(HANDOFF, pread64,          INTR | RESTART, "files: no poller helps")
ROW(HANDOFF, pwrite64,         INTR | RESTART, "files: no poller helps")
ROW(POLL,    readv,            INTR | RESTART | SOTIMEO | READS, "parks until readable; files: hand-off")
ROW(POLL,    writev,           INTR | RESTART | SOTIMEO | WRITES, "parks until writable; files: hand-off")
ROW(HANDOFF, access,           0,              "a path may need a disk, a server, an automount")
ROW(PASS,    pipe,             0,              "cannot block: makes descriptors")
ROW(POLL,    select,           INTR | WAITS,           "parks on all descriptors")
ROW(KERNEL,  sched_yield,      0,              "to the end of the run queue")
ROW(STACK,   mremap,           NONG,           "may move what is in a slab")
ROW(HANDOFF, msync,            0,              "waits for a disk")
ROW(PASS,    mincore,          0,              "cannot block; memory, but no stack of ours")
ROW(STACK,   madvise,          NONG,           "inside a slab; some advice takes long: hand-off")
ROW(PASS,    shmget,           0,              "cannot block: waits in other calls of its family")
ROW(STACK,   shmat,            NONG,           "SHM_REMAP may lie over a slab")
ROW(PASS,    shmctl,           0,              "cannot block: waits in other calls of its family")
ROW(PASS,    dup,              0,              "cannot block: makes descriptors")
ROW(HANDOFF, dup2,             NONG,           "closes descriptors: see close")
ROW(KERNEL,  pause,            INTR,           "parks until a signal")
ROW(TIMER,   nanosleep,        INTR,           "parks on the timer heap")
ROW(PASS,    getitimer,        0,              "cannot block: the timers of the process")
ROW(PASS,    alarm,            0,              "cannot block: the timers of the process")
ROW(PASS,    setitimer,        0,              "cannot block: the timers of the process")
ROW(PASS,    getpid,           0,              "cannot block, names no thread")
ROW(POLL,    sendfile,         INTR | RESTART, "parks until the socket is writable; reads a disk: hand-off")
ROW(HANDOFF, socket,           0,              "may load a module")
ROW(POLL,    connect,          INTR | RESTART | SOTIMEO,
	"TCP parks until writable if it takes long; else hand-off: there is no form that does not wait")
ROW(POLL,    accept,           INTR | RESTART | SOTIMEO | READS, "parks until readable")
ROW(POLL,    sendto,           INTR | RESTART | SOTIMEO | WRITES, "parks until writable")
ROW(POLL,    recvfrom,         INTR | RESTART | SOTIMEO | READS, "parks until readable")
ROW(POLL,    sendmsg,          INTR | RESTART | SOTIMEO | WRITES, "parks until writable")
ROW(POLL,    recvmsg,          INTR | RESTART | SOTIMEO | READS, "parks until readable")
ROW(PASS,    shutdown,         0,
	"cannot block: the lock of a socket is held for short")
ROW(HANDOFF, bind,             0,              "AF_UNIX makes a file")
ROW(PASS,    listen,           0,
	"cannot block: the lock of a socket is held for short")
ROW(PASS,    getsockname,      0,
	"cannot block: the lock of a socket is held for short")
ROW(PASS,    getpeername,      0,
	"cannot block: the lock of a socket is held for short")
ROW(HANDOFF, socketpair,       0,              "may load a module")
ROW(KERNEL,  setsockopt,       NONG,
	"cannot block; limits of a call are noted")
ROW(PASS,    getsockopt,       0,
	"cannot block: the lock of a socket is held for short")
ROW(KERNEL,  clone,            NONG,
	"CLONE_THREAD makes a G; without it, a process (see fork)")
ROW(PROCESS, fork,             NONG,
	"the child has one G; the scheduler is dormant in it")
ROW(NEVER,   vfork,            0,
	"returns twice on one stack: interposed as a symbol; by syscall(2), a fork")
ROW(PROCESS, execve,           NONG,           "the new image gets the mask of the G")
ROW(KERNEL,  exit,             0,              "ends a G, on g0: robust list, then the tid word")
ROW(HANDOFF, wait4,            INTR | RESTART | WAITS, "waits for a child")
ROW(KERNEL,  kill,             NONG,           "aims at a process, which any of its tids may name")
ROW(PASS,    uname,            0,              "cannot block: about the machine")
ROW(PASS,    semget,           0,              "cannot block: waits in other calls of its family")
ROW(HANDOFF, semop,            INTR,           "waits in the kernel, no descriptor to poll")
ROW(PASS,    semctl,           0,              "cannot block: waits in other calls of its family")
ROW(STACK,   shmdt,            NONG,           "SHM_REMAP may lie over a slab")
ROW(PASS,    msgget,           0,              "cannot block: waits in other calls of its family")
ROW(HANDOFF, msgsnd,           INTR,           "waits in the kernel, no descriptor to poll")
ROW(HANDOFF, msgrcv,           INTR | WAITS,           "waits in the kernel, no descriptor to poll")
ROW(PASS,    msgctl,           0,              "cannot block: waits in other calls of its family")
ROW(HANDOFF, fcntl,            INTR | RESTART | NONG, "F_SETLKW waits; F_SETOWN_EX takes a tid")
ROW(HANDOFF, flock,            INTR | RESTART, "waits for a lock")
ROW(HANDOFF, fsync,            WAITS,              "waits for a disk")
ROW(HANDOFF, fdatasync,        WAITS,              "waits for a disk")
ROW(HANDOFF, truncate,         INTR | RESTART, "waits for a lease to end; a disk, a long file")
ROW(HANDOFF, ftruncate,        0,              "may wait for a disk, or walk a long file")
ROW(HANDOFF, getdents,         0,              "reads a disk")
ROW(PASS,    getcwd,           0,              "cannot block: shared by all threads")
ROW(HANDOFF, chdir,            0,              "a path may need a disk, a server, an automount")
ROW(HANDOFF, fchdir,           0,              "a network file asks its server")
ROW(HANDOFF, rename,           0,              "changes a file system: may wait for a disk")
ROW(HANDOFF, mkdir,            0,              "changes a file system: may wait for a disk")
ROW(HANDOFF, rmdir,            0,              "changes a file system: may wait for a disk")
ROW(HANDOFF, creat,            INTR | RESTART,
	"a FIFO waits for its other end; a path may need a disk")
ROW(HANDOFF, link,             0,              "changes a file system: may wait for a disk")
ROW(HANDOFF, unlink,           0,              "changes a file system: may wait for a disk")
ROW(HANDOFF, symlink,          0,              "changes a file system: may wait for a disk")
ROW(HANDOFF, readlink,         0,              "a path may need a disk, a server, an automount")
ROW(HANDOFF, chmod,            0,              "changes a file system: may wait for a disk")
ROW(HANDOFF, fchmod,           0,              "changes a file system: may wait for a disk")
ROW(HANDOFF, chown,            0,              "changes a file system: may wait for a disk")
ROW(HANDOFF, fchown,           0,              "changes a file system: may wait for a disk")
ROW(HANDOFF, lchown,           0,              "changes a file system: may wait for a disk")
ROW(PASS,    umask,            0,              "cannot block: shared by all threads")
ROW(PASS,    gettimeofday,     0,              "cannot block: clocks of the machine or the process")
ROW(PASS,    getrlimit,        0,              "cannot block: shared by all threads")
ROW(KERNEL,  getrusage,        0,              "RUSAGE_THREAD")
ROW(PASS,    sysinfo,          0,              "cannot block: about the machine")
ROW(PASS,    times,            0,              "cannot block: clocks of the machine or the process")
ROW(KERNEL,  ptrace,           NONG,           "takes a tid; the tracer is a kernel thread")
ROW(PASS,    getuid,           0,              "cannot block; every M has the same credentials")
ROW(HANDOFF, syslog,           INTR | RESTART, "SYSLOG_ACTION_READ waits for a message")
ROW(PASS,    getgid,           0,              "cannot block; every M has the same credentials")
ROW(PROCESS, setuid,           NONG,
	"per kernel thread; glibc asks every thread by a signal")
ROW(PROCESS, setgid,           NONG,
	"per kernel thread; glibc asks every thread by a signal")
ROW(PASS,    geteuid,          0,              "cannot block; every M has the same credentials")
ROW(PASS,    getegid,          0,              "cannot block; every M has the same credentials")
ROW(PASS,    setpgid,          0,
	"cannot block; takes processes and groups, never a thread")
ROW(PASS,    getppid,          0,              "cannot block, names no thread")
ROW(PASS,    getpgrp,          0,
	"cannot block; takes processes and groups, never a thread")
ROW(PASS,    setsid,           0,
	"cannot block; takes processes and groups, never a thread")
ROW(PROCESS, setreuid,         NONG,
	"per kernel thread; glibc asks every thread by a signal")
ROW(PROCESS, setregid,         NONG,
	"per kernel thread; glibc asks every thread by a signal")
ROW(PASS,    getgroups,        0,              "cannot block; every M has the same credentials")
ROW(PROCESS, setgroups,        NONG,
	"per kernel thread; glibc asks every thread by a signal")
ROW(PROCESS, setresuid,        NONG,
	"per kernel thread; glibc asks every thread by a signal")
ROW(PASS,    getresuid,        0,              "cannot block; every M has the same credentials")
ROW(PROCESS, setresgid,        NONG,
	"per kernel thread; glibc asks every thread by a signal")
ROW(PASS,    getresgid,        0,              "cannot block; every M has the same credentials")
ROW(KERNEL,  getpgid,          NONG,           "any tid may name a process here")
ROW(PROCESS, setfsuid,         0,              "per kernel thread, must follow the G")
ROW(PROCESS, setfsgid,         0,              "per kernel thread, must follow the G")
ROW(KERNEL,  getsid,           NONG,           "any tid may name a process here")
ROW(KERNEL,  capget,           NONG,           "takes a tid; capabilities are the thread's")
ROW(KERNEL,  capset,           NONG,           "takes a tid; capabilities are the thread's")
ROW(KERNEL,  rt_sigpending,    0,              "pending for the G, and for the process")
ROW(KERNEL,  rt_sigtimedwait,  INTR,           "parks until a signal")
ROW(KERNEL,  rt_sigqueueinfo,  NONG,           "aims at a process, which any of its tids may name")
ROW(KERNEL,  rt_sigsuspend,    INTR,           "parks until a signal")
ROW(KERNEL,  sigaltstack,      0,              "the alternate stack of the G")
ROW(HANDOFF, utime,            0,              "changes a file system: may wait for a disk")
ROW(HANDOFF, mknod,            0,              "changes a file system: may wait for a disk")
ROW(HANDOFF, uselib,           0,              "mounts: may wait for a disk or a server")
ROW(PROCESS, personality,      0,              "per kernel thread, must hold on every M")
ROW(HANDOFF, ustat,            0,              "a path may need a disk, a server, an automount")
ROW(HANDOFF, statfs,           0,              "a path may need a disk, a server, an automount")
ROW(HANDOFF, fstatfs,          0,              "a network file asks its server")
ROW(PASS,    sysfs,            0,              "cannot block: about the machine")
ROW(KERNEL,  getpriority,      NONG,           "PRIO_PROCESS takes a tid")
ROW(KERNEL,  setpriority,      NONG,           "PRIO_PROCESS takes a tid")
ROW(KERNEL,  sched_setparam,   NONG,           "takes a tid")
ROW(KERNEL,  sched_getparam,   NONG,           "takes a tid")
ROW(KERNEL,  sched_setscheduler, NONG, "takes a tid")
ROW(KERNEL,  sched_getscheduler, NONG, "takes a tid")
ROW(PASS,    sched_get_priority_max, 0, "cannot block: constants")
ROW(PASS,    sched_get_priority_min, 0, "cannot block: constants")
ROW(KERNEL,  sched_rr_get_interval, NONG, "takes a tid")
ROW(HANDOFF, mlock,            0,              "faults or moves pages in: may wait for a disk")
ROW(PASS,    munlock,          0,              "cannot block; memory, but no stack of ours")
ROW(HANDOFF, mlockall,         0,              "faults or moves pages in: may wait for a disk")
ROW(PASS,    munlockall,       0,              "cannot block; memory, but no stack of ours")
ROW(HANDOFF, vhangup,          0,              "the whole machine or terminal: takes long")
ROW(PASS,    modify_ldt,       0,              "cannot block: one table for all threads")
ROW(HANDOFF, pivot_root,       0,              "mounts: may wait for a disk or a server")
ROW(PASS,    _sysctl,          0,              "not implemented: ENOSYS at once")
ROW(KERNEL,  prctl,            0,
	"name, death signal, no-new-privs and others are the thread's")
ROW(KERNEL,  arch_prctl,       0,              "FS and GS base are the thread's")
ROW(PASS,    adjtimex,         0,              "cannot block: clocks of the machine or the process")
ROW(PASS,    setrlimit,        0,              "cannot block: shared by all threads")
ROW(HANDOFF, chroot,           0,              "a path may need a disk, a server, an automount")
ROW(HANDOFF, sync,             WAITS,              "waits for a disk")
ROW(HANDOFF, acct,             0,              "mounts: may wait for a disk or a server")
ROW(PASS,    settimeofday,     0,              "cannot block: clocks of the machine or the process")
ROW(HANDOFF, mount,            0,              "mounts: may wait for a disk or a server")
ROW(HANDOFF, umount2,          0,              "mounts: may wait for a disk or a server")
ROW(HANDOFF, swapon,           0,              "reads a disk")
ROW(HANDOFF, swapoff,          INTR,           "brings pages back from a disk")
ROW(HANDOFF, reboot,           0,              "the whole machine or terminal: takes long")
ROW(PASS,    sethostname,      0,              "cannot block: about the machine")
ROW(PASS,    setdomainname,    0,              "cannot block: about the machine")
ROW(PROCESS, iopl,             0,              "per kernel thread, must hold on every M")
ROW(PROCESS, ioperm,           0,              "per kernel thread, must hold on every M")
ROW(PASS,    create_module,    0,              "not implemented: ENOSYS at once")
ROW(HANDOFF, init_module,      0,              "runs the code of a module")
ROW(HANDOFF, delete_module,    0,              "runs the code of a module")
ROW(PASS,    get_kernel_syms,  0,              "not implemented: ENOSYS at once")
ROW(PASS,    query_module,     0,              "not implemented: ENOSYS at once")
ROW(HANDOFF, quotactl,         0,              "mounts: may wait for a disk or a server")
ROW(PASS,    nfsservctl,       0,              "not implemented: ENOSYS at once")
ROW(PASS,    getpmsg,          0,              "not implemented: ENOSYS at once")
ROW(PASS,    putpmsg,          0,              "not implemented: ENOSYS at once")
ROW(PASS,    afs_syscall,      0,              "not implemented: ENOSYS at once")
ROW(PASS,    tuxcall,          0,              "not implemented: ENOSYS at once")
ROW(PASS,    security,         0,              "not implemented: ENOSYS at once")
ROW(KERNEL,  gettid,           0,              "the tid of the G")
ROW(HANDOFF, readahead,        0,              "may wait for a disk, or walk a long file")
ROW(HANDOFF, setxattr,         0,              "attributes may need a disk")
ROW(HANDOFF, lsetxattr,        0,              "attributes may need a disk")
ROW(HANDOFF, fsetxattr,        0,              "attributes may need a disk")
ROW(HANDOFF, getxattr,         0,              "attributes may need a disk")
ROW(HANDOFF, lgetxattr,        0,              "attributes may need a disk")
ROW(HANDOFF, fgetxattr,        0,              "attributes may need a disk")
ROW(HANDOFF, listxattr,        0,              "attributes may need a disk")
ROW(HANDOFF, llistxattr,       0,              "attributes may need a disk")
ROW(HANDOFF, flistxattr,       0,              "attributes may need a disk")
ROW(HANDOFF, removexattr,      0,              "attributes may need a disk")
ROW(HANDOFF, lremovexattr,     0,              "attributes may need a disk")
ROW(HANDOFF, fremovexattr,     0,              "attributes may need a disk")
ROW(KERNEL,  tkill,            NONG,           "aims a signal at a tid")
ROW(PASS,    time,             0,              "cannot block: clocks of the machine or the process")
ROW(KERNEL,  futex,            INTR | RESTART | WAITS | NONG,
	"parks on a bucket; with a relative timeout never restarts; shared words: kernel too")
ROW(KERNEL,  sched_setaffinity, NONG, "takes a tid")
ROW(KERNEL,  sched_getaffinity, NONG, "takes a tid")
ROW(PASS,    set_thread_area,  0,              "not implemented: ENOSYS at once")
ROW(PASS,    io_setup,         0,              "cannot block: makes descriptors")
ROW(HANDOFF, io_destroy,       0,              "waits for what is in flight")
ROW(HANDOFF, io_getevents,     INTR | WAITS,           "waits for completions")
ROW(HANDOFF, io_submit,        0,              "may wait for a device")
ROW(PASS,    io_cancel,        0,              "cannot block, names no thread")
ROW(PASS,    get_thread_area,  0,              "not implemented: ENOSYS at once")
ROW(HANDOFF, lookup_dcookie,   0,              "names a path")
ROW(PASS,    epoll_create,     0,              "cannot block: makes descriptors")
ROW(PASS,    epoll_ctl_old,    0,              "not implemented: ENOSYS at once")
ROW(PASS,    epoll_wait_old,   0,              "not implemented: ENOSYS at once")
ROW(HANDOFF, remap_file_pages, 0,              "faults or moves pages in: may wait for a disk")
ROW(HANDOFF, getdents64,       0,              "reads a disk; /proc/self/task lists Gs")
ROW(KERNEL,  set_tid_address,  0,              "the word that exit clears and wakes")
ROW(NEVER,   restart_syscall,  0,
	"made by the kernel in the place of the call that it interrupted")
ROW(HANDOFF, semtimedop,       INTR,           "waits in the kernel, no descriptor to poll")
ROW(HANDOFF, fadvise64,        0,              "may wait for a disk, or walk a long file")
ROW(KERNEL,  timer_create,     NONG,
	"SIGEV_THREAD_ID takes a tid; the CPU clock of a thread")
ROW(KERNEL,  timer_settime,    0,              "an absolute time on the CPU clock of a thread")
ROW(PASS,    timer_gettime,    0,              "cannot block; the thread was named at timer_create")
ROW(PASS,    timer_getoverrun, 0,              "cannot block; the thread was named at timer_create")
ROW(KERNEL,  timer_delete,     0,              "forgets the tid that timer_create was given")
ROW(PASS,    clock_settime,    0,              "cannot block: clocks of the machine or the process")
ROW(KERNEL,  clock_gettime,    NONG,
	"the CPU clock of a thread names its tid; else at once")
ROW(KERNEL,  clock_getres,     NONG,
	"the CPU clock of a thread names its tid; else at once")
ROW(TIMER,   clock_nanosleep,  INTR,           "parks on the timer heap; CPU clocks: hand-off")
ROW(PROCESS, exit_group,       NONG,           "ends every M")
ROW(POLL,    epoll_wait,       INTR | READS,           "parks on the epoll descriptor itself")
ROW(PASS,    epoll_ctl,        0,              "cannot block, names no thread")
ROW(KERNEL,  tgkill,           NONG,           "aims a signal at a tid")
ROW(HANDOFF, utimes,           0,              "changes a file system: may wait for a disk")
ROW(PASS,    vserver,          0,              "not implemented: ENOSYS at once")
ROW(HANDOFF, mbind,            0,              "faults or moves pages in: may wait for a disk")
ROW(KERNEL,  set_mempolicy,    0,              "the policy of the thread")
ROW(KERNEL,  get_mempolicy,    0,              "the policy of the thread")
ROW(HANDOFF, mq_open,          0,              "waits for locks of the queue file system")
ROW(HANDOFF, mq_unlink,        0,              "waits for locks of the queue file system")
ROW(POLL,    mq_timedsend,     INTR | RESTART, "parks until there is room")
ROW(HANDOFF, mq_timedreceive,  INTR | RESTART | WAITS, "waits in the kernel, or mq_notify would tell of its message")
ROW(PASS,    mq_notify,        0,              "cannot block, names no thread")
ROW(PASS,    mq_getsetattr,    0,              "cannot block, names no thread")
ROW(HANDOFF, kexec_load,       0,              "the whole machine or terminal: takes long")
ROW(HANDOFF, waitid,           INTR | RESTART | WAITS, "waits for a child")
ROW(HANDOFF, add_key,          INTR | RESTART, "may wait for a helper in user space; a keyring of the thread pins it")
ROW(HANDOFF, request_key,      INTR | RESTART, "may wait for a helper in user space")
ROW(HANDOFF, keyctl,           INTR | RESTART, "may wait for a helper in user space")
ROW(KERNEL,  ioprio_set,       NONG,           "IOPRIO_WHO_PROCESS takes a tid")
ROW(KERNEL,  ioprio_get,       NONG,           "IOPRIO_WHO_PROCESS takes a tid")
ROW(PASS,    inotify_init,     0,              "cannot block: makes descriptors")
ROW(HANDOFF, inotify_add_watch, 0, "a path or handle may need a disk")
ROW(PASS,    inotify_rm_watch, 0,              "cannot block, names no thread")
ROW(KERNEL,  migrate_pages,    NONG,
	"any tid may name a process; copies pages, so under hand-off")
ROW(HANDOFF, openat,           INTR | RESTART,
	"a FIFO waits for its other end; a path may need a disk")
ROW(HANDOFF, mkdirat,          0,              "changes a file system: may wait for a disk")
ROW(HANDOFF, mknodat,          0,              "changes a file system: may wait for a disk")
ROW(HANDOFF, fchownat,         0,              "changes a file system: may wait for a disk")
ROW(HANDOFF, futimesat,        0,              "changes a file system: may wait for a disk")
ROW(HANDOFF, newfstatat,       0,              "a path may need a disk, a server, an automount")
ROW(HANDOFF, unlinkat,         0,              "changes a file system: may wait for a disk")
ROW(HANDOFF, renameat,         0,              "changes a file system: may wait for a disk")
ROW(HANDOFF, linkat,           0,              "changes a file system: may wait for a disk")
ROW(HANDOFF, symlinkat,        0,              "changes a file system: may wait for a disk")
ROW(HANDOFF, readlinkat,       0,              "a path may need a disk, a server, an automount")
ROW(HANDOFF, fchmodat,         0,              "changes a file system: may wait for a disk")
ROW(HANDOFF, faccessat,        0,              "a path may need a disk, a server, an automount")
ROW(POLL,    pselect6,         INTR | WAITS,           "parks on all descriptors")
ROW(POLL,    ppoll,            INTR | WAITS,           "parks on all descriptors")
ROW(PROCESS, unshare,          0,              "what they change is the kernel thread's")
ROW(KERNEL,  set_robust_list,  0,              "kept in the G, walked at its exit")
ROW(KERNEL,  get_robust_list,  NONG,           "takes a tid")
ROW(POLL,    splice,           INTR | RESTART, "parks on pipe or socket; files: hand-off")
ROW(POLL,    tee,              INTR | RESTART, "parks on both pipes")
ROW(HANDOFF, sync_file_range,  0,              "waits for a disk")
ROW(POLL,    vmsplice,         INTR | RESTART, "parks until the pipe is ready; the rest: hand-off")
ROW(KERNEL,  move_pages,       NONG,
	"any tid may name a process; copies pages, so under hand-off")
ROW(HANDOFF, utimensat,        0,              "changes a file system: may wait for a disk")
ROW(POLL,    epoll_pwait,      INTR | READS,           "parks on the epoll descriptor itself")
ROW(KERNEL,  signalfd,         0,              "a read hands out the signals of the G that reads")
ROW(PASS,    timerfd_create,   0,              "cannot block: makes descriptors")
ROW(PASS,    eventfd,          0,              "cannot block: makes descriptors")
ROW(HANDOFF, fallocate,        INTR,           "may write a disk at length")
ROW(PASS,    timerfd_settime,  0,              "cannot block, names no thread")
ROW(PASS,    timerfd_gettime,  0,              "cannot block, names no thread")
ROW(POLL,    accept4,          INTR | RESTART | SOTIMEO | READS, "parks until readable")
ROW(KERNEL,  signalfd4,        0,              "a read hands out the signals of the G that reads")
ROW(PASS,    eventfd2,         0,              "cannot block: makes descriptors")
ROW(PASS,    epoll_create1,    0,              "cannot block: makes descriptors")
ROW(HANDOFF, dup3,             NONG,           "closes descriptors: see close")
ROW(PASS,    pipe2,            0,              "cannot block: makes descriptors")
ROW(PASS,    inotify_init1,    0,              "cannot block: makes descriptors")
ROW(HANDOFF, preadv,           INTR | RESTART, "files: no poller helps")
ROW(HANDOFF, pwritev,          INTR | RESTART, "files: no poller helps")
ROW(KERNEL,  rt_tgsigqueueinfo, NONG, "aims a signal at a tid")
ROW(KERNEL,  perf_event_open,  NONG,           "any tid may name a process here")
ROW(POLL,    recvmmsg,         INTR | RESTART | SOTIMEO | READS,
	"parks until readable; with a timeout never restarts")
ROW(PASS,    fanotify_init,    0,              "cannot block: makes descriptors")
ROW(HANDOFF, fanotify_mark,    0,              "a path or handle may need a disk")
ROW(KERNEL,  prlimit64,        NONG,           "any tid may name a process here")
ROW(HANDOFF, name_to_handle_at, 0, "a path or handle may need a disk")
ROW(HANDOFF, open_by_handle_at, 0, "a path or handle may need a disk")
ROW(PASS,    clock_adjtime,    0,              "cannot block: clocks of the machine or the process")
ROW(HANDOFF, syncfs,           WAITS,              "waits for a disk")
ROW(POLL,    sendmmsg,         INTR | RESTART | SOTIMEO | WRITES, "parks until writable")
ROW(PROCESS, setns,            0,              "what they change is the kernel thread's")
ROW(PASS,    getcpu,           0,              "cannot block: about the machine")
ROW(KERNEL,  process_vm_readv, NONG,
	"any tid may name a process; faults pages in, so under hand-off")
ROW(KERNEL,  process_vm_writev, NONG,
	"any tid may name a process; faults pages in, so under hand-off")
ROW(KERNEL,  kcmp,             NONG,           "any tid may name a process here")
ROW(HANDOFF, finit_module,     0,              "runs the code of a module")
ROW(KERNEL,  sched_setattr,    NONG,           "takes a tid")
ROW(KERNEL,  sched_getattr,    NONG,           "takes a tid")
ROW(HANDOFF, renameat2,        0,              "changes a file system: may wait for a disk")
ROW(PROCESS, seccomp,          NONG,
	"filters are the kernel thread's, or with TSYNC everybody's")
ROW(HANDOFF, getrandom,        INTR | RESTART,
	"GRND_RANDOM and early boot wait for entropy; large requests take long")
ROW(PASS,    memfd_create,     0,              "cannot block; memory, but no stack of ours")
ROW(HANDOFF, kexec_file_load,  0,              "the whole machine or terminal: takes long")
ROW(HANDOFF, bpf,              0,              "verifies or runs a program at length")
ROW(PROCESS, execveat,         NONG,           "the new image gets the mask of the G")
ROW(PASS,    userfaultfd,      0,              "cannot block; memory, but no stack of ours")
ROW(HANDOFF, membarrier,       0,              "MEMBARRIER_CMD_GLOBAL waits for every CPU")
ROW(HANDOFF, mlock2,           0,              "faults or moves pages in: may wait for a disk")
ROW(HANDOFF, copy_file_range,  0,              "reads and writes disks")
ROW(POLL,    preadv2,          INTR | RESTART | SOTIMEO | READS,
	"at offset -1 it is readv; else hand-off")
ROW(POLL,    pwritev2,         INTR | RESTART | SOTIMEO | WRITES,
	"at offset -1 it is writev; else hand-off")
ROW(STACK,   pkey_mprotect,    NONG,
	"set-up of a fresh stack is answered; all else is real")
ROW(KERNEL,  pkey_alloc,       0,              "the rights to the new key are the thread's")
ROW(PASS,    pkey_free,        0,              "cannot block; PKRU is a register, not the kernel's")
ROW(HANDOFF, statx,            0,              "a path may need a disk, a server, an automount")
ROW(HANDOFF, io_pgetevents,    INTR | WAITS,           "waits for completions")
ROW(KERNEL,  rseq,             0,              "registers nothing: cpu_id stays -1")
#ifdef __NR_uretprobe
ROW(NEVER,   uretprobe,        0,
	"made by the kernel's own trampoline, which it checks")
#endif
#ifdef __NR_uprobe
ROW(NEVER,   uprobe,           0,
	"made by the kernel's own trampoline, which it checks")
#endif
ROW(PASS,    pidfd_send_signal, 0, "cannot block; names a process by its descriptor")
ROW(PASS,    io_uring_setup,   0,              "cannot block: makes descriptors")
ROW(HANDOFF, io_uring_enter,   INTR | WAITS,           "waits for completions")
ROW(HANDOFF, io_uring_register, INTR, "may wait until the ring is quiet")
ROW(HANDOFF, open_tree,        0,              "mounts: may wait for a disk or a server")
ROW(HANDOFF, move_mount,       0,              "mounts: may wait for a disk or a server")
ROW(HANDOFF, fsopen,           0,              "mounts: may wait for a disk or a server")
ROW(HANDOFF, fsconfig,         0,              "mounts: may wait for a disk or a server")
ROW(HANDOFF, fsmount,          0,              "mounts: may wait for a disk or a server")
ROW(HANDOFF, fspick,           0,              "mounts: may wait for a disk or a server")
ROW(KERNEL,  pidfd_open,       NONG,           "any tid may name a process here")
ROW(KERNEL,  clone3,           NONG,
	"CLONE_THREAD makes a G; without it, a process (see fork)")
ROW(HANDOFF, close_range,      NONG,           "closes descriptors: see close")
ROW(HANDOFF, openat2,          INTR | RESTART,
	"a FIFO waits for its other end; a path may need a disk")
ROW(PASS,    pidfd_getfd,      0,              "cannot block; names a process by its descriptor")
ROW(HANDOFF, faccessat2,       0,              "a path may need a disk, a server, an automount")
ROW(HANDOFF, process_madvise,  0,              "may reclaim pages at length")
ROW(POLL,    epoll_pwait2,     INTR | READS,           "parks on the epoll descriptor itself")
ROW(HANDOFF, mount_setattr,    0,              "mounts: may wait for a disk or a server")
ROW(HANDOFF, quotactl_fd,      0,              "mounts: may wait for a disk or a server")
ROW(PASS,    landlock_create_ruleset, 0, "cannot block: a ruleset by its descriptor")
ROW(PASS,    landlock_add_rule, 0, "cannot block: a ruleset by its descriptor")
ROW(PROCESS, landlock_restrict_self, NONG,
	"restricts the kernel thread: must hold on every M")
ROW(PASS,    memfd_secret,     0,              "cannot block; memory, but no stack of ours")
ROW(HANDOFF, process_mrelease, 0,              "may reclaim pages at length")
ROW(KERNEL,  futex_waitv,      INTR | RESTART | WAITS | NONG, "parks on several buckets")
ROW(PASS,    set_mempolicy_home_node, 0, "cannot block; memory, but no stack of ours")
#ifdef __NR_cachestat
ROW(HANDOFF, cachestat,        0,              "may wait for a disk, or walk a long file")
#endif
#ifdef __NR_fchmodat2
ROW(HANDOFF, fchmodat2,        0,              "changes a file system: may wait for a disk")
#endif
#ifdef __NR_map_shadow_stack
ROW(PASS,    map_shadow_stack, 0,              "cannot block; memory, but no stack of ours")
#endif
ROW(KERNEL,  futex_wake,       NONG,           "wakes Gs and kernel threads")
ROW(KERNEL,  futex_wait,       INTR | RESTART | WAITS | NONG,
	"parks on a bucket; shared words: kernel")
ROW(KERNEL,  futex_requeue,    NONG,           "wakes Gs and kernel threads")
#ifdef __NR_statmount
ROW(PASS,    statmount,        0,              "cannot block: reads mounts that are in memory")
#endif
#ifdef __NR_listmount
ROW(PASS,    listmount,        0,              "cannot block: reads mounts that are in memory")
#endif
#ifdef __NR_lsm_get_self_attr
ROW(PASS,    lsm_get_self_attr, 0, "cannot block; every M has the same attributes")
#endif
#ifdef __NR_lsm_set_self_attr
ROW(PROCESS, lsm_set_self_attr, 0, "per kernel thread, must hold on every M")
#endif
#ifdef __NR_lsm_list_modules
ROW(PASS,    lsm_list_modules, 0,              "cannot block; every M has the same attributes")
#endif
#ifdef __NR_mseal
ROW(STACK,   mseal,            NONG,           "a sealed slab could not be taken back")
#endif
#ifdef __NR_setxattrat
ROW(HANDOFF, setxattrat,       0,              "attributes may need a disk")
#endif
#ifdef __NR_getxattrat
ROW(HANDOFF, getxattrat,       0,              "attributes may need a disk")
#endif
#ifdef __NR_listxattrat
ROW(HANDOFF, listxattrat,      0,              "attributes may need a disk")
#endif
#ifdef __NR_removexattrat
ROW(HANDOFF, removexattrat,    0,              "attributes may need a disk")
#endif
#ifdef __NR_open_tree_attr
ROW(HANDOFF, open_tree_attr,   0,              "mounts: may wait for a disk or a server")
#endif
#ifdef __NR_file_getattr
ROW(HANDOFF, file_getattr,     0,              "attributes may need a disk")
#endif
#ifdef __NR_file_setattr
ROW(HANDOFF, file_setattr,     0,              "attributes may need a disk")
#endif
/* clang-format on */
#undef ROW
#endif
