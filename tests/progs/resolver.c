/* SPDX-License-Identifier: MIT */
/*
 * resolver - getaddrinfo(localhost) and getpwuid_r from 50 threads
 *
 * uses: socket openat read
 */
#include "prog.h"

#include <netdb.h>
#include <netinet/in.h>
#include <pwd.h>

static void *resolve(void *arg)
{
	struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *res;
	struct passwd pw, *found;
	char buf[4096];

	CHECK(getaddrinfo("localhost", "80", &hints, &res) == 0);
	CHECK(((struct sockaddr_in *)(void *)res->ai_addr)->sin_addr.s_addr ==
	      htonl(INADDR_LOOPBACK));
	freeaddrinfo(res);
	CHECK0(getpwuid_r(0, &pw, buf, sizeof(buf), &found));
	CHECK(found && strcmp(found->pw_name, "root") == 0);
	return arg;
}

int main(void)
{
	struct addrinfo hints = { .ai_family = AF_INET }, *res;
	pthread_t t[50];

	if (getaddrinfo("localhost", "80", &hints, &res) != 0)
		prog_skip("localhost does not resolve");
	freeaddrinfo(res);
	for (int i = 0; i < 50; i++)
		t[i] = thread_start(resolve, NULL);
	for (int i = 0; i < 50; i++)
		thread_join(t[i]);
	puts("ok");
	return 0;
}
