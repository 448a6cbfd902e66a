/* SPDX-License-Identifier: MIT */
/* Printing and dying without malloc, stdio or locks. */
#include "sched/base/fatal.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "sched/base/mem.h"
#include "sched/base/raw.h"

void (*fatal_dump)(int fd);
void (*fatal_where)(struct print *p);

void print_init(struct print *p, char *buf, size_t cap)
{
	p->buf = buf;
	p->cap = cap;
	p->len = 0;
}

static void put(struct print *p, char c)
{
	if (p->len < p->cap)
		p->buf[p->len++] = c;
}

static void put_number(struct print *p, unsigned long v, unsigned base, int width, char pad)
{
	char tmp[24];
	int n = 0;

	do {
		tmp[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	for (int i = n; i < width; i++)
		put(p, pad);
	while (n)
		put(p, tmp[--n]);
}

static void put_signed(struct print *p, long v, int width, char pad)
{
	unsigned long u = (unsigned long)v;

	if (v < 0) {
		put(p, '-');
		u = -u;
	}
	put_number(p, u, 10, width, pad);
}

void print_v(struct print *p, const char *fmt, va_list ap)
{
	for (; *fmt; fmt++) {
		int width = 0;
		char pad = ' ';
		bool wide = false;

		if (*fmt != '%') {
			put(p, *fmt);
			continue;
		}
		fmt++;
		if (*fmt == '0')
			pad = *fmt++;
		for (; *fmt >= '0' && *fmt <= '9'; fmt++)
			width = width * 10 + (*fmt - '0');
		for (; *fmt == 'l' || *fmt == 'z'; fmt++)
			wide = true;
		switch (*fmt) {
		case 'd':
			put_signed(p, wide ? va_arg(ap, long) : va_arg(ap, int), width, pad);
			break;
		case 'u':
			put_number(p, wide ? va_arg(ap, unsigned long) : va_arg(ap, unsigned), 10,
				   width, pad);
			break;
		case 'x':
			put_number(p, wide ? va_arg(ap, unsigned long) : va_arg(ap, unsigned), 16,
				   width, pad);
			break;
		case 'p':
			put(p, '0');
			put(p, 'x');
			put_number(p, (unsigned long)va_arg(ap, void *), 16, width, pad);
			break;
		case 's': {
			const char *s = va_arg(ap, const char *);

			for (s = s ? s : "(null)"; *s; s++)
				put(p, *s);
			break;
		}
		case 'c':
			put(p, (char)va_arg(ap, int));
			break;
		default:
			put(p, *fmt);
		}
	}
}

void print_add(struct print *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_v(p, fmt, ap);
	va_end(ap);
}

void print_flush(struct print *p, int fd)
{
	for (size_t off = 0; off < p->len;) {
		long n = raw3(SYS_write, fd, p->buf + off, p->len - off);

		if (n <= 0)
			break;
		off += (size_t)n;
	}
	p->len = 0;
}

void msg(const char *fmt, ...)
{
	char buf[512];
	struct print p;
	va_list ap;

	print_init(&p, buf, sizeof buf);
	print_add(&p, "gothreads: ");
	va_start(ap, fmt);
	print_v(&p, fmt, ap);
	va_end(ap);
	print_add(&p, "\n");
	print_flush(&p, 2);
}

_Noreturn static void die(void)
{
	/* The kernel's action of SIGABRT, whatever the program or we installed. */
	struct {
		void *handler;
		unsigned long flags;
		void *restorer;
		unsigned long mask;
	} dfl = {0};
	unsigned long none = 0;

	raw4(SYS_rt_sigaction, SIGABRT, &dfl, NULL, 8);
	raw4(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
	raw3(SYS_tgkill, raw0(SYS_getpid), raw0(SYS_gettid), SIGABRT);
	for (;;)
		raw1(SYS_exit_group, 134);
}

_Noreturn void throw(const char *fmt, ...)
{
	static _Atomic bool dying;
	char buf[1024];
	struct print p;
	va_list ap;

	if (atomic_exchange(&dying, true))
		die();
	print_init(&p, buf, sizeof buf);
	print_add(&p, "gothreads: fatal: ");
	va_start(ap, fmt);
	print_v(&p, fmt, ap);
	va_end(ap);
	if (fatal_where)
		fatal_where(&p);
	print_add(&p, "\n");
	print_flush(&p, 2);
	if (fatal_dump)
		fatal_dump(2);
	die();
}
