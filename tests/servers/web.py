# SPDX-License-Identifier: MIT
"""web - servers of HTTP: nginx, apache, haproxy, varnish, squid. wrk is the client."""

import os
import re

from serverlib import HANG_SECONDS, HERE, Port, Server, Stream, Wrong, environment, run

FILES = 40
CONNECTIONS = 64


def content(i):
    """File i: its name, and bytes that are like no other file's. Some are small,
    some do not fit into one buffer."""
    name = f"f{i}\n"
    size = (100, 1000, 9000, 70000)[i % 4] + 13 * i
    line = f"{i * 2654435761 % 2**32:08x} of {name}"
    return (name + line * (size // len(line) + 1)).encode()


def make_files(shared):
    www = shared / "www"
    www.mkdir()
    for i in range(1, FILES + 1):
        (www / f"f{i}").write_bytes(content(i))
    # Whatever user the server becomes may read them.
    for path in (shared, www):
        path.chmod(0o755)


class Web(Server):
    packages = ("wrk",)
    programs = ("wrk",)
    prefix = ""  # of each path

    @classmethod
    def prepare(cls, shared):
        make_files(shared)

    def ask(self):
        """The whole set, one after the other."""
        for i in range(1, FILES + 1):
            self.get(f"{self.prefix}/f{i}", content(i))

    def get(self, path, expected):
        with Stream(self.port, timeout=30) as s:
            s.socket.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            got = b""
            while piece := s.socket.recv(1 << 16):
                got += piece
        head, _, body = got.partition(b"\r\n\r\n")
        if not re.match(rb"HTTP/1\.[01] 200 ", head) or body != expected:
            raise Wrong(f"GET {path}: {head.splitlines()[:1]}, {len(body)} bytes, "
                        f"not the {len(expected)} bytes of it")

    def load(self, seconds):
        out = run(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s",
                   "--timeout", f"{HANG_SECONDS}s", "-s", str(HERE / "check.lua"),
                   f"http://127.0.0.1:{self.port}/", "--",
                   str(FILES), str(self.shared / "www"), self.prefix],
                  seconds + HANG_SECONDS)
        m = re.search(r"RESULT good=(\d+) wrong=(\d+) connect=(\d+) read=(\d+) write=(\d+) "
                      r"timeout=(\d+) us=(\d+) ?(.*)", out)
        if not m:
            raise Wrong(f"wrk: {out[-300:]}")
        good, wrong, connect, read, write, timeout, us = map(int, m.groups()[:7])
        if wrong or connect or read or write or timeout:
            raise Wrong(f"of {good + wrong} answers {wrong} wrong ({m.group(8)}); errors: connect "
                        f"{connect}, read {read}, write {write}, timeout {timeout}")
        return good, us / 1e6


def nginx_conf(path, port, www, threads):
    user = "user root;" if os.geteuid() == 0 else ""
    aio = "aio threads=pool; sendfile off;" if threads else "sendfile on;"
    path.write_text(f"""
{user} daemon off; worker_processes {2 if threads else 1}; pid nginx.pid;
error_log error.log notice;
{"thread_pool pool threads=16;" if threads else ""}
events {{ worker_connections 1024; }}
http {{
	access_log off;
	client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3;
	uwsgi_temp_path t4; scgi_temp_path t5;
	keepalive_requests 1000000;
	server {{ listen 127.0.0.1:{port}; root {www}; {aio} }}
}}
""")
    return ["nginx", "-p", str(path.parent), "-e", "error.log", "-c", str(path)]


class Nginx(Web):
    name = "nginx"
    programs = ("nginx",) + Web.programs
    packages = ("nginx-light",) + Web.packages
    bad_words = ("exited on signal", r"\[alert\]", r"\[crit\]")

    def command(self):
        self.port = Port()
        return nginx_conf(self.dir / "nginx.conf", self.port, self.shared / "www", True)


class Apache(Web):
    mpm = ""
    programs = ("apache2",) + Web.programs
    packages = ("apache2",) + Web.packages
    bad_words = ("exit signal", "seg fault")

    def command(self):
        self.port = Port()
        conf = self.dir / "apache.conf"
        user = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
        conf.write_text(f"""
ServerRoot {self.dir}
PidFile {self.dir}/pid
DefaultRuntimeDir {self.dir}
ServerName localhost
Listen 127.0.0.1:{self.port}
LoadModule mpm_{self.mpm}_module /usr/lib/apache2/modules/mod_mpm_{self.mpm}.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
{user}
StartServers 2
ServerLimit 2
ThreadsPerChild 64
MaxRequestWorkers 128
MaxKeepAliveRequests 0
ErrorLog {self.dir}/error.log
DocumentRoot {self.shared}/www
""")
        return ["apache2", "-f", str(conf), "-DFOREGROUND"]


class ApacheWorker(Apache):
    name, mpm = "apache-worker", "worker"


class ApacheEvent(Apache):
    name, mpm = "apache-event", "event"


class Behind(Web):
    """With a native nginx behind it."""

    def __init__(self, *args):
        super().__init__(*args)
        self.origin = None

    def start(self):
        self.origin = Origin(self.dir / "origin", self.shared, environment(), False)
        self.origin.start()
        super().start()

    def stop(self):
        code = super().stop()
        self.origin.stop()
        return code

    def kill(self):
        super().kill()
        if self.origin:
            self.origin.kill()


class Origin(Nginx):
    def command(self):
        self.port = Port()
        return nginx_conf(self.dir / "nginx.conf", self.port, self.shared / "www", False)


class Haproxy(Behind):
    name = "haproxy"
    programs = ("haproxy", "nginx") + Web.programs
    packages = ("haproxy", "nginx-light") + Web.packages

    def command(self):
        self.port = Port()
        conf = self.dir / "haproxy.conf"
        conf.write_text(f"""
global
	nbthread 4
	maxconn 1000
defaults
	mode http
	timeout connect 60s
	timeout client 60s
	timeout server 60s
frontend front
	bind 127.0.0.1:{self.port}
	default_backend back
backend back
	server one 127.0.0.1:{self.origin.port}
""")
        return ["haproxy", "-db", "-f", str(conf)]


class Varnish(Behind):
    name = "varnish"
    programs = ("varnishd", "gcc", "nginx") + Web.programs
    packages = ("varnish", "gcc", "nginx-light") + Web.packages
    bad_words = ("Child .* died", "Panic", "Assert error")

    def command(self):
        self.port = Port()
        vcl = self.dir / "all.vcl"
        # Every fourth file comes from behind at each request.
        vcl.write_text(f"""vcl 4.1;
backend default {{ .host = "127.0.0.1"; .port = "{self.origin.port}"; }}
sub vcl_recv {{ if (req.url ~ "[26]$") {{ return (pass); }} }}
""")
        return ["varnishd", "-j", "none", "-F", "-n", str(self.dir / "work"), "-f", str(vcl),
                "-a", f"127.0.0.1:{self.port}", "-s", "malloc,64m", "-p", "thread_pools=2",
                "-p", "thread_pool_min=50"]


class Squid(Behind):
    name = "squid"
    programs = ("squid", "nginx") + Web.programs
    packages = ("squid", "nginx-light") + Web.packages
    bad_words = ("assertion failed", "FATAL")
    user = "proxy"

    def command(self):
        self.port = Port()
        conf = self.dir / "squid.conf"
        # All from disk, by the threads of aufs.
        conf.write_text(f"""
http_port 127.0.0.1:{self.port}
acl all_of_it src 127.0.0.1
http_access allow all_of_it
cache_dir aufs {self.dir}/cache 100 4 16
cache_mem 0 MB
maximum_object_size_in_memory 0 KB
refresh_pattern . 1440 100% 1440
access_log none
cache_log {self.dir}/cache.log
pid_filename {self.dir}/pid
coredump_dir {self.dir}
netdb_filename none
pinger_enable off
shutdown_lifetime 1 second
max_filedescriptors 4096
""")
        self.prefix = f"http://127.0.0.1:{self.origin.port}"
        self.own()
        run(["squid", "-N", "-z", "-f", str(conf)], 60, cwd=self.dir)
        return ["squid", "-N", "-f", str(conf)]


SERVERS = (Nginx, ApacheWorker, ApacheEvent, Haproxy, Varnish, Squid)
