/* SPDX-License-Identifier: MIT */
/*
 * robust_list - every thread has the robust list that glibc registered for it, asked by 0 and by id
 *
 * uses: set_robust_list get_robust_list
 */
#include "futex.h"

static void *run(void *arg)
{
	struct robust_list_head *mine = NULL, *by_id = NULL;
	size_t len = 0;

	CHECK(syscall(SYS_get_robust_list, 0, &mine, &len) == 0);
	CHECK(len == sizeof(*mine) && mine && mine->list.next == &mine->list);
	CHECK(syscall(SYS_get_robust_list, gettid(), &by_id, &len) == 0);
	CHECK(by_id == mine);
	if (arg)
		CHECK(mine != arg);
	return mine;
}

int main(void)
{
	void *head = run(NULL);

	CHECK(thread_join(thread_start(run, head)) != NULL);
	puts("ok");
	return 0;
}
