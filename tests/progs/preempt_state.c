/* SPDX-License-Identifier: MIT */
/*
 * preempt_state - threads interrupted anywhere keep their registers, floating point, and libc's own
 * state
 *
 * uses: mmap write
 */
#include "prog.h"

#include <math.h>

enum { ROUNDS = 60 };

static uint64_t doubles(void)
{
	double a = 1.0, b = 0.5;
	long double c = 3.0L;
	uint64_t bits;

	for (int i = 1; i < 40000; i++) {
		a = a * 1.0000001 + b / i;
		b = sqrt(a) - b * 0.25;
		c = c * 1.00000001L + (long double)b;
	}
	a += (double)c;
	memcpy(&bits, &a, sizeof(bits));
	return bits;
}

static uint64_t libc_calls(void)
{
	uint64_t sum = 0;
	char *list[50], buf[64];

	for (int i = 0; i < 50; i++) {
		list[i] = malloc(i * 37 + 1);
		snprintf(list[i], i * 37 + 1, "%d", i * 1234567);
	}
	for (int i = 0; i < 50; i++) {
		snprintf(buf, sizeof(buf), "%.10g %s", i / 7.0, list[i]);
		sum = sum * 31 + strtoul(strchr(buf, ' '), NULL, 10) +
		      (uint64_t)(strtod(buf, NULL) * 1000);
		free(list[i]);
	}
	return sum;
}

static void *run(void *arg)
{
	uint64_t want_d = doubles(), want_c = compute(7, 30000), want_l = libc_calls();

	for (int i = 0; i < ROUNDS; i++) {
		CHECK(doubles() == want_d);
		CHECK(compute(7, 30000) == want_c);
		for (int j = 0; j < 3; j++)
			CHECK(libc_calls() == want_l);
	}
	return arg;
}

int main(void)
{
	pthread_t t[8];

	for (int i = 0; i < 8; i++)
		t[i] = thread_start(run, NULL);
	for (int i = 0; i < 8; i++)
		thread_join(t[i]);
	puts("ok");
	return 0;
}
