/* SPDX-License-Identifier: MIT */
/*
 * rows_io.c - rows about threads that talk through the kernel, or to files
 */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct talk {
	int in[2];  /* the fd each of the two reads */
	int out[2]; /* the fd each of the two writes */
	long trips;
};

static unsigned char get(int fd)
{
	unsigned char byte;
	ssize_t got = read(fd, &byte, 1);

	if (got != 1)
		bench_die("read", got < 0 ? errno : 0);
	return byte;
}

static void put(int fd, unsigned char byte)
{
	ssize_t done = write(fd, &byte, 1);

	if (done != 1)
		bench_die("write", done < 0 ? errno : 0);
}

static void talk_work(struct bench_worker *worker)
{
	struct talk *talk = worker->arg;
	int in = talk->in[worker->index], out = talk->out[worker->index];

	for (long i = 0; i < talk->trips; i++) {
		if (worker->index == 1) {
			put(out, (unsigned char)(get(in) + 1));
			continue;
		}
		put(out, (unsigned char)i);
		if (get(in) != (unsigned char)(i + 1))
			bench_die("echo: wrong byte", 0);
	}
}

double row_pipe(long n, long size)
{
	struct talk talk = { .trips = n };
	int there[2], back[2];
	double took;

	(void)size;
	if (pipe(there) || pipe(back))
		bench_die("pipe", errno);
	talk.out[0] = there[1];
	talk.in[1] = there[0];
	talk.out[1] = back[1];
	talk.in[0] = back[0];
	took = bench_team_run(2, talk_work, &talk);
	for (int i = 0; i < 2; i++) {
		close(there[i]);
		close(back[i]);
	}
	return took / (double)n;
}

double row_socketpair(long n, long size)
{
	struct talk talk = { .trips = n };
	int ends[2];
	double took;

	(void)size;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		bench_die("socketpair", errno);
	for (int i = 0; i < 2; i++)
		talk.in[i] = talk.out[i] = ends[i];
	took = bench_team_run(2, talk_work, &talk);
	close(ends[0]);
	close(ends[1]);
	return took / (double)n;
}

struct file {
	FILE *stream;
	char *bytes;
	long size, calls;
};

static void read_work(struct bench_worker *worker)
{
	struct file *file = worker->arg;
	int fd = fileno(file->stream);

	for (long i = 0; i < file->calls; i++)
		if (pread(fd, file->bytes, (size_t)file->size, 0) != file->size)
			bench_die("pread", errno);
}

double row_fileread(long n, long size)
{
	struct file file = { .stream = tmpfile(), .bytes = calloc(1, (size_t)size), .size = size, .calls = n };
	double took;

	if (!file.stream || !file.bytes)
		bench_die("tmpfile", errno);
	if (fwrite(file.bytes, 1, (size_t)size, file.stream) != (size_t)size || fflush(file.stream))
		bench_die("write", errno);
	took = bench_team_run(1, read_work, &file);
	fclose(file.stream);
	free(file.bytes);
	return took / (double)n;
}
