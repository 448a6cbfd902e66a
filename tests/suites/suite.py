# SPDX-License-Identifier: MIT
"""suite.py - how a test suite that is not ours is run natively and preloaded

A suite is a set of programs that check themselves.  What passes natively, in two runs, is what the
library must let pass: a test that then fails preloaded is a failure.  Which tests of a suite cannot
pass under any preloaded library stands in SUITE.excused, a line each: a name, and the reason.

A test runs in an empty folder of its own, in a session of its own, with /dev/null for input and one
log for both outputs.  Its worker adopts whatever processes it leaves behind, and kills them when it
has ended or its time is up.  Preloaded it has twice the time that it has natively.  Nothing is
tried again preloaded.  A test that fails preloaded runs natively three times more, so that its line
can say what the machine of now makes of it; it only leaves the baseline when it fails natively too,
in most of them.

What a run leaves, in the suite's folder below --build:

	native.tsv      what a test does natively: name, verdict, seconds; native-some.tsv of --some
	procs-N.tsv     what it does preloaded at GOMAXPROCS=N, the same way: those that pass natively
	some-N.tsv      the same of --some; only-N.tsv of --only
	log/native, log/procs-N
	                what each test printed last

Results are written as they come.  With --resume a run goes on where the one before it was cut off,
if the library is still the same.
"""
import argparse
import collections
import concurrent.futures
import ctypes
import hashlib
import multiprocessing
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
PASS = "PASS"
SHOWN = 5           # last lines of a failed test's log in what the run prints
NATIVE_RUNS = 3     # of a test that failed preloaded


class Case(collections.namedtuple("Case", "name argv env limit judge files",
                                  defaults=({}, 20, None, ()))):
    """A test.  limit: seconds natively.  judge(status, output): its verdict, if the exit status alone
    does not say it.  files: empty files that are in its folder."""


def by_status(status, _output=""):
    """The verdict of an exit status as subprocess gives it."""
    if status < 0:
        return "SIG%d" % -status
    return {0: PASS, 77: "SKIP"}.get(status, "FAIL")


# ---- running one test, in a worker process ----

def worker_init():
    """A worker whose runner is gone takes its test with it."""
    def end(*_):
        kill_children()
        os._exit(1)
    # Not SIG_IGN, which the tests would inherit: the runner is who an interrupt is for.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, end)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def kill_children():
    """Kills and reaps until no child is left: those of the killed become ours."""
    while True:
        with open("/proc/self/task/%d/children" % os.getpid()) as f:
            for pid in f.read().split():
                os.kill(int(pid), signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def run_case(case, log, library, procs):
    """Runs a test; its name, verdict and seconds."""
    env = {k: v for k, v in os.environ.items()
           if k not in ("LD_PRELOAD", "GOMAXPROCS", "GODEBUG", "GOTHREADS")}
    # Short, for it has to hold sockets; and open to the other users that tests become.
    folder = tempfile.mkdtemp(prefix="gt", dir="/tmp")
    os.chmod(folder, 0o777)
    for name in case.files:
        open(os.path.join(folder, name), "w").close()
    env.update(case.env, TMPDIR=folder)
    limit = case.limit
    if library:
        limit *= 2
        env.update(LD_PRELOAD=library, GOMAXPROCS=str(procs))
    # glibc's test driver has a limit of its own, and says more when it is up.
    env["TIMEOUTFACTOR"] = "2" if library else "1"
    begin = time.monotonic()
    with open(log, "wb") as out:
        child = subprocess.Popen(case.argv, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=out,
                                 stderr=subprocess.STDOUT, start_new_session=True)
        try:
            status = child.wait(limit + 5)
        except subprocess.TimeoutExpired:
            status = None
            child.kill()
            child.wait()
    seconds = time.monotonic() - begin
    kill_children()
    shutil.rmtree(folder, ignore_errors=True)
    with open(log, errors="replace") as f:
        output = f.read()
    if "cannot be preloaded" in output:     # of which the loader only warns
        verdict = "NOTLOADED"
    elif status is None or "Timed out: killed the child process" in output:
        verdict = "TIMEOUT"
    else:
        verdict = (case.judge or by_status)(status, output)
    return case.name, verdict, seconds


# ---- running many ----

class Results:
    """A file of results: a heading, then name, verdict and seconds of each test as it ends."""

    def __init__(self, path, heading="", resume=False):
        self.path, self.rows = path, {}
        heading = "# " + heading + "\n"
        if resume and os.path.exists(path):
            with open(path) as f:
                if f.readline() == heading:
                    self.rows = {r[0]: (r[1], float(r[2])) for r in map(str.split, f) if len(r) == 3}
        self.file = open(path, "w")
        self.file.write(heading)
        for name, (verdict, seconds) in self.rows.items():
            self.write(name, verdict, seconds)

    def write(self, name, verdict, seconds):
        self.file.write("%s\t%s\t%.2f\n" % (name, verdict, seconds))
        self.file.flush()

    def add(self, name, verdict, seconds):
        self.rows[name] = verdict, seconds
        self.write(name, verdict, seconds)


class Suite:
    def __init__(self, name, options):
        self.name, self.options = name, options
        self.folder = os.path.join(os.path.abspath(options.build), name)
        os.makedirs(self.folder, exist_ok=True)
        self.excused = read_excused(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                                 name + ".excused"))

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def run(self, cases, tag, library=None, procs=0, jobs=None):
        """Runs tests; gives name, verdict and seconds as they come."""
        logs = self.path("log", tag)
        os.makedirs(logs, exist_ok=True)
        if not cases:
            return
        ex = concurrent.futures.ProcessPoolExecutor(jobs or self.options.jobs, initializer=worker_init,
                                                    mp_context=multiprocessing.get_context("fork"))
        try:
            # The long ones first: none is left to run alone at the end.
            order = sorted(cases, key=lambda c: -c.limit)
            for f in concurrent.futures.as_completed(
                    [ex.submit(run_case, c, os.path.join(logs, c.name), library, procs) for c in order]):
                yield f.result()
        finally:
            ex.shutdown(cancel_futures=True)

    def find_baseline(self, cases):
        """The names of what passes natively, in two runs.  What fails one of them gets another chance,
        of two runs with nothing beside them.  For --some a run is enough."""
        some = self.options.some
        results = Results(self.path("native-some.tsv" if some else "native.tsv"), resume=True)
        left = [c for c in cases if c.name not in results.rows]
        if left:
            say("%s: finding what passes natively: %d tests" % (self.name, len(left)))
        for jobs in (self.options.jobs, 1):
            bad = {}
            passed = left
            for _ in range(1 if some else 2):
                passing = {}
                for name, verdict, seconds in self.run(passed, "native", jobs=jobs):
                    (passing if verdict == PASS else bad)[name] = verdict, seconds
                passed = [c for c in passed if c.name in passing]
            for name, result in passing.items():
                results.add(name, *result)
            left = [c for c in left if c.name in bad and bad[c.name][0] != "SKIP"]
            for name, result in bad.items():
                if jobs == 1 or result[0] == "SKIP":
                    results.add(name, *result)
        return {name for name, (verdict, _) in results.rows.items() if verdict == PASS}

    def run_preloaded(self, cases, procs):
        """One GOMAXPROCS; whether all failures are excused."""
        options = self.options
        tag = "procs-%d" % procs
        kind = "only" if options.only else "some" if options.some else "procs"
        with open(options.lib, "rb") as f:
            heading = "%s %s" % (tag, hashlib.sha1(f.read()).hexdigest())
        results = Results(self.path("%s-%d.tsv" % (kind, procs)), heading, options.resume)
        by_name = {c.name: c for c in cases}
        say("%s: GOMAXPROCS=%d: %d tests" % (self.name, procs, len(cases)))
        left = [c for c in cases if c.name not in results.rows]
        for name, verdict, seconds in self.run(left, tag, os.path.abspath(options.lib), procs):
            results.add(name, verdict, seconds)
        passed, failed, excused = 0, [], []
        for name, (verdict, seconds) in sorted(results.rows.items()):
            if name not in by_name:
                continue
            if verdict == PASS:
                passed += 1
                if name in self.excused:
                    say("%s: GOMAXPROCS=%d: %s passes though it is excused" % (self.name, procs, name))
            else:
                (excused if name in self.excused else failed).append(name)
        native = collections.defaultdict(list)
        for _ in range(NATIVE_RUNS):
            for name, verdict, _ in self.run([by_name[n] for n in failed], "native"):
                native[name].append(verdict)
        for name in list(failed):
            good = native[name].count(PASS)
            verdict, seconds = results.rows[name]
            say("%s: %s: GOMAXPROCS=%d: %s, %.1f s; natively %d of %d passed" %
                ("FAILED" if good * 2 > NATIVE_RUNS else "unsteady", name, procs, verdict, seconds, good,
                 NATIVE_RUNS))
            show_end(self.path("log", tag, name))
            if good * 2 < NATIVE_RUNS:
                failed.remove(name)
                results.add(name, "UNSTEADY", seconds)
        for name in excused:
            say("excused: %s: GOMAXPROCS=%d: %s: %s" % (name, procs, results.rows[name][0],
                                                        self.excused[name]))
        say("%s: GOMAXPROCS=%d: %d passed, %d failed%s" %
            (self.name, procs, passed, len(failed),
             ", %d excused" % len(excused) if excused else ""))
        return passed, len(failed)


def say(text):
    print(text, flush=True)


def show_end(log):
    with open(log, errors="replace") as f:
        for line in f.read().splitlines()[-SHOWN:]:
            say("    " + re.sub(r"[^\x20-\x7e]", "?", line)[:150])


def read_excused(path):
    excused = {}
    with open(path) as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                name, _, reason = line.strip().partition(" ")
                if not reason.strip():
                    sys.exit("%s: %s: an excuse needs its reason" % (path, name))
                excused[name] = reason.strip()
    return excused


def check_library(path):
    """Or the loader would warn, and all tests would compare native with native."""
    if not os.access(path, os.R_OK):
        sys.exit("%s: no library there: make builds it" % path)
    run = subprocess.run(["/bin/true"], env=dict(os.environ, LD_PRELOAD=os.path.abspath(path)), text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if run.returncode or run.stdout:
        sys.exit("%s: cannot be preloaded: %s" % (path, run.stdout.strip()))


def positive(text):
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def values_of_procs(text):
    return [positive(n) for n in re.split("[ ,]+", text.strip())]


def options(description):
    env = os.environ.get
    top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    p = argparse.ArgumentParser(description=description)
    p.add_argument("--build", default=top + "/tests/suites/build", metavar="DIR",
                   help="where tests are built and results are left")
    p.add_argument("--lib", default=top + "/.libs/libgothreads.so", metavar="FILE",
                   help="the library")
    p.add_argument("--procs", default=env("PROCS") or "1,2,8", metavar="N,...",
                   type=values_of_procs,
                   help="values of GOMAXPROCS (PROCS; %(default)s)")
    p.add_argument("--jobs", default=env("JOBS") or os.cpu_count(), type=positive, metavar="N",
                   help="tests at a time (JOBS; %(default)s)")
    p.add_argument("--only", default=env("ONLY") or "", metavar="REGEX",
                   help="the tests whose name has this in it (ONLY)")
    p.add_argument("--some", action="store_true", help="a selection that takes a few minutes")
    p.add_argument("--resume", action="store_true", default=bool(env("RESUME")),
                   help="go on with a run that was cut off (RESUME=1)")
    p.add_argument("--prepare", action="store_true",
                   help="build, and find what passes natively; no more")
    return p.parse_args()


def main(name, description, build, cases, some):
    """build(suite, wanted) builds what wanted(NAME) says; cases(suite) are those that it built;
    some(NAME): whether it belongs to --some."""
    opts = options(description)
    suite = Suite(name, opts)

    def wanted(test):
        return bool(re.search(opts.only, test)) and (not opts.some or some(test))

    build(suite, wanted)
    chosen = [c for c in cases(suite) if wanted(c.name)]
    base = suite.find_baseline(chosen)
    chosen = [c for c in chosen if c.name in base]
    say("%s: %d tests pass natively" % (name, len(chosen)))
    if opts.prepare:
        sys.exit(not chosen)
    check_library(opts.lib)
    passed = failed = 0
    for procs in opts.procs:
        p, f = suite.run_preloaded(chosen, procs)
        passed, failed = passed + p, failed + f
    say("%d passed, %d failed" % (passed, failed))
    sys.exit(failed > 0 or passed == 0)
