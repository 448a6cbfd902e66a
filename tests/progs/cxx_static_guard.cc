/* SPDX-License-Identifier: MIT */
/*
 * cxx_static_guard - a function's static object is built once though many threads come to it while
 * it is being built
 *
 * uses: futex
 */
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

static int built;

struct slow {
	int value;

	slow()
	{
		built++;
		std::this_thread::sleep_for(std::chrono::milliseconds(20));
		value = 42;
	}
};

static int get()
{
	static slow object;

	return object.value;
}

int main()
{
	std::vector<std::thread> threads;
	int bad = 0;

	for (int i = 0; i < 20; i++)
		threads.emplace_back([&bad] {
			if (get() != 42)
				bad++;
		});
	for (auto &t : threads)
		t.join();
	std::printf("%d %d\n", built, bad);
	return 0;
}
