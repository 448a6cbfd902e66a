# SPDX-License-Identifier: MIT
"""python.py - CPython's own tests of threads, processes, signals, sockets and files, natively and preloaded

The tests are Debian's package libpython3.11-testsuite, run by Debian's python3.11 and Python's own
driver of tests.  What is one test here is a class of theirs: what hangs or crashes costs its class
only.  A class of which every test is skipped is not counted.
"""
import concurrent.futures
import json
import os
import re
import subprocess

import suite as suites

PYTHON = "/usr/bin/python3.11"
LIMIT = 120     # seconds for a class

# The selection of --some.
SOME_MODULES = """test_thread test_threading test_threading_local test_threadsignals test_threadedtempfile test_queue
    test_signal test_sched test_fork1 test_wait3 test_wait4 test_popen test_select test_poll test_epoll
    test_selectors test_atexit""".split()
MODULES = SOME_MODULES + """test_importlib.test_threaded_import test_concurrent_futures test_context
    test_socket test_socketserver test_asyncio test_asyncore test_asynchat test_subprocess test_faulthandler
    test_ssl test_httplib test_httpservers test_urllib2_localnet test_ftplib test_smtplib test_poplib
    test_imaplib test_telnetlib test_xmlrpc test_logging test_os test_posix test_pty test_openpty test_time
    test_timeout test_io test_gc test_weakref test_multiprocessing_main_handling
    test_multiprocessing_fork test_multiprocessing_forkserver""".split()

# Classes that are not run, and why.
NEVER = {
    "test_socket.ThreadedVSOCKSocketStreamTest": "waits for ever where a virtual machine has no vsock loopback",
}


def driver(module, *args):
    # test_socketserver calls the loopback a network, and asks for leave to use it.
    leave = ["-u", "network"] if module == "test_socketserver" else []
    return [PYTHON, "-m", "test", *leave, *args, module]


def classes_of(module):
    """The classes of a module of tests, by their full names."""
    run = subprocess.run(driver(module, "--list-cases"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         stdin=subprocess.DEVNULL, text=True, errors="replace")
    found = re.findall(r"^((?:\w+\.)+\w+)\.\w+$", run.stdout, re.M)
    return list(dict.fromkeys(found))


def short_name(module, full):
    """test_threading.LockTests for test.test_threading.LockTests; a class that comes from elsewhere, or
    is of a part of a package of tests, still begins with the module that runs it."""
    name = full[len("test."):] if full.startswith("test.") else full
    return name if name.startswith(module) else module + "." + name


def build(suite, wanted):
    """Lists the classes, once."""
    listing = suite.path("classes.json")
    known = {}
    if os.path.exists(listing):
        with open(listing) as f:
            known = json.load(f)
    modules = SOME_MODULES if suite.options.some else MODULES
    missing = [m for m in modules if m not in known]
    with concurrent.futures.ThreadPoolExecutor(suite.options.jobs) as ex:
        for module, classes in zip(missing, ex.map(classes_of, missing)):
            if not classes:
                suites.say("python: %s lists no tests" % module)
            known[module] = classes
    with open(listing + ".new", "w") as f:
        json.dump(known, f)
    os.rename(listing + ".new", listing)
    suite.classes = {m: known[m] for m in modules}


def judge(status, output):
    if status < 0:
        return suites.by_status(status)
    ran = sum(map(int, re.findall(r"^Ran (\d+) test", output, re.M)))
    skipped = sum(map(int, re.findall(r"^OK \(.*?skipped=(\d+)", output, re.M)))
    if status == 0 and ran <= skipped:
        return "SKIP"
    return suites.PASS if status == 0 and "Tests result: SUCCESS" in output else "FAIL"


def cases(suite):
    for module, classes in suite.classes.items():
        for full in classes:
            name = short_name(module, full)
            if name not in NEVER:
                yield suites.Case(name, driver(module, "-v", "-m", full + ".*"), {}, LIMIT, judge)


suites.main("python", "runs CPython's own tests natively and preloaded", build, cases,
            lambda name: name.split(".")[0] in SOME_MODULES)
