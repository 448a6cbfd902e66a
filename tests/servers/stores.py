# SPDX-License-Identifier: MIT
"""stores - servers that keep things: memcached, redis, mariadb, slapd."""

import os
import re
import shutil
import threading
import time

from serverlib import (HANG_SECONDS, HERE, Port, Server, Stream, Wrong, in_parallel,
                       run)

BATCH = 50  # commands on their way at a time
CHECKERS = 4


def value(writer, turn, i):
    size = (20, 300, 3000)[i % 3]
    unit = f"{writer}-{turn}-{i}."
    return (unit * (size // len(unit) + 1)).encode()


class Store(Server):
    """A client of the package makes the load and the figure; meanwhile CHECKERS
    connections store values of their own and read them back, every byte of the
    answers compared."""

    def batch(self, writer, turn):
        """(commands, answers) of one batch, in the server's language."""
        raise NotImplementedError

    def check(self, writer, ended):
        turn = 0
        with Stream(self.port) as s:
            while turn < 2 or not ended.is_set():
                s.exchange(*self.batch(writer, turn))
                turn += 1

    def ask(self):
        with Stream(self.port, timeout=30) as s:
            s.exchange(*self.batch("ask", 0))

    def client(self, seconds):
        """The load: (count, seconds)."""
        raise NotImplementedError

    def load(self, seconds):
        ended = threading.Event()

        def client():
            try:
                return self.client(seconds)
            finally:
                ended.set()

        jobs = [client] + [lambda i=i: self.check(i, ended) for i in range(CHECKERS)]
        return in_parallel(jobs)[0]


class Memcached(Store):
    name = "memcached"
    programs = ("memcached", "memcaslap")
    packages = ("memcached", "libmemcached-tools")

    def command(self):
        self.port = Port()
        user = ["-u", "root"] if os.geteuid() == 0 else []
        return ["memcached", *user, "-l", "127.0.0.1", "-p", str(self.port), "-t", "4",
                "-c", "2000", "-m", "512"]

    def batch(self, writer, turn):
        sent, back = [], []
        for i in range(BATCH):
            key, v = f"k{writer}-{i}".encode(), value(writer, turn, i)
            sent += [b"set %b 0 0 %d\r\n%b\r\n" % (key, len(v), v), b"get %b\r\n" % key]
            back += [b"STORED\r\n", b"VALUE %b 0 %d\r\n%b\r\nEND\r\n" % (key, len(v), v)]
        return b"".join(sent), b"".join(back)

    def client(self, seconds):
        # One of ten is set, nine are got; each value got is compared.
        out = run(["memcaslap", "-s", f"127.0.0.1:{self.port}", "-T", "1", "-c", "32", "-v", "1.0",
                   "-t", f"{max(1, round(seconds))}s"], seconds + HANG_SECONDS)
        for word in "verify_failed", "verify_misses", "get_misses":
            m = re.search(rf"{word}: (\d+)", out)
            if m and int(m.group(1)):
                raise Wrong(f"memcaslap: {m.group(0)}")
        m = re.search(r"Run time: ([\d.]+)s Ops: (\d+)", out)
        if not m or not re.search("verify", out):
            raise Wrong(f"memcaslap: {out[-300:]}")
        return int(m.group(2)), float(m.group(1))


class Redis(Store):
    name = "redis"
    programs = ("redis-server", "redis-benchmark")
    packages = ("redis-server", "redis-tools")
    bad_words = ("REDIS BUG REPORT",)

    def command(self):
        self.port = Port()
        return ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--io-threads",
                "4", "--io-threads-do-reads", "yes", "--save", "", "--appendonly", "no",
                "--daemonize", "no", "--dir", str(self.dir), "--loglevel", "notice"]

    def batch(self, writer, turn):
        sent, back = [], []
        for i in range(BATCH):
            key, v = f"k{writer}-{i}".encode(), value(writer, turn, i)
            sent += [b"*3\r\n$3\r\nSET\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(key), key, len(v), v),
                     b"*2\r\n$3\r\nGET\r\n$%d\r\n%b\r\n" % (len(key), key)]
            back += [b"+OK\r\n$%d\r\n%b\r\n" % (len(v), v)]
        return b"".join(sent), b"".join(back)

    def client(self, seconds):
        # It knows a number of requests only, for each of two kinds.
        n = self.many(10000, seconds) // 2
        start = time.monotonic()
        out = run(["redis-benchmark", "-p", str(self.port), "-t", "set,get", "-n", str(n), "-c", "100",
                   "-P", "4", "-d", "100", "-r", "10000", "--csv"], 20 * seconds + HANG_SECONDS)
        took = time.monotonic() - start
        if len(re.findall(r'^"(?:SET|GET)","[\d.]+"', out, re.M)) != 2:
            raise Wrong(f"redis-benchmark: {out[-300:]}")
        return 2 * n, took


class Mariadb(Server):
    """sysbench, with oltp.lua: each row read is what it must be, and in the end
    the counters add up to the transactions."""

    unit = "transactions"
    clients = 0
    programs = ("mariadbd", "mariadb", "mariadb-install-db", "sysbench")
    packages = ("mariadb-server", "mariadb-client", "sysbench")
    bad_words = ("got signal", "Assertion")
    ROWS = 2000

    @classmethod
    def prepare(cls, shared):
        run(["mariadb-install-db", "--no-defaults", f"--datadir={shared}/data", *cls.as_root(),
             "--auth-root-authentication-method=normal", "--skip-test-db"], 300)

    @staticmethod
    def as_root():
        return ["--user=root"] if os.geteuid() == 0 else []

    def command(self):
        self.port = Port()
        self.made = False
        shutil.copytree(self.shared / "data", self.dir / "data")
        return ["mariadbd", "--no-defaults", *self.as_root(), f"--datadir={self.dir}/data",
                f"--socket={self.dir}/s", f"--pid-file={self.dir}/pid", f"--port={self.port}",
                "--bind-address=127.0.0.1", "--skip-grant-tables", "--max-connections=1000",
                "--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=2"]

    def sql(self, text):
        return run(["mariadb", "--no-defaults", "-h127.0.0.1", f"-P{self.port}", "-uroot", "-N", "-e",
                    text], HANG_SECONDS).split()

    def ask(self):
        if self.sql("select 6 * 7") != ["42"]:
            raise Wrong("6 * 7 is not 42")

    def bench(self, *words):
        return run(["sysbench", str(HERE / "oltp.lua"), "--db-driver=mysql", "--mysql-host=127.0.0.1",
                    f"--mysql-port={self.port}", "--mysql-user=root", "--mysql-db=bench",
                    f"--rows={self.ROWS}", *words], HANG_SECONDS + 600)

    def load(self, seconds):
        if not self.made:
            self.sql("create database bench")
            self.bench("prepare")
            self.made = True
        before = int(self.sql("select sum(n) from bench.t")[0])
        out = self.bench(f"--threads={self.clients}", f"--time={max(1, round(seconds))}", "run")
        m = re.search(r"transactions: +(\d+)", out)
        took = re.search(r"total time: +([\d.]+)s", out)
        if not m or not took or "FATAL" in out:
            raise Wrong(f"sysbench: {out[-300:]}")
        count = int(m.group(1))
        added = int(self.sql("select sum(n) from bench.t")[0]) - before
        if added != count:
            raise Wrong(f"{count} transactions, but the counters grew by {added}")
        return count, float(took.group(1))


class Mariadb64(Mariadb):
    name, clients = "mariadb-64", 64


class Mariadb512(Mariadb):
    name, clients = "mariadb-512", 512


class Slapd(Server):
    name = "slapd"
    unit = "searches"
    programs = ("slapd", "slapadd", "ldapsearch")
    packages = ("slapd", "ldap-utils")
    ENTRIES = 500
    FILTERS = 200
    CLIENTS = 8
    bad_words = ("assertion",)

    def command(self):
        self.port = Port()
        conf, data = self.dir / "conf", self.dir / "data"
        data.mkdir()
        conf.write_text(f"""
modulepath /usr/lib/ldap
moduleload back_mdb
include /etc/ldap/schema/core.schema
pidfile {self.dir}/pid
database mdb
maxsize 67108864
suffix "dc=test"
rootdn "cn=admin,dc=test"
rootpw secret
directory {data}
index cn eq
""")
        ldif = self.dir / "ldif"
        with open(ldif, "w", encoding="ascii") as out:
            out.write("dn: dc=test\nobjectClass: dcObject\nobjectClass: organization\no: test\ndc: test\n")
            for i in range(self.ENTRIES):
                out.write(f"\ndn: cn=u{i},dc=test\nobjectClass: person\ncn: u{i}\nsn: {self.sn(i)}\n")
        run(["slapadd", "-q", "-f", str(conf), "-l", str(ldif)], 120)
        for k in range(self.CLIENTS):
            names = "".join(f"u{self.wanted(k, j)}\n" for j in range(self.FILTERS))
            (self.dir / f"filters{k}").write_text(names)
        return ["slapd", "-d", "0", "-f", str(conf), "-h", f"ldap://127.0.0.1:{self.port}"]

    @staticmethod
    def sn(i):
        return f"s{i * 2654435761 % 2**32}x" * (1 + i % 9)

    def wanted(self, k, j):
        return (k * 61 + j * 7) % self.ENTRIES

    def ldap(self, tool, *words, stdin=None):
        return run([tool, "-x", "-H", f"ldap://127.0.0.1:{self.port}", "-D", "cn=admin,dc=test", "-w",
                    "secret", *words], HANG_SECONDS, stdin=stdin)

    def search(self, *words):
        return self.ldap("ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-b", "dc=test", *words)

    def ask(self):
        if f"sn: {self.sn(3)}\n" not in self.search("(cn=u3)", "sn"):
            raise Wrong("the answer to (cn=u3) is wrong")

    def client(self, k, until):
        """Searches, and an entry of its own that it changes and reads back."""
        count = 0
        expected = "".join(f"dn: cn=u{i},dc=test\nsn: {self.sn(i)}\n\n" for i in
                           (self.wanted(k, j) for j in range(self.FILTERS)))
        while not count or time.monotonic() < until:
            got = self.search("-f", str(self.dir / f"filters{k}"), "(cn=%s)", "sn")
            if "".join(got.split()) != "".join(expected.split()):
                raise Wrong(f"client {k}: the answers to {self.FILTERS} searches are wrong")
            count += self.FILTERS
            change = self.dir / f"change{k}"
            text = f"turn {count} of {k}"
            change.write_text(f"dn: cn=u{k},dc=test\nchangetype: modify\nreplace: description\n"
                              f"description: {text}\n")
            self.ldap("ldapmodify", "-f", str(change))
            if f"description: {text}\n" not in self.search(f"(cn=u{k})", "description"):
                raise Wrong(f"client {k}: a change is not there")
            count += 2
        return count

    def load(self, seconds):
        start = time.monotonic()
        counts = in_parallel([lambda k=k: self.client(k, start + seconds)
                              for k in range(self.CLIENTS)])
        return sum(counts), time.monotonic() - start


SERVERS = (Memcached, Redis, Mariadb64, Mariadb512, Slapd)
