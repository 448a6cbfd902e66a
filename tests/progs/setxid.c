/* SPDX-License-Identifier: MIT */
/*
 * setxid - setresuid and setresgid with live threads take effect in every thread
 *
 * uses: setresuid setresgid tgkill getuid
 */
#include "prog.h"

#include <fcntl.h>

static pthread_barrier_t bar;
static uid_t uid;
static gid_t gid;

static void *run(void *arg)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;

	pthread_barrier_wait(&bar);
	pthread_barrier_wait(&bar);
	CHECK(getresuid(&r, &e, &s) == 0 && r == uid && e == uid && s == uid);
	CHECK(getresgid(&rg, &eg, &sg) == 0 && rg == gid && eg == gid && sg == gid);
	if (uid != 0)
		CHECK_ERRNO(open("/etc/shadow", O_RDONLY), EACCES);
	return arg;
}

int main(void)
{
	bool root = geteuid() == 0;
	pthread_t t[8];

	uid = root ? 65534 : getuid();
	gid = root ? 65534 : getgid();
	pthread_barrier_init(&bar, NULL, 9);
	for (int i = 0; i < 8; i++)
		t[i] = thread_start(run, NULL);
	pthread_barrier_wait(&bar);
	CHECK(setresgid(gid, gid, gid) == 0);
	CHECK(setresuid(uid, uid, uid) == 0);
	if (root)
		CHECK_ERRNO(setuid(0), EPERM);
	pthread_barrier_wait(&bar);
	for (int i = 0; i < 8; i++)
		thread_join(t[i]);
	puts("ok");
	return 0;
}
