# SPDX-License-Identifier: MIT
"""serverlib - a server of somebody else's under test: started, answered, stopped.

A kind of server is a class derived from Server. It says how to lay out its
directory, how to start, how to ask whether it answers, and how to load it; here
is what they share. Nothing waits for a time to pass: each wait is for a thing
that must come, with a limit that makes its absence a failure."""

import os
import pathlib
import pwd
import re
import select
import shutil
import signal
import socket
import subprocess
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent

START_SECONDS = 120
STOP_SECONDS = 60
# How much longer than asked for a load may take before it counts as hanging.
HANG_SECONDS = 120

# What would change a child's behaviour behind our back.
SCRUBBED = ("LD_PRELOAD", "GOMAXPROCS", "GODEBUG", "GOTHREADS", "GOFLAGS")


class Wrong(Exception):
    """A server, or an answer of it, is not as it should be."""


def environment(**extra):
    env = {k: v for k, v in os.environ.items() if k not in SCRUBBED}
    env["PATH"] = env.get("PATH", "") + ":/usr/sbin:/sbin"
    env["LC_ALL"] = "C"
    env.update({k: str(v) for k, v in extra.items() if v is not None})
    return env


def which(name):
    return shutil.which(name, path=environment()["PATH"])


def how_it_ended(code):
    if code >= 0:
        return f"exit status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def run(argv, timeout, stdin=None, env=None, cwd=None, ok=(0,)):
    """A client, or a tool, to its end: its stdout. Raises Wrong."""
    child = subprocess.Popen(argv, env=env or environment(), stdin=stdin or subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd,
                             start_new_session=True)
    try:
        out, err = child.communicate(timeout=timeout)
    except BaseException as why:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        if isinstance(why, subprocess.TimeoutExpired):
            raise Wrong(f"{argv[0]} has no answer after {timeout:.0f} s") from None
        raise
    if child.returncode not in ok:
        said = (err.decode(errors="replace").strip() or out.decode(errors="replace").strip())
        raise Wrong(f"{argv[0]}: {how_it_ended(child.returncode)}: {said[-300:]}")
    return out.decode(errors="replace")


class Port:
    """A port of 127.0.0.1 that the kernel chose. It stays bound here, so that no
    other process gets it; who sets SO_REUSEADDR, as servers do, may listen there."""

    def __init__(self, kind=socket.SOCK_STREAM):
        self.socket = socket.socket(socket.AF_INET, kind)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", 0))
        self.number = self.socket.getsockname()[1]

    def give(self):
        """For servers that do not set it."""
        self.socket.close()

    def __str__(self):
        return str(self.number)


def stat_fields(pid):
    """The fields of /proc/PID/stat behind the name, or None."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None


def tree(pid):
    """PID and all that descend from it."""
    parents = {}
    for name in os.listdir("/proc"):
        fields = stat_fields(name) if name.isdigit() else None
        if fields:
            parents.setdefault(int(fields[1]), []).append(int(name))
    found = [pid]
    for each in found:
        found += parents.get(each, [])
    return found


def threads_of(pid):
    fields = stat_fields(pid)
    return int(fields[17]) if fields else 0


def cpu_of(pids):
    """The CPU time of each that lives, in ns."""
    found = {}
    for pid in pids:
        fields = stat_fields(pid)
        if fields:
            found[pid] = (int(fields[11]) + int(fields[12])) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    return found


class Server:
    """One running server. A derived class has

    name        what it is called in the report
    programs    what must be installed, and
    packages    the Debian packages that bring it
    unit        what load() counts
    prepare(dir)  once, before any: data that all its instances share (dir is theirs)
    command()   writes what is needed to self.dir and returns argv
    ask()       one request, its answer checked; raises OSError or Wrong while it does not answer
    load(seconds) -> (count, seconds it took); each answer checked, else Wrong
    """

    unit = "requests"
    programs = packages = ()
    bad_words = ()  # of its logs
    user = None  # that it becomes, when started by root

    @classmethod
    def prepare(cls, shared):
        pass

    def __init__(self, directory, shared, env, preloaded):
        self.dir, self.shared, self.env = pathlib.Path(directory), pathlib.Path(shared), env
        self.preloaded = preloaded
        self.dir.mkdir(parents=True)
        self.child = None
        self.most_threads = 0
        self.rate = None  # of the last load, for clients that need a count

    def own(self):
        """The directory belongs to whom the server becomes."""
        if self.user and os.geteuid() == 0:
            who = pwd.getpwnam(self.user)
            for path in [self.dir, *self.dir.rglob("*")]:
                os.chown(path, who.pw_uid, who.pw_gid)

    def start(self):
        argv = self.command()
        self.own()
        # A file: what nobody reads must not stop it.
        with open(self.dir / "said", "wb") as said:
            self.child = subprocess.Popen(argv, env=self.env, stdin=subprocess.DEVNULL,
                                          stdout=said, stderr=said, cwd=self.dir,
                                          start_new_session=True)
        limit = time.monotonic() + START_SECONDS
        while True:
            try:
                self.ask()
                break
            except (OSError, Wrong) as why:
                last = why
            if self.child.poll() is not None:
                raise Wrong(f"it ends at its start: {how_it_ended(self.child.returncode)}: {self.said()}")
            if time.monotonic() > limit:
                raise Wrong(f"it does not answer within {START_SECONDS} s: {last}")
            time.sleep(0.05)  # between two looks
        self.check_loaded()

    def check_loaded(self):
        if self.preloaded:
            maps = pathlib.Path(f"/proc/{self.child.pid}/maps").read_text()
            if "libgothreads" not in maps:
                raise Wrong("the library is not in it")

    def said(self):
        lines = (self.dir / "said").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def watch(self, ended):
        """Looks at the kernel threads of its processes until ENDED."""
        while not ended.wait(0.1):
            self.most_threads = max([self.most_threads, *map(threads_of, tree(self.child.pid))])

    def measured_load(self, seconds):
        """load(), its kernel threads counted meanwhile; requests per second, and CPU ns
        of its processes per request."""
        ended = threading.Event()
        before = cpu_of(tree(self.child.pid))
        watcher = threading.Thread(target=self.watch, args=(ended,))
        watcher.start()
        try:
            count, took = self.load(seconds)
        finally:
            ended.set()
            watcher.join()
        if self.child.poll() is not None:
            raise Wrong(f"it died under load: {how_it_ended(self.child.returncode)}: {self.said()}")
        if count <= 0:
            raise Wrong("nothing was answered")
        after = cpu_of(tree(self.child.pid))
        self.rate = count / took
        return self.rate, sum(ns - before.get(pid, 0) for pid, ns in after.items()) / count

    def stop(self):
        """By SIGTERM. Its status; raises Wrong unless all its processes end."""
        family = tree(self.child.pid)
        self.child.terminate()
        try:
            self.child.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise Wrong(f"it does not stop within {STOP_SECONDS} s of SIGTERM") from None
        limit = time.monotonic() + STOP_SECONDS
        while left := [p for p in family[1:] if stat_fields(p) and stat_fields(p)[0] != "Z"]:
            if time.monotonic() > limit:
                raise Wrong(f"it leaves {len(left)} processes behind")
            time.sleep(0.05)  # between two looks
        return self.child.returncode

    def check_logs(self):
        words = re.compile("|".join(("gothreads: ",) + tuple(self.bad_words)))
        for path in self.dir.rglob("*"):
            if path.is_file() and (path.name == "said" or path.suffix == ".log"):
                for line in path.read_text(errors="replace").splitlines():
                    if words.search(line):
                        raise Wrong(f"{path.name}: {line.strip()[:300]}")

    def kill(self):
        """Whatever is left of it."""
        if self.child:
            for pid in tree(self.child.pid):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            # Those whose parent has died first are still of its session.
            try:
                os.killpg(self.child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.child.wait()

    def many(self, least, seconds):
        """How many requests fill SECONDS, for clients that want a count."""
        return max(least, int((self.rate or 0) * seconds))


def in_parallel(jobs):
    """Runs all; the results in order. The first Wrong is raised when all have ended."""
    results, wrong = [None] * len(jobs), []

    def one(i, job):
        try:
            results[i] = job()
        except Exception as why:  # pylint: disable=broad-except # raised again below
            wrong.append(why)

    threads = [threading.Thread(target=one, args=(i, job)) for i, job in enumerate(jobs)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if wrong:
        raise wrong[0]
    return results


class Stream:
    """A connection that reads what it was promised."""

    def __init__(self, port, timeout=HANG_SECONDS):
        self.socket = socket.create_connection(("127.0.0.1", int(str(port))), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def exchange(self, request, expected):
        """Sends REQUEST; what comes back must be EXPECTED, byte for byte."""
        self.socket.sendall(request)
        got = bytearray()
        while len(got) < len(expected):
            try:
                piece = self.socket.recv(1 << 16)
            except socket.timeout:
                raise Wrong(f"no answer within {self.socket.gettimeout():.0f} s") from None
            if not piece:
                raise Wrong(f"the connection was closed after {len(got)} of {len(expected)} bytes")
            got += piece
        if got != expected:
            at = next(i for i, (a, b) in enumerate(zip(got + b"\0", expected + b"\0")) if a != b)
            raise Wrong(f"wrong bytes from {at} on: {bytes(got[at:at + 40])!r}, "
                        f"not {bytes(expected[at:at + 40])!r}")


def wait_udp(sock, timeout):
    return bool(select.select([sock], [], [], timeout)[0])
