# SPDX-License-Identifier: MIT
"""benchlib - what run, startup and cpu share: a clean environment, children
that cannot hang, and figures a person can read."""

import os
import pathlib
import platform
import resource
import signal
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

HANG_SECONDS = 30

# What would change a child's behaviour behind our back.
SCRUBBED = ("LD_PRELOAD", "GOMAXPROCS", "GODEBUG", "GOTHREADS", "GOGC", "GOFLAGS")


class Failed(Exception):
    """A child that crashed, hung, or said what it should not."""


def environment(**extra):
    env = {k: v for k, v in os.environ.items() if k not in SCRUBBED}
    env.update({k: str(v) for k, v in extra.items() if v is not None})
    return env


def preloaded(lib, procs=None):
    return environment(LD_PRELOAD=lib, GOMAXPROCS=procs)


def add_build_options(parser):
    default = pathlib.Path.cwd()
    if not (default / "tests/bench").is_dir():
        default = ROOT
    parser.add_argument("--build", type=pathlib.Path, default=default, metavar="DIR",
                        help="top of the build tree (default: %(default)s)")
    parser.add_argument("--lib", type=pathlib.Path, metavar="FILE",
                        help="the library to preload (default: .libs/libgothreads.so there)")


def library(options):
    lib = options.lib or options.build / ".libs/libgothreads.so"
    if not lib.is_file():
        sys.exit(f"{sys.argv[0]}: no library at {lib}")
    return str(lib.resolve())


def program(options, name):
    path = options.build / "tests/bench" / name
    if not os.access(path, os.X_OK):
        sys.exit(f"{sys.argv[0]}: {path} is not built")
    return str(path.resolve())


def how_it_ended(code):
    """None for success; else words. A negative code is a signal's number."""
    if code == 0:
        return None
    if code > 0:
        return f"exit status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def run(argv, env, stdin=None, stdout=subprocess.PIPE, cwd=None):
    """Run a child of its own process group to its end, HANG_SECONDS at most.
    Returns (wall seconds, CPU seconds, stdout, stderr); raises Failed. The CPU
    time is right only while the caller has no other children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    child = subprocess.Popen(argv, env=env, stdin=stdin or subprocess.DEVNULL,
                             stdout=stdout, stderr=subprocess.PIPE, cwd=cwd,
                             start_new_session=True)
    try:
        out, err = child.communicate(timeout=HANG_SECONDS)
    except BaseException as why:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        if isinstance(why, subprocess.TimeoutExpired):
            raise Failed(f"hangs: killed after {HANG_SECONDS} s") from None
        raise
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    err = err.decode(errors="replace").strip()
    ended = how_it_ended(child.returncode)
    if ended:
        last = err.splitlines()[-1] if err else ""
        raise Failed(f"{ended}; {last}" if last else ended)
    # ld.so goes on without a library that it cannot load, and says so here.
    if "cannot be preloaded" in err:
        raise Failed(err.splitlines()[0])
    return wall, used, out, err


def check_active(bench, lib):
    """Every figure below would be a lie were the library loaded and idle: 100
    parked threads must not be 101 kernel threads."""
    try:
        out = run([bench, "tasks", "100"], preloaded(lib))[2]
        tasks = float(out)
    except (Failed, ValueError) as why:
        return f"the library does not run 'bench tasks 100': {why}"
    if tasks > 60:
        return f"the library is loaded but not active: {tasks:.0f} kernel threads for 101"
    return None


def figure(value, unit="ns"):
    """Three digits or so, and the unit that suits."""
    if value is None:
        return "-"
    steps = {"ns": ("ns", "µs", "ms", "s"), "B": ("B", "kB", "MB", "GB")}.get(unit)
    if not steps:
        return f"{value:.0f} {unit}".strip()
    sign, value = ("-", -value) if value < 0 else ("", value)
    for name in steps:
        if value < 999.5 or name == steps[-1]:
            break
        value /= 1000
    digits = 0 if value >= 99.95 or (name == "B") else 1 if value >= 9.995 else 2
    return f"{sign}{value:.{digits}f} {name}"


def ratio(pairs):
    """The median of one/two over pairs measured side by side."""
    pairs = [(a, b) for a, b in pairs if a is not None and b]
    if not pairs:
        return "-"
    value = statistics.median(a / b for a, b in pairs)
    return f"{value:.0f}×" if value >= 99.5 else f"{value:.1f}×" if value >= 9.95 else f"{value:.2f}×"


class Table:
    """A Markdown table whose rows appear as they are measured."""

    def __init__(self, *columns):
        self.widths = [w for _, w in columns]
        self.row(*(name for name, _ in columns))
        print("|" + "|".join("-" * (w + 1) + ("-" if i == 0 else ":")
                             for i, w in enumerate(self.widths)) + "|", flush=True)

    def row(self, first, *cells):
        cells = [f"{first:<{self.widths[0]}}"] + [
            f"{c:>{w}}" for c, w in zip(cells, self.widths[1:])]
        print("| " + " | ".join(cells) + " |", flush=True)


def machine():
    load = " ".join(f"{x:.2f}" for x in os.getloadavg())
    cpu = platform.processor() or platform.machine()
    try:
        for line in open("/proc/cpuinfo", encoding="ascii", errors="replace"):
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    return (f"{cpu}, {len(os.sched_getaffinity(0))} CPUs, Linux {platform.release()}, "
            f"load {load}")
