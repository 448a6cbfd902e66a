/* SPDX-License-Identifier: MIT */
/*
 * Printing and dying without malloc, stdio or locks.
 *
 * throw() is for our own bugs: it prints `fatal: …` with the G, M and P, a dump of all Gs and Ms,
 * and aborts. msg() prints one clear line for the user. Both may be called from anywhere, a
 * signal handler included.
 *
 * The format knows %s %d %u %x %p %c %% and the l modifier, nothing else.
 */
#ifndef GOTHREADS_FATAL_H
#define GOTHREADS_FATAL_H

#include <stdarg.h>
#include <stddef.h>

struct print {
	char *buf;
	size_t cap, len;
};

void print_init(struct print *p, char *buf, size_t cap);
void print_v(struct print *p, const char *fmt, va_list ap);
void print_add(struct print *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void print_flush(struct print *p, int fd);

/* One line to stderr: "gothreads: " FMT "\n". */
void msg(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

_Noreturn void throw(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Set by the dumper; called once by throw() before it dies. */
extern void (*fatal_dump)(int fd);
/* Describes the current G, M and P into P; set by the scheduler. */
extern void (*fatal_where)(struct print *p);

#define ASSERT(x)                                                                                  \
	do {                                                                                       \
		if (__builtin_expect(!(x), 0))                                                     \
			throw("%s:%d: assertion failed: %s", __FILE__, __LINE__, #x);              \
	} while (0)

#endif
