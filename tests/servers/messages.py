# SPDX-License-Identifier: MIT
"""messages - servers that answer or pass on messages: unbound, rsyslog, mosquitto."""

import os
import re
import socket
import subprocess
import threading
import time

from serverlib import (HANG_SECONDS, Port, Server, Wrong, how_it_ended, in_parallel, run,
                       wait_udp)


class Unbound(Server):
    """dnsperf makes the load; meanwhile a client of ours compares addresses."""

    name = "unbound"
    unit = "queries"
    programs = ("unbound", "dnsperf")
    packages = ("unbound", "dnsperf")
    HOSTS = 1000
    bad_words = ("fatal error", "assertion")

    def command(self):
        udp = Port(socket.SOCK_DGRAM)
        udp.give()  # two sockets that share a datagram port would share the datagrams
        self.port = udp
        conf = self.dir / "conf"
        lines = [f"local-data: \"h{i}.test. 3600 IN A {self.address(i)}\"\n" for i in range(self.HOSTS)]
        conf.write_text(f"""
server:
	num-threads: 4
	interface: 127.0.0.1
	port: {udp}
	do-daemonize: no
	username: ""
	chroot: ""
	directory: "{self.dir}"
	pidfile: ""
	use-syslog: no
	logfile: ""
	local-zone: "test." static
	{"	".join(lines)}
remote-control:
	control-enable: no
""")
        (self.dir / "names").write_text("".join(f"h{i}.test A\n" for i in range(self.HOSTS)))
        return ["unbound", "-d", "-c", str(conf)]

    @staticmethod
    def address(i):
        return f"10.{i % 7}.{i // 250}.{i % 250}"

    def query(self, sock, i):
        name = f"h{i}".encode()
        ident = (i * 40503 + 7) & 0xffff
        question = bytes([len(name)]) + name + b"\4test\0" + b"\0\1\0\1"
        sock.send(ident.to_bytes(2, "big") + b"\1\0\0\1\0\0\0\0\0\0" + question)
        if not wait_udp(sock, 10):
            raise Wrong(f"h{i}.test: no answer within 10 s")
        got = sock.recv(1500)
        if got[:2] != ident.to_bytes(2, "big") or got[3] & 15 or got[12:12 + len(question)] != question \
                or got[-4:] != socket.inet_aton(self.address(i)):
            raise Wrong(f"h{i}.test: wrong answer {got!r}")

    def connected(self):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.connect(("127.0.0.1", self.port.number))
        return sock

    def ask(self):
        with self.connected() as sock:
            self.query(sock, 1)

    def check(self, ended):
        i = 0
        while i < self.HOSTS or not ended.is_set():
            with self.connected() as sock:  # another port: another thread's turn
                for _ in range(20):
                    self.query(sock, i % self.HOSTS)
                    i += 1

    def load(self, seconds):
        ended = threading.Event()

        def client():
            try:
                return run(["dnsperf", "-s", "127.0.0.1", "-p", str(self.port), "-d",
                            str(self.dir / "names"), "-l", str(max(1, round(seconds))), "-c", "16",
                            "-t", "30"], seconds + HANG_SECONDS)
            finally:
                ended.set()

        out = in_parallel([client, lambda: self.check(ended)])[0]
        count = int(re.search(r"Queries completed: +(\d+)", out).group(1))
        lost = int(re.search(r"Queries lost: +(\d+)", out).group(1))
        took = float(re.search(r"Run time \(s\): +([\d.]+)", out).group(1))
        good = re.search(r"Response codes: +NOERROR (\d+)", out)
        if lost or not good or int(good.group(1)) != count:
            raise Wrong(f"dnsperf: {count} answered, {lost} lost; "
                        f"{re.search('Response codes.*', out).group(0)}")
        return count, took


class Rsyslog(Server):
    """Several logger(1)s send lines by TCP. Each line must be in the file, once."""

    name = "rsyslog"
    unit = "lines"
    programs = ("rsyslogd", "logger")
    packages = ("rsyslog", "bsdutils")
    SENDERS = 8

    def command(self):
        self.port = Port()
        self.turn = 0
        conf = self.dir / "conf"
        conf.write_text(f"""
global(workDirectory="{self.dir}")
module(load="imptcp" threads="4")
main_queue(queue.type="LinkedList" queue.workerThreads="4" queue.size="100000"
	queue.workerThreadMinimumMessages="500")
template(name="bare" type="string" string="%msg%\\n")
input(type="imptcp" address="127.0.0.1" port="{self.port}")
action(type="omfile" file="{self.dir}/out" template="bare")
""")
        return ["rsyslogd", "-n", "-f", str(conf), "-i", str(self.dir / "pid")]

    def send(self, lines, name):
        path = self.dir / name
        path.write_text("".join(lines))
        run(["logger", "-T", "-n", "127.0.0.1", "-P", str(self.port), "--octet-count", "-f", str(path)],
            HANG_SECONDS)
        path.unlink()

    def wait_for(self, count):
        """The first COUNT lines of the file that were not seen before."""
        limit = time.monotonic() + HANG_SECONDS
        while True:
            got = (self.dir / "out").read_bytes() if (self.dir / "out").exists() else b""
            lines = got[self.seen:].decode().splitlines(keepends=True)
            if len(lines) >= count and lines[-1].endswith("\n"):
                self.seen = len(got)
                return [line.strip() + "\n" for line in lines]
            if time.monotonic() > limit:
                raise Wrong(f"{len(lines)} of {count} lines after {HANG_SECONDS} s")
            time.sleep(0.01)  # between two looks

    def ask(self):
        self.seen = 0
        with socket.create_connection(("127.0.0.1", self.port.number), timeout=30):
            pass

    def load(self, seconds):
        each = self.many(4000, seconds) // self.SENDERS
        self.turn += 1
        texts = [[f"turn {self.turn} sender {k} line {i} {'x' * (i % 100)}.\n" for i in range(each)]
                 for k in range(self.SENDERS)]
        start = time.monotonic()
        in_parallel([lambda k=k: self.send(texts[k], f"in{k}") for k in range(self.SENDERS)])
        got = self.wait_for(each * self.SENDERS)
        took = time.monotonic() - start
        if sorted(got) != sorted(line for text in texts for line in text):
            raise Wrong(f"the {len(got)} lines that came are not the {each * self.SENDERS} sent")
        return len(got), took


class Mosquitto(Server):
    """mosquitto_pub and mosquitto_sub, which has threads, run as the broker does."""

    name = "mosquitto"
    unit = "messages"
    programs = ("mosquitto", "mosquitto_pub", "mosquitto_sub")
    packages = ("mosquitto", "mosquitto-clients")
    PAIRS = 4

    def command(self):
        self.port = Port()
        self.port.give()  # it does not set SO_REUSEADDR on all of its sockets
        conf = self.dir / "conf"
        user = "user root\n" if os.geteuid() == 0 else ""
        conf.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n{user}"
                        "max_queued_messages 0\nmax_inflight_messages 1000\n")
        return ["mosquitto", "-c", str(conf)]

    def words(self, topic):
        return ["-h", "127.0.0.1", "-p", str(self.port), "-t", topic, "-q", "1"]

    def pair(self, name, lines):
        """All LINES go through; they come in order."""
        got, source = self.dir / f"got{name}", self.dir / f"lines{name}"
        source.write_text("".join(lines))
        topic = f"t/{name}"
        # The subscription outlives its client: no message can come too early.
        session = [*self.words(topic), "-c", "-i", f"sub{name}"]
        run(["mosquitto_sub", *session, "-E"], HANG_SECONDS, env=self.env)
        with open(got, "wb") as out:
            sub = subprocess.Popen(["mosquitto_sub", *session, "-C", str(len(lines))],
                                   stdin=subprocess.DEVNULL, stdout=out, env=self.env,
                                   start_new_session=True)
            try:
                start = time.monotonic()
                with open(source, "rb") as stdin:
                    run(["mosquitto_pub", *self.words(topic), "-l"], HANG_SECONDS, stdin=stdin,
                        env=self.env)
                try:
                    sub.wait(timeout=HANG_SECONDS)
                except subprocess.TimeoutExpired:
                    raise Wrong(f"{topic}: mosquitto_sub still waits") from None
                took = time.monotonic() - start
            finally:
                if sub.poll() is None:
                    sub.kill()
                    sub.wait()
        if sub.returncode:
            raise Wrong(f"{topic}: mosquitto_sub: {how_it_ended(sub.returncode)}")
        came = got.read_text().splitlines(keepends=True)
        if came != lines:
            raise Wrong(f"{topic}: {len(came)} messages came of {len(lines)}, or others")
        return took

    def ask(self):
        run(["mosquitto_pub", *self.words("ask"), "-m", "x"], 30)

    def load(self, seconds):
        each = self.many(2000, seconds) // self.PAIRS
        jobs = [lambda k=k: self.pair(k, [f"{k} message {i} {'y' * (i % 200)}\n" for i in range(each)])
                for k in range(self.PAIRS)]
        return each * self.PAIRS, max(in_parallel(jobs))


SERVERS = (Unbound, Rsyslog, Mosquitto)
