/* SPDX-License-Identifier: MIT */
/*
 * cxx_unwind - pthread_exit and cancellation inside blocking calls run the destructors of the
 * frames above
 *
 * uses: exit tgkill read
 */
#include <atomic>
#include <cstdio>
#include <pthread.h>
#include <unistd.h>

static std::atomic<int> alive, destroyed;
static int fds[2];

struct object {
	object()
	{
		alive++;
	}
	~object()
	{
		alive--;
		destroyed++;
	}
};

static void block(bool by_cancel)
{
	object inner;
	char c;

	if (!by_cancel)
		pthread_exit(&fds);
	while (read(fds[0], &c, 1) != 9)
		;
}

static void *run(void *arg)
{
	object outer;

	try {
		block(arg != nullptr);
	} catch (...) {
		object in_catch;
		throw;
	}
	return nullptr;
}

int main()
{
	int good = 0;

	if (pipe(fds) != 0)
		return 1;
	for (int i = 0; i < 20; i++) {
		bool cancel = i % 2;
		pthread_t t;
		void *ret;

		if (pthread_create(&t, nullptr, run, cancel ? &fds : nullptr) != 0)
			return 1;
		if (cancel)
			pthread_cancel(t);
		pthread_join(t, &ret);
		good += ret == (cancel ? PTHREAD_CANCELED : static_cast<void *>(&fds)) &&
			alive == 0;
	}
	std::printf("%d\n", good);
	return destroyed >= 30 ? 0 : 1;
}
