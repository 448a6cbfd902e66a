/* SPDX-License-Identifier: MIT */
/*
 * blocking_lib.h - a library, blocking_lib.so, whose functions block as no system call shows
 *
 * Linked to the programs named blocking_*, and opened by one: their head comments name its functions.
 */
#ifndef TESTS_BLOCKING_LIB_H
#define TESTS_BLOCKING_LIB_H

#ifdef __cplusplus
extern "C" {
#endif

struct small { /* in registers, of both kinds */
	int i;
	double d;
};

struct floats {
	float x, y, z;
};

struct large { /* in memory */
	long l[3];
	struct small s;
	short h;
};

/* Spins until *FLAG is not 0, as a driver does for its device. */
int lib_spin(const volatile int *flag);
/* Sleeps in a system call of the library's own text until a byte can be read from FD: that byte. */
int lib_read(int fd);
/* Calls F, and returns what it does. */
int lib_call(int (*f)(void *arg), void *arg);
/* The same, by the library's own call of lib_call(). */
int lib_call_twice(int (*f)(void *arg), void *arg);
/* -1, with errno ERR. */
int lib_errno(int err);
/* Jumps to the jmp_buf at JUMP. */
void lib_jump(void *jump);
/* Counts, in a variable of each thread: how often it was called. */
long lib_count(void);

signed char lib_chars(signed char a, unsigned char b, short c, unsigned short d);
unsigned char lib_bool(unsigned char a);
float lib_float(float a, int b, float c);
double lib_many(double a, int b, double c, long d, double e, long f, double g, long h, double i,
		long j, double k, long l, double m, long n, double o, float p, double q, unsigned r,
		char s);
long double lib_long_double(long double a, int b, long double c);
struct small lib_small(struct small a, struct small b);
struct floats lib_floats(struct floats a, float f);
struct large lib_large(int i, struct large a, const struct large *b);
const char *lib_string(const char *s, unsigned long at);

#ifdef __cplusplus
}
#endif

#endif
