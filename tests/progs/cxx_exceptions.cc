/* SPDX-License-Identifier: MIT */
/*
 * cxx_exceptions - exceptions are thrown, caught and rethrown in many threads, with switches inside
 * catch, and cross futures
 *
 * uses: clone3 sched_yield clock_nanosleep
 */
#include <chrono>
#include <cstdio>
#include <exception>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

struct counted {
	int &n;

	explicit counted(int &count) : n(count)
	{
		n++;
	}
	~counted()
	{
		n--;
	}
};

static void fall(int depth, int &alive, int id)
{
	counted here(alive);

	if (depth == 0)
		throw std::runtime_error("from " + std::to_string(id));
	fall(depth - 1, alive, id);
}

static int run(int id)
{
	int alive = 0, good = 0;

	for (int i = 0; i < 50; i++) {
		try {
			try {
				fall(10, alive, id);
			} catch (...) {
				std::this_thread::yield();
				if (i % 25 == 0)
					std::this_thread::sleep_for(std::chrono::microseconds(300));
				if (std::uncaught_exceptions() != 0 || !std::current_exception())
					return -1;
				throw; /* must be this thread's exception still */
			}
		} catch (const std::exception &e) {
			if (e.what() == "from " + std::to_string(id) && alive == 0)
				good++;
		}
	}
	return good;
}

int main()
{
	std::vector<std::future<int>> results;
	int sum = 0;

	for (int i = 0; i < 10; i++)
		results.push_back(std::async(std::launch::async, run, i));
	for (auto &r : results)
		sum += r.get();
	auto thrown =
		std::async(std::launch::async, []() -> int { throw std::logic_error("crossed"); });
	try {
		thrown.get();
	} catch (const std::logic_error &e) {
		std::printf("%d %s\n", sum, e.what());
	}
	return 0;
}
