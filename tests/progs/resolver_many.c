/* SPDX-License-Identifier: MIT */
/*
 * resolver_many - a thousand threads are in getaddrinfo at once: the name server answers nobody before
 * it has the questions of all; and no kernel thread waits for each
 *
 * uses: socket connect sendto sendmmsg poll recvfrom
 */
#include "prog.h"

#include <netdb.h>
#include <netinet/in.h>
#include <nss.h>
#include <resolv.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { THREADS = 1000, FEW = 40, HEAD = 12, QUESTION_TAIL = 4, ASKED = 256 };

struct question {
	struct sockaddr_storage from;
	socklen_t from_len;
	unsigned char text[ASKED + 16];
	ssize_t len;
};

static struct sockaddr_in server_address;
static struct question questions[THREADS];
static bool asked[THREADS];
static int server;

/* Which thread asks: the name is "hNUMBER.test". */
static int who_asks(const struct question *q)
{
	char label[8] = "";
	size_t len = q->text[HEAD];

	CHECK(q->len > HEAD + 1 + (ssize_t)len && len > 1 && len < sizeof(label));
	memcpy(label, q->text + HEAD + 1, len);
	CHECK(label[0] == 'h');
	return atoi(label + 1);
}

/* The question becomes its answer: one address, 10.HIGH.LOW.1. */
static void answer(struct question *q)
{
	int who = who_asks(q);
	const unsigned char record[16] = { 0xc0, HEAD, 0, 1, 0, 1, 0, 0, 0, 60,
					   0,	 4,	 10, (unsigned char)(who >> 8), (unsigned char)who, 1 };
	size_t end = HEAD;

	while (q->text[end])
		end += q->text[end] + 1u;
	end += 1 + QUESTION_TAIL;
	CHECK((ssize_t)end <= q->len && end <= ASKED);
	q->text[2] |= 0x80; /* a response */
	q->text[3] = 0x80;  /* recursion is available, no error */
	q->text[7] = 1;	    /* one answer, nothing more */
	memset(q->text + 8, 0, 4);
	memcpy(q->text + end, record, sizeof(record));
	CHECK(sendto(server, q->text, end + sizeof(record), 0, (void *)&q->from, q->from_len) > 0);
}

static void *serve(void *arg)
{
	int n = 0;

	while (n < THREADS) {
		struct question *q = &questions[n];
		int who;

		q->from_len = sizeof(q->from);
		q->len = recvfrom(server, q->text, ASKED, 0, (void *)&q->from, &q->from_len);
		who = who_asks(q);
		CHECK(who >= 0 && who < THREADS);
		if (asked[who])
			continue; /* asks again */
		asked[who] = true;
		n++;
	}
	for (int i = 0; i < THREADS; i++)
		answer(&questions[i]);
	/* Whoever had asked twice gets an answer that nobody waits for; whoever's answer is lost for want
	 * of room asks again. */
	for (;;) {
		struct question *q = &questions[0];

		q->from_len = sizeof(q->from);
		q->len = recvfrom(server, q->text, ASKED, 0, (void *)&q->from, &q->from_len);
		if (q->len == 1)
			return arg;
		answer(q);
	}
}

static void *resolve(void *arg)
{
	struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *found;
	int who = (int)(intptr_t)arg;
	char name[16];

	/* Each thread has a resolver state of its own. */
	CHECK(res_init() == 0);
	_res.nscount = 1;
	_res.nsaddr_list[0] = server_address;
	_res.retrans = 3;
	_res.retry = 10;
	_res.options &= ~(RES_USE_EDNS0 | RES_DNSRCH | RES_DEFNAMES);
	snprintf(name, sizeof(name), "h%d.test.", who);
	CHECK(getaddrinfo(name, "80", &hints, &found) == 0);
	CHECK(((struct sockaddr_in *)(void *)found->ai_addr)->sin_addr.s_addr ==
	      htonl(10u << 24 | (uint32_t)who << 8 | 1));
	freeaddrinfo(found);
	return arg;
}

int main(void)
{
	struct rlimit files = { THREADS + 200, THREADS + 200 };
	socklen_t len = sizeof(server_address);
	pthread_t t[THREADS], s;
	int room = 1 << 22, bye;

	if (setrlimit(RLIMIT_NOFILE, &files))
		prog_skip("not enough descriptors");
	CHECK0(__nss_configure_lookup("hosts", "dns"));
	server_address = (struct sockaddr_in){ .sin_family = AF_INET,
					       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CHECK(setsockopt(server, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)) == 0);
	CHECK(bind(server, (void *)&server_address, len) == 0);
	CHECK(getsockname(server, (void *)&server_address, &len) == 0);
	s = thread_start(serve, NULL);
	for (intptr_t i = 0; i < THREADS; i++)
		t[i] = thread_start(resolve, (void *)i);
	for (intptr_t i = 0; i < THREADS; i++)
		CHECK(thread_join(t[i]) == (void *)i);
	bye = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CHECK(sendto(bye, "", 1, 0, (void *)&server_address, len) == 1);
	thread_join(s);
	CHECK(few_kernel_threads(FEW));
	puts("ok");
	return 0;
}
