/* SPDX-License-Identifier: MIT */
/*
 * cxx_thread_local - thread_local objects are built when first used and destroyed at the thread's
 * end, in reverse order
 *
 * uses: clone3 exit
 */
#include <atomic>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

static std::atomic<int> built, destroyed, wrong;

struct tracked {
	std::string name;
	int *last;

	tracked(const char *n, int *l) : name(n), last(l)
	{
		built++;
	}
	~tracked()
	{
		destroyed++;
		*last = *last * 10 + static_cast<int>(name.size());
		if (name.size() == 1 && *last != 21)
			wrong++;
	}
};

static thread_local int order;
static thread_local tracked first("a", &order);
static thread_local tracked second("bb", &order);

static void use(int id)
{
	for (int i = 0; i < 100; i++) {
		std::this_thread::yield();
		if (first.name != "a" || second.name != "bb")
			wrong++;
	}
	if (id < 0)
		std::printf("no\n");
}

int main()
{
	for (int round = 0; round < 5; round++) {
		std::vector<std::thread> threads;

		for (int i = 0; i < 10; i++)
			threads.emplace_back(use, i);
		for (auto &t : threads)
			t.join();
	}
	std::printf("%d %d %d\n", built.load(), destroyed.load(), wrong.load());
	return 0;
}
