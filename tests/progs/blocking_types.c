/* SPDX-License-Identifier: MIT */
/*
 * blocking_types - what functions named as blocking are given and give back arrives as it is: all types,
 * structures in registers and in memory, arguments on the stack; errno and thread-local variables
 *
 * gothreads: blocking=lib_chars=c(cChH),blocking=lib_bool=C(C),blocking=lib_float=f(fif)
 * gothreads: blocking=lib_many=d(didldldldldldldfduc)
 * gothreads: blocking=lib_long_double=D(DiD),blocking=lib_small={id}({id}{id})
 * gothreads: blocking=lib_floats={fff}({fff}f)
 * gothreads: blocking=lib_large={lll{id}h}(i{lll{id}h}p),blocking=lib_string=s(sL)
 * gothreads: blocking=lib_errno=i(i),blocking=lib_count=l()
 */
#include "blocking_lib.h"
#include "prog.h"

enum { THREADS = 4, ROUNDS = 200 };

/* In the program's data: filled in by the loader. */
static long (*const count_pointer[])(void) = { lib_count };

static void all_types(int n)
{
	struct small s, a = { n, n / 2.0 }, b = { 3, 0.25 };
	struct floats f;
	struct large g = { { 1, 2, n }, { 4, 5.5 }, 6 }, h = { { n, 20, 30 }, { 40, 0.5 }, 60 }, r;
	long double ld = lib_long_double(n + 0.125L, 3, 1e-15L);

	CHECK(lib_chars((signed char)-n, 200, -300, 65535) ==
	      (signed char)(-n + 200 - 300 + 65535));
	CHECK(lib_bool(0) == 1 && lib_bool(9) == 0);
	CHECK(lib_float(1.5f, n, 0.25f) == 1.5f * (float)n + 0.25f);
	CHECK(lib_many(1, n, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19) ==
	      1 + 2 * n + 2470 - 1 - 4);
	CHECK(ld == (n + 0.125L) * 3 - 1e-15L);
	s = lib_small(a, b);
	CHECK(s.i == n - 3 && s.d == n / 2.0 - 0.25);
	f = lib_floats((struct floats){ 1, 2, 3 }, (float)n);
	CHECK(f.x == n && f.y == 2 * n && f.z == 3 * n);
	r = lib_large(n, g, &h);
	CHECK(r.l[0] == 1 + n * n && r.l[1] == 2 + 20 * n && r.l[2] == n + 30 * n);
	CHECK(r.s.i == n && r.s.d == 6.0 && r.h == 66);
	CHECK(strcmp(lib_string("abcdef", 4), "ef") == 0);
	CHECK_ERRNO(lib_errno(n), n);
}

static void *run(void *arg)
{
	long first = lib_count();

	(void)arg;
	for (int i = 1; i <= ROUNDS; i++) {
		all_types(i % 100 + 1);
		CHECK(lib_count() == first + 2 * i - 1);
		CHECK(count_pointer[0]() == first + 2 * i);
		sched_yield();
	}
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];

	run(NULL); /* before there are threads */
	for (int i = 0; i < THREADS; i++)
		t[i] = thread_start(run, NULL);
	run(NULL);
	for (int i = 0; i < THREADS; i++)
		thread_join(t[i]);
	puts("ok");
	return 0;
}
