/* SPDX-License-Identifier: MIT */
/*
 * allocators - jemalloc, tcmalloc and mimalloc in malloc's place, preloaded before and behind what is
 * preloaded already: waves of threads hand memory to each other, and it stays what it was
 *
 * uses: clone3 futex mmap munmap madvise
 * limit: 60
 */
#include "prog.h"

#include <sys/wait.h>

enum { WAVES = 6, THREADS = 24, ROUNDS = 3000, SLOTS = 512, SIZE_MAX_ = 4000 };

static const char *const allocators[] = {
	"/usr/lib/x86_64-linux-gnu/libjemalloc.so.2",
	"/usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4",
	"/usr/lib/x86_64-linux-gnu/libmimalloc.so.2",
};

/* A block says how long it is, and is full of one byte. */
struct block {
	size_t size;
	unsigned char fill[];
};

static struct block *slots[SLOTS];

static struct block *block_new(uint32_t rnd)
{
	size_t size = 1 + rnd % SIZE_MAX_;
	struct block *b = rnd & 1 ? malloc(sizeof(*b) + size) : calloc(1, sizeof(*b) + size);

	CHECK(b);
	b->size = size;
	memset(b->fill, (int)(size & 255), size);
	return b;
}

static void block_check(const struct block *b)
{
	for (size_t i = 0; i < b->size; i += 17)
		CHECK(b->fill[i] == (b->size & 255));
	CHECK(b->fill[b->size - 1] == (b->size & 255));
}

static void *trade(void *arg)
{
	uint32_t rnd = (uint32_t)(uintptr_t)arg;

	for (int i = 0; i < ROUNDS; i++) {
		struct block *b;

		rnd = rnd * 1664525 + 1013904223;
		b = block_new(rnd >> 8);
		b = __atomic_exchange_n(&slots[rnd % SLOTS], b, __ATOMIC_ACQ_REL);
		if (!b)
			continue;
		block_check(b);
		if (rnd >> 30) {
			free(b);
			continue;
		}
		b = realloc(b, sizeof(*b) + 2 * b->size);
		CHECK(b);
		block_check(b);
		free(b);
	}
	return arg;
}

static int work(void)
{
	pthread_t threads[THREADS];

	for (int w = 0; w < WAVES; w++) {
		for (int i = 0; i < THREADS; i++)
			threads[i] = thread_start(trade, (void *)(uintptr_t)(w * THREADS + i));
		for (int i = 0; i < THREADS; i++)
			thread_join(threads[i]);
	}
	return 0;
}

static void run_with(const char *self, const char *first, const char *second)
{
	char preload[1024];
	int status;
	pid_t pid;

	snprintf(preload, sizeof(preload), "%s:%s", first, second);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		setenv("LD_PRELOAD", preload, 1);
		setenv("MALLOC_CONF", "background_thread:true", 1);
		execl(self, self, "work", NULL);
		_exit(127);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

int main(int argc, char **argv)
{
	const char *preload = getenv("LD_PRELOAD");
	int found = 0;

	if (argc > 1)
		return work();
	if (!preload)
		preload = "";
	for (size_t i = 0; i < ARRAY_SIZE(allocators); i++) {
		if (access(allocators[i], R_OK) != 0)
			continue;
		found++;
		run_with(argv[0], preload, allocators[i]);
		run_with(argv[0], allocators[i], preload);
		printf("%s ok\n", strrchr(allocators[i], '/') + 1);
		fflush(stdout);
	}
	if (!found)
		prog_skip("none of the allocators is installed");
	return 0;
}
