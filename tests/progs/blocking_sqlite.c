/* SPDX-License-Identifier: MIT */
/*
 * blocking_sqlite - sqlite3_step() waits for another thread's transaction to end, in SQLite's own busy
 * handler, as a blocking function: the other goes on and ends it
 *
 * gothreads: blocking=libsqlite3.so.0:sqlite3_step=i(p),blocking=libsqlite3.so.0:sqlite3_exec=i(pspps)
 * godebug: asyncpreemptoff=1
 */
#include "prog.h"

#ifndef HAVE_SQLITE
int main(void)
{
	prog_skip("built without SQLite: Debian package libsqlite3-dev");
	return 0;
}
#else
#include <sqlite3.h>

static char path[] = "/tmp/gothreads-sqlite-XXXXXX";
static volatile int asked;
static pthread_barrier_t bar;

static sqlite3 *open_it(void)
{
	sqlite3 *db;

	CHECK(sqlite3_open(path, &db) == SQLITE_OK);
	return db;
}

static void exec(sqlite3 *db, const char *sql)
{
	CHECK(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
}

/* Spins: it is for the other to go on. */
static int busy(void *arg, int n)
{
	(void)arg;
	(void)n;
	asked = 1;
	return 1;
}

static void *writer(void *arg)
{
	sqlite3 *db = open_it();
	sqlite3_stmt *s;

	CHECK(sqlite3_busy_handler(db, busy, NULL) == SQLITE_OK);
	CHECK(sqlite3_prepare_v2(db, "insert into t values (2)", -1, &s, NULL) == SQLITE_OK);
	pthread_barrier_wait(&bar); /* prepare looks at the file as well */
	pthread_barrier_wait(&bar);
	CHECK(sqlite3_step(s) == SQLITE_DONE);
	CHECK(sqlite3_finalize(s) == SQLITE_OK);
	CHECK(sqlite3_busy_timeout(db, 60000) == SQLITE_OK);
	exec(db, "insert into t values (3)");
	CHECK(sqlite3_close(db) == SQLITE_OK);
	return arg;
}

int main(void)
{
	int fd = mkstemp(path);
	sqlite3 *db;
	sqlite3_stmt *s;
	pthread_t t;

	CHECK(fd >= 0);
	close(fd);
	db = open_it();
	exec(db, "create table t (n integer)");
	pthread_barrier_init(&bar, NULL, 2);
	t = thread_start(writer, NULL);
	pthread_barrier_wait(&bar);
	exec(db, "begin exclusive; insert into t values (1)");
	pthread_barrier_wait(&bar);
	while (!asked)
		sched_yield();
	exec(db, "commit");
	thread_join(t);
	CHECK(sqlite3_prepare_v2(db, "select sum(n) from t", -1, &s, NULL) == SQLITE_OK);
	CHECK(sqlite3_step(s) == SQLITE_ROW);
	printf("sum %d\n", sqlite3_column_int(s, 0));
	CHECK(sqlite3_finalize(s) == SQLITE_OK);
	CHECK(sqlite3_close(db) == SQLITE_OK);
	unlink(path);
	return 0;
}
#endif
