/* SPDX-License-Identifier: MIT */
/*
 * preempt_torture - whatever a thread may have in flight when it is interrupted is there when it goes on
 *
 * Threads of each kind do the same work over and over and compare with what the first round gave: vector
 * registers, x87, rounding modes and the direction flag, malloc, stdio, locales, exceptions, longjmp,
 * swapcontext, thread-local variables, frames of alloca, signal handlers, threads made and cancelled.  With an
 * argument they go on for so many seconds; without, for some rounds each.
 *
 * uses: rt_sigreturn tgkill clone3 futex rt_sigprocmask
 * limit: 120
 */
#include "prog.h"

#include <alloca.h>
#include <fenv.h>
#include <immintrin.h>
#include <locale.h>
#include <setjmp.h>
#include <signal.h>
#include <stdexcept>
#include <string>
#include <ucontext.h>
#include <vector>

namespace
{

enum { EACH = 2, ROUNDS = 50 }; /* threads of each kind; rounds of each without an argument */

int64_t end_ms; /* when to stop; 0: after ROUNDS */

uint64_t bits_of(double d)
{
	uint64_t bits;

	memcpy(&bits, &d, sizeof(bits));
	return bits;
}

/* ---- registers ---- */

uint64_t sse()
{
	__m128d a = _mm_set_pd(1.0, 2.0), b = _mm_set_pd(0.5, 0.25);
	__m128i h = _mm_set_epi32(1, 2, 3, 4);

	for (int i = 0; i < 60000; i++) {
		a = _mm_add_pd(_mm_mul_pd(a, _mm_set1_pd(0.999999)), b);
		b = _mm_sqrt_pd(a);
		h = _mm_add_epi32(_mm_xor_si128(h, _mm_slli_epi32(h, 5)), _mm_set1_epi32(i));
	}
	return bits_of(a[0]) ^ bits_of(a[1]) * 3 ^ bits_of(b[0]) * 5 ^ (uint64_t)h[0] ^ (uint64_t)h[1];
}

__attribute__((target("avx2"))) uint64_t avx2_rounds()
{
	__m256i h[8];
	uint64_t sum = 0;

	for (int j = 0; j < 8; j++)
		h[j] = _mm256_set1_epi64x(j + 1);
	for (int i = 0; i < 40000; i++)
		for (int j = 0; j < 8; j++)
			h[j] = _mm256_add_epi64(_mm256_xor_si256(h[j], _mm256_slli_epi64(h[j], 7)),
						_mm256_permute4x64_epi64(h[(j + 1) % 8], 0x39));
	for (int j = 0; j < 8; j++)
		sum += (uint64_t)(h[j][0] ^ h[j][1] * 3 ^ h[j][2] * 5 ^ h[j][3] * 7);
	return sum;
}

uint64_t avx2()
{
	return __builtin_cpu_supports("avx2") ? avx2_rounds() : sse();
}

/* The mask registers too: each lane's step depends on a compare. */
__attribute__((target("avx512f"))) uint64_t avx512_rounds()
{
	__m512i h[4];
	uint64_t sum = 0;

	for (int j = 0; j < 4; j++)
		h[j] = _mm512_set_epi64(j, 1, 2, 3, 4, 5, 6, 7);
	for (int i = 0; i < 40000; i++)
		for (int j = 0; j < 4; j++) {
			__mmask8 k = _mm512_cmplt_epi64_mask(h[j], h[(j + 1) % 4]);

			h[j] = _mm512_mask_add_epi64(_mm512_maskz_rol_epi64(0xff, h[j], 9), k, h[j],
						     _mm512_set1_epi64(0x9e3779b97f4a7c15));
		}
	for (int j = 0; j < 4; j++)
		for (int l = 0; l < 8; l++)
			sum = sum * 31 + (uint64_t)h[j][l];
	return sum;
}

uint64_t avx512()
{
	return __builtin_cpu_supports("avx512f") ? avx512_rounds() : avx2();
}

uint64_t x87()
{
	long double a = 1.0L, b = 0.3L;

	for (int i = 1; i < 60000; i++) {
		a = a * 0.99999999L + b / i;
		b = __builtin_fabsl(a - b) * 0.75L + 1e-9L;
	}
	return bits_of((double)a) ^ bits_of((double)(a * 1e9L - (long double)(int64_t)(a * 1e9L))) * 3;
}

/* MXCSR and the x87 control word: the sums differ from mode to mode. */
uint64_t rounding()
{
	static const int modes[] = { FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO, FE_TONEAREST };
	uint64_t sum = 0;

	for (int mode : modes) {
		volatile double a = 1.0;
		volatile long double l = 1.0L;

		fesetround(mode);
		for (int i = 1; i < 12000; i++) {
			a = a + 1.0 / (3.0 * i);
			l = l + 1.0L / (3.0L * i);
		}
		CHECK(fegetround() == mode);
		sum = sum * 31 + (bits_of(a) ^ bits_of((double)(l - (long double)(double)l)));
	}
	return sum;
}

/* Copies downwards, the direction flag set, with a value below the stack pointer: no call in between. */
uint64_t direction()
{
	unsigned char from[4096], to[4096];
	uint64_t sum = 0;

	for (int i = 0; i < 4096; i++)
		from[i] = (unsigned char)(i * 7);
	for (int i = 0; i < 60; i++) {
		unsigned char *s = from + 4095, *d = to + 4095;
		size_t n = 4096;
		uint64_t red;

		memset(to, 0, sizeof(to));
		__asm__ volatile("movq %[mark], -64(%%rsp)\n\t"
				 "std\n\t"
				 "rep movsb\n\t"
				 "cld\n\t"
				 "movq -64(%%rsp), %[red]"
				 : "+S"(s), "+D"(d), "+c"(n), [red] "=&r"(red)
				 : [mark] "r"((uint64_t)i + 99)
				 : "memory", "cc");
		CHECK(red == (uint64_t)i + 99 && n == 0 && memcmp(from, to, sizeof(to)) == 0);
		sum += to[i];
	}
	return sum;
}

/* ---- libc ---- */

uint64_t heap()
{
	std::vector<unsigned char *> blocks;
	uint64_t sum = 0;

	for (int i = 0; i < 400; i++) {
		size_t len = (size_t)(compute(i, 3) % 3000) + 8;
		unsigned char *p = (unsigned char *)malloc(len);

		CHECK(p);
		memset(p, i, len);
		blocks.push_back(p);
		if (i % 3 == 2) {
			size_t at = compute(i, 2) % blocks.size();

			sum = sum * 31 + blocks[at][7];
			free(blocks[at]);
			blocks.erase(blocks.begin() + (ptrdiff_t)at);
		}
	}
	for (unsigned char *p : blocks) {
		sum = sum * 31 + p[3];
		free(p);
	}
	return sum;
}

uint64_t streams()
{
	char buf[8192];
	uint64_t sum = 0;
	FILE *f = fmemopen(buf, sizeof(buf), "w");
	int n;

	CHECK(f);
	for (int i = 0; i < 150; i++)
		fprintf(f, "%d %.17g %s\n", i, i / 7.0, i % 2 ? "odd" : "even");
	fclose(f);
	f = fmemopen(buf, strlen(buf), "r");
	CHECK(f);
	for (double d; fscanf(f, "%d %lf %*s", &n, &d) == 2;)
		sum = sum * 31 + bits_of(d) + (uint64_t)n;
	fclose(f);
	return sum;
}

uint64_t locales()
{
	locale_t loc = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);
	uint64_t sum = 0;
	char out[64];

	CHECK(loc);
	for (int i = 0; i < 200; i++) {
		locale_t old = uselocale(loc);
		wchar_t wide = 0;
		int len = mbtowc(&wide, "\xe2\x82\xac", 3);

		CHECK(len == 3 && wide == 0x20ac);
		uselocale(old);
		snprintf(out, sizeof(out), "%'d %.3f", i * 12345, i / 3.0);
		sum = sum * 31 + compute((uint64_t)out[strlen(out) - 1] + strlen(out), 1);
	}
	freelocale(loc);
	return sum;
}

/* ---- control flow ---- */

struct counted {
	uint64_t &sum;
	uint64_t val;
	counted(uint64_t &s, uint64_t v) : sum(s), val(v)
	{
	}
	~counted()
	{
		sum = sum * 31 + val;
	}
};

__attribute__((noinline)) void throw_below(int depth, uint64_t &sum)
{
	counted c(sum, (uint64_t)depth);

	if (depth == 0)
		throw std::runtime_error("bottom");
	try {
		throw_below(depth - 1, sum);
	} catch (const std::runtime_error &e) {
		if (depth % 3 == 0)
			throw std::runtime_error(std::string(e.what()) + "!");
		throw;
	}
}

uint64_t exceptions()
{
	uint64_t sum = 1;

	for (int i = 0; i < 60; i++) {
		try {
			throw_below(12, sum);
		} catch (const std::exception &e) {
			sum += strlen(e.what());
		}
	}
	return sum;
}

__attribute__((noinline)) int jump_below(int depth, jmp_buf *to, int val)
{
	volatile char pad[200];

	pad[depth] = (char)val;
	if (depth == 0 && to)
		longjmp(*to, val);
	return depth ? jump_below(depth - 1, to, val + pad[depth]) + pad[depth] : val;
}

uint64_t jumps()
{
	volatile uint64_t sum = 1;

	for (volatile int i = 1; i < 300; i = i + 1) {
		jmp_buf to;
		int val = setjmp(to);

		if (val == 0)
			jump_below(10, &to, i % 5 + 1);
		sum = sum * 31 + (uint64_t)val;
	}
	return sum;
}

struct routine {
	ucontext_t self, back;
	uint64_t sum;
	char stack[32768];
};

void routine_run(unsigned hi, unsigned lo)
{
	routine *r = (routine *)((uintptr_t)hi << 32 | lo);

	for (int i = 0; i < 100; i++) {
		r->sum = r->sum * 31 + compute((uint64_t)i, 60);
		swapcontext(&r->self, &r->back);
	}
}

uint64_t contexts()
{
	routine *r = new routine;
	uintptr_t arg = (uintptr_t)r;
	uint64_t sum;

	r->sum = 1;
	getcontext(&r->self);
	r->self.uc_stack.ss_sp = r->stack;
	r->self.uc_stack.ss_size = sizeof(r->stack);
	r->self.uc_link = &r->back;
	makecontext(&r->self, (void (*)())routine_run, 2, (unsigned)(arg >> 32), (unsigned)arg);
	for (int i = 0; i < 101; i++)
		swapcontext(&r->back, &r->self);
	sum = r->sum;
	delete r;
	return sum;
}

__attribute__((noinline)) uint64_t frame(int depth, uint64_t seed)
{
	size_t len = 100 + seed % 900;
	unsigned char *p = (unsigned char *)alloca(len);
	uint64_t sum = 0;

	for (size_t i = 0; i < len; i++)
		p[i] = (unsigned char)(seed >> i % 8);
	if (depth > 0)
		sum = frame(depth - 1, compute(seed, 2));
	for (size_t i = 0; i < len; i++)
		sum = sum * 31 + p[i];
	return sum;
}

uint64_t frames()
{
	uint64_t sum = 0;

	for (int i = 0; i < 20; i++)
		sum += frame(20, (uint64_t)i);
	return sum;
}

/* ---- threads ---- */

__thread uint64_t own[64];
thread_local std::string own_text;

uint64_t locals()
{
	uint64_t sum = 0;

	memset(own, 0, sizeof(own));
	own_text.clear();
	for (int i = 0; i < 20000; i++)
		own[i % 64] = own[(i + 1) % 64] * 31 + (uint64_t)i;
	for (int i = 0; i < 100; i++)
		own_text += (char)('a' + i % 26);
	for (uint64_t v : own)
		sum = sum * 31 + v;
	return sum + own_text.size();
}

__thread volatile uint64_t handled;

void on_signal(int)
{
	volatile double d = 1.0;
	int err = errno;

	for (int i = 1; i < 200; i++)
		d = d + 1.0 / i;
	handled = handled + (d > 1.0);
	errno = err + 1000;
	errno = err;
}

uint64_t signals()
{
	uint64_t sum = 0;

	handled = 0;
	for (int i = 0; i < 60; i++) {
		errno = i;
		CHECK(pthread_kill(pthread_self(), SIGUSR1) == 0);
		sum = sum * 31 + compute((uint64_t)i, 400) + (uint64_t)errno;
	}
	return sum + handled;
}

void *child(void *arg)
{
	return (void *)(uintptr_t)compute((uintptr_t)arg, 3000);
}

uint64_t creation()
{
	uint64_t sum = 0;

	for (uintptr_t i = 0; i < 20; i++) {
		pthread_t t = thread_start(child, (void *)i);

		sum = sum * 31 + (uintptr_t)thread_join(t);
	}
	return sum;
}

void add_ten(void *sum)
{
	*(uint64_t *)sum += 10;
}

/* Nothing to unwind: an exception out of any instruction of a C++ function that has clean-ups is an end. */
void *endless_async(void *arg)
{
	volatile uint64_t x = (uintptr_t)arg;
	int old;

	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
	for (;;)
		x = x * 31 + 7;
	return NULL;
}

void *endless(void *arg)
{
	uint64_t x = 1;

	pthread_cleanup_push(add_ten, arg);
	do {
		x = compute(x, 100);
		pthread_testcancel();
	} while (x);
	pthread_cleanup_pop(0);
	return NULL;
}

uint64_t cancellation()
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < 10; i++) {
		uint64_t each = i;
		pthread_t t = thread_start(i % 2 ? endless : endless_async, &each);

		CHECK(pthread_cancel(t) == 0);
		CHECK(thread_join(t) == PTHREAD_CANCELED);
		/* One that was cancelled before it began has nothing to clean up. */
		CHECK(each == i || each == i + 10);
		sum = sum * 31 + i;
	}
	return sum;
}

struct kind {
	const char *name;
	uint64_t (*work)();
};

const kind kinds[] = {
	{ "sse", sse },		    { "avx2", avx2 },
	{ "avx512", avx512 },	    { "x87", x87 },
	{ "rounding", rounding },   { "direction", direction },
	{ "heap", heap },	    { "streams", streams },
	{ "locales", locales },	    { "exceptions", exceptions },
	{ "jumps", jumps },	    { "contexts", contexts },
	{ "frames", frames },	    { "locals", locals },
	{ "signals", signals },	    { "creation", creation },
	{ "cancellation", cancellation },
};

void *run(void *arg)
{
	const kind *k = (const kind *)arg;
	uint64_t want = k->work();

	for (int i = 0; end_ms ? now_ms() < end_ms : i < ROUNDS; i++) {
		uint64_t got = k->work();

		if (got != want) {
			fprintf(stderr, "%s: round %d: %#llx, not %#llx\n", k->name, i,
				(unsigned long long)got, (unsigned long long)want);
			_exit(1);
		}
	}
	return arg;
}

} // namespace

int main(int argc, char **argv)
{
	struct sigaction sa = {};
	pthread_t t[ARRAY_SIZE(kinds) * EACH];

	if (argc > 1)
		end_ms = now_ms() + atol(argv[1]) * 1000;
	sa.sa_handler = on_signal;
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		t[i] = thread_start(run, (void *)&kinds[i / EACH]);
	for (pthread_t each : t)
		thread_join(each);
	puts("ok");
	return 0;
}
