/* SPDX-License-Identifier: MIT */
/* blocking_lib.so. See blocking_lib.h. */
#include "blocking_lib.h"

#include <errno.h>
#include <setjmp.h>
#include <sys/syscall.h>

int lib_spin(const volatile int *flag)
{
	while (!*flag)
		__builtin_ia32_pause();
	return *flag;
}

int lib_read(int fd)
{
	unsigned char c;
	long ret;

	do
		__asm__ volatile("syscall"
				 : "=a"(ret)
				 : "a"(SYS_read), "D"(fd), "S"(&c), "d"(1)
				 : "rcx", "r11", "memory");
	while (ret == -EINTR);
	return ret == 1 ? c : -1;
}

int lib_call(int (*f)(void *arg), void *arg)
{
	int r = f(arg);

	__asm__ volatile("" : "+r"(r)); /* no tail call: the frame stays */
	return r;
}

int lib_call_twice(int (*f)(void *arg), void *arg)
{
	int r = lib_call(f, arg);

	return r + lib_call(f, arg);
}

int lib_errno(int err)
{
	errno = err;
	return -1;
}

void lib_jump(void *jump)
{
	longjmp(*(jmp_buf *)jump, 7);
}

long lib_count(void)
{
	static __thread long count;

	return ++count;
}

signed char lib_chars(signed char a, unsigned char b, short c, unsigned short d)
{
	return (signed char)(a + b + c + d);
}

unsigned char lib_bool(unsigned char a)
{
	return !a;
}

float lib_float(float a, int b, float c)
{
	return a * (float)b + c;
}

double lib_many(double a, int b, double c, long d, double e, long f, double g, long h, double i,
		long j, double k, long l, double m, long n, double o, float p, double q, unsigned r,
		char s)
{
	return a + 2 * b + 3 * c + 4 * (double)d + 5 * e + 6 * (double)f + 7 * g + 8 * (double)h +
	       9 * i + 10 * (double)j + 11 * k + 12 * (double)l + 13 * m + 14 * (double)n + 15 * o +
	       16 * (double)p + 17 * q + 18 * r + 19 * s;
}

long double lib_long_double(long double a, int b, long double c)
{
	return a * b - c;
}

struct small lib_small(struct small a, struct small b)
{
	return (struct small){ a.i - b.i, a.d - b.d };
}

struct floats lib_floats(struct floats a, float f)
{
	return (struct floats){ a.x * f, a.y * f, a.z * f };
}

struct large lib_large(int i, struct large a, const struct large *b)
{
	for (int k = 0; k < 3; k++)
		a.l[k] += b->l[k] * i;
	a.s.d += b->s.d;
	a.s.i = i;
	a.h = (short)(a.h + b->h);
	return a;
}

const char *lib_string(const char *s, unsigned long at)
{
	return s + at;
}
