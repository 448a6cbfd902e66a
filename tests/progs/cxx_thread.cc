/* SPDX-License-Identifier: MIT */
/*
 * cxx_thread - std::thread, mutex, condition_variable, future and call_once work together
 *
 * uses: clone3 futex
 */
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

static std::mutex lock;
static std::condition_variable turned;
static std::once_flag once;
static int turn, inits;

static void take_turn(int me)
{
	std::call_once(once, [] { inits++; });
	std::unique_lock<std::mutex> guard(lock);
	turned.wait(guard, [me] { return turn == me; });
	turn++;
	turned.notify_all();
}

int main()
{
	std::vector<std::thread> threads;
	std::vector<std::future<int>> results;
	std::promise<int> promise;
	std::future<int> later = promise.get_future();
	int sum = 0;

	for (int i = 29; i >= 0; i--)
		threads.emplace_back(take_turn, i);
	for (auto &t : threads)
		t.join();
	for (int i = 0; i < 20; i++)
		results.push_back(std::async(std::launch::async, [i] { return i * i; }));
	for (auto &r : results)
		sum += r.get();
	std::thread setter([&] { promise.set_value(7); });
	sum += later.get();
	setter.join();
	std::thread([] { std::this_thread::yield(); }).join();
	std::printf("%d %d %d\n", turn, inits, sum);
	return 0;
}
