/* SPDX-License-Identifier: MIT */
/*
 * fp_rounding - rounding modes of SSE and x87 and the exception flags are each thread's own, and
 * inherited
 *
 * uses: sched_yield clone3
 */
#include "prog.h"

#include <fenv.h>

static const int modes[] = { FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO };
static volatile double one = 1.0, three = 3.0;
static volatile long double lone = 1.0L, lthree = 3.0L;

static void *inherit(void *arg)
{
	CHECK(fegetround() == *(const int *)arg);
	return NULL;
}

static void *run(void *arg)
{
	int mode = modes[(intptr_t)arg % 4];
	double d;
	long double ld;

	CHECK(fegetround() == FE_TONEAREST);
	CHECK(fesetround(mode) == 0);
	d = one / three;
	ld = lone / lthree;
	for (int i = 0; i < 300; i++) {
		feclearexcept(FE_ALL_EXCEPT);
		sched_yield();
		if (i % 100 == 0)
			usleep(300);
		CHECK(fetestexcept(FE_ALL_EXCEPT) == 0);
		CHECK(fegetround() == mode);
		CHECK(one / three == d && lone / lthree == ld);
		CHECK(fetestexcept(FE_INEXACT) == FE_INEXACT);
		sched_yield();
		CHECK(fetestexcept(FE_INEXACT) == FE_INEXACT);
	}
	thread_join(thread_start(inherit, &mode));
	return NULL;
}

int main(void)
{
	pthread_t t[8];

	for (intptr_t i = 0; i < 8; i++)
		t[i] = thread_start(run, (void *)i);
	for (int i = 0; i < 8; i++)
		thread_join(t[i]);
	CHECK(fegetround() == FE_TONEAREST);
	puts("ok");
	return 0;
}
