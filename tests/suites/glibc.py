# SPDX-License-Identifier: MIT
"""glibc.py - glibc's own tests of threads, and of what threads stand on, natively and preloaded

The sources are Debian's package glibc-source, those of the libc that is installed.  Its makefiles
say which tests there are, their flags, arguments and environment; they are read, not run: building
glibc itself would take longer than all of its tests, and what is to be tested is the installed one.
Tests that need an internal header or symbol that no installed libc has do not build, and are not
counted.
"""
import concurrent.futures
import glob
import os
import re
import shlex
import shutil
import subprocess
import sys

import suite as suites

TARBALL = "/usr/src/glibc/glibc-*.tar.xz"
LEFT_OUT = "localedata po manual benchtests locale iconvdata timezone math soft-fp".split()

# Folders whose tests all count; and those of which only the tests do whose source speaks of threads,
# processes, signals, or waiting.
WHOLE = ["nptl", "sysdeps/pthread", "rt", "signal", "setjmp"]
PARTS = ["sysdeps/unix/sysv/linux", "posix", "malloc", "stdlib", "time", "socket", "libio",
         "stdio-common", "misc", "debug", "elf", "dlfcn", "io", "resolv"]
SPEAKS = re.compile(r"\b(x?pthread_\w+|thrd_\w+|v?x?fork|x?posix_spawnp?|raise|abort|alarm|x?waitpid|popen|system"
                    r"|exec[lv]\w*|(clock_)?nanosleep|p?select|p?poll|epoll_\w+|clone3?|gettid|tgkill|atexit"
                    r"|x?accept4?) \("
                    r"|#include <(pthread|threads|signal|sched|semaphore|mqueue|spawn|setjmp|ucontext"
                    r"|sys/(wait|timerfd|signalfd|eventfd|epoll))\.h>|#include \"test-\S*exit-race-common.c\"")

# Variables of the makefiles whose words are tests.
LISTS = ["tests", "tests-internal", "tests-nolibpthread", "tests-container", "xtests"]

# Not for this libc, or not by a preloaded library's fault.
NEVER = {
    "tst-cleanup4": "links with symbols that glibc no longer has",
    "tst-cleanupx4": "links with symbols that glibc no longer has",
    "tst-compat-forwarder": "links with symbols that glibc no longer has",
    "tst-eintr1": "makes threads until the kernel refuses, and so fails what runs beside it",
    "tst-pthread-gdb-attach": "needs gdb",
    "tst-setuid2": "makes a thread by a clone of its own, and changes glibc's lists of threads",
}

# What the makefiles compute with rules of their own.
MODULES_OF = {"tst-single_threaded-pthread": ["tst-single_threaded-mod1"]}

# Headers of glibc's inside of which tests use a little.
HEADERS = {
    "config.h": "#define HAVE_TUNABLES 1\n",
    "libc-config.h": "",
    "descr.h": "",
    # An alignment of 1 turns a test of the thread control block's place into none.
    "pthreaddef.h": "#define TCB_ALIGNMENT 1\n",
    "shlib-compat.h": "#define TEST_COMPAT(lib, from, to) 0\n",
    "allocate_once.h": """
static inline void *allocate_once(void **place, void *(*make)(void *), void (*drop)(void *, void *), void *arg)
{
	if (!*place)
		*place = make(arg);
	return *place;
}
""",
    "atomic.h": "".join("#define atomic_%s(%s) %s\n" % line for line in [
        ("load_relaxed", "p", "__atomic_load_n(p, __ATOMIC_RELAXED)"),
        ("store_relaxed", "p, v", "__atomic_store_n(p, v, __ATOMIC_RELAXED)"),
        ("exchange_relaxed", "p, v", "__atomic_exchange_n(p, v, __ATOMIC_RELAXED)"),
        ("fetch_add_acquire", "p, v", "__atomic_fetch_add(p, v, __ATOMIC_ACQUIRE)"),
        ] + [
        ("compare_exchange_weak_" + order, "p, old, new",
         "__atomic_compare_exchange_n(p, old, new, 1, __ATOMIC_%s, __ATOMIC_RELAXED)" % order.upper())
        for order in ("relaxed", "acquire", "release")]),
}

# The selection of --some: the tests of these kinds of things, but for those that take longer than a
# second or two.
SOME = (r"tst-(mutex|mutexpi|cond|rwlock|sem|barrier|spin|join|once|key|tsd|attr|detach|exit|basic|fork"
        r"|cancel|cleanup|signal|kill|robust|robustpi|thrd-|mtx-|cnd-|tss-|sched|clock|stack|exec|popen|flock"
        r"|atfork|mqueue|timer|aio|shm)-?[a-z0-9]{1,8}")
SLOW = set("""tst-aio5 tst-aio6 tst-aio9 tst-aio10 tst-cancel4 tst-cancel5 tst-cancel19 tst-cancel20 tst-cancel21
    tst-cancel22 tst-cancel29 tst-cancelx4 tst-cancelx5 tst-cancelx20 tst-cancelx21 tst-cond-except
    tst-cond11 tst-cond15 tst-cond16 tst-cond17 tst-cond18 tst-exit3 tst-mqueue2 tst-mqueue4 tst-mutex5
    tst-mutex5a tst-mutex9 tst-mutexpi5 tst-mutexpi5a tst-mutexpi7 tst-mutexpi7a tst-mutexpi9 tst-once2
    tst-once4 tst-oncex4 tst-oncey4 tst-robust-fork tst-robust9 tst-robustpi9 tst-rwlock-pwn tst-rwlock6
    tst-rwlock7 tst-rwlock16 tst-rwlock20 tst-signal1 tst-spin4 tst-thrd-detach tst-thrd-sleep tst-timer4
    tst-timer5""".split())


# ---- what the makefiles say ----

class Makefile:
    def __init__(self, path):
        with open(path) as f:
            text = f.read().replace("\\\n", " ")
        self.variables, self.needs = {}, {}
        for line in text.splitlines():
            m = re.match(r"([\w.+<-]+)\s*[:+?]?=\s*(.*)", line)
            if m:
                self.variables.setdefault(m[1], []).append(re.sub(r" +#.*", "", m[2]))
                continue
            m = re.match(r"\$\(objpfx\)([\w.-]+):\s*(.*)", line)
            if m:
                self.needs.setdefault(m[1], []).extend(re.findall(r"\$\(objpfx\)([\w-]+)\.so", m[2]))

    def value(self, name, known={}):
        """A variable with all its += lines, whatever their conditions; unknown ones are empty."""
        def expand(m):
            return known[m[1]] if m[1] in known else self.value(m[1], known)
        text = " ".join(self.variables.get(name, []))
        return re.sub(r"\$\(([\w.<-]+)\)", expand, text)

    def words(self, *names):
        return [w for n in names for w in self.value(n).split()]


class Test:
    def __init__(self, name, source, makefile):
        self.name, self.source, self.makefile = name, source, makefile

    def setting(self, kind, known):
        return self.makefile.value("%s-%s" % (self.name, kind), known) if self.makefile else ""

    def limit(self):
        with open(self.source, errors="replace") as f:
            m = re.search(r"^# *define TIMEOUT +\(?(\d+)\)?", f.read(), re.M)
        return min(max(int(m[1]) if m else 20, 20), 60)


class Sources:
    """The unpacked sources, and the tests in them."""

    def __init__(self, top):
        self.top = top
        self.makefiles = {d: Makefile("%s/%s/Makefile" % (top, d)) for d in WHOLE + PARTS}
        self.tests, self.modules = {}, {}
        for folder, makefile in self.makefiles.items():
            skipped = set(makefile.words("tests-static", "xtests-static", "tests-printers", "tests-time64"))
            for word in makefile.words(*LISTS):
                source = self.source(folder, word)
                if (re.match(r"(tst|test)-", word) and source and word not in skipped | set(NEVER) and
                        not re.search(r"-(static|time64)$", word) and word not in self.tests and
                        not re.match("tst-(audit|rtld|ldconfig|glibc-hwcaps)", word) and
                        (folder in WHOLE or self.speaks(source))):
                    self.tests[word] = Test(word, source, makefile)
            for word in makefile.words("modules-names"):
                source = self.source(folder, word)
                if source:
                    self.modules[word] = source, makefile

    def source(self, folder, name):
        for d in [folder] + WHOLE + PARTS:
            for suffix in (".c", ".cc"):
                path = "%s/%s/%s%s" % (self.top, d, name, suffix)
                if os.path.exists(path):
                    return path
        return None

    def modules_of(self, tests):
        """What the tests are linked with, or name in their sources; and what those need."""
        found = set()
        for test in tests:
            with open(test.source, errors="replace") as f:
                found.update(re.findall(r"[\w-]+", f.read()))
            found.update(MODULES_OF.get(test.name, []))
            for target in (test.name, test.name + ".out"):
                found.update(test.makefile.needs.get(target, []))
        found &= set(self.modules)
        for name in list(found):
            found.update(self.modules[name][1].needs.get(name + ".so", []))
        return sorted(found & set(self.modules))

    @staticmethod
    def speaks(source):
        with open(source, errors="replace") as f:
            return bool(SPEAKS.search(f.read()))


# ---- building ----

class Builder:
    def __init__(self, suite):
        self.path = suite.path
        self.src = suite.path("src")
        self.jobs = max(suite.options.jobs, os.cpu_count())

    def unpack(self):
        done = self.path("unpacked")
        if os.path.exists(done):
            return
        found = glob.glob(TARBALL)
        if not found:
            sys.exit("glibc's sources are missing: Debian package glibc-source")
        shutil.rmtree(self.src, ignore_errors=True)
        os.makedirs(self.src)
        subprocess.check_call(["tar", "-C", self.src, "--strip-components=1", "-xf", found[-1]] +
                              ["--exclude=glibc-*/" + d for d in LEFT_OUT])
        os.makedirs(self.path("include"), exist_ok=True)
        for name, text in HEADERS.items():
            with open(self.path("include", name), "w") as f:
                f.write(text)
        open(done, "w").close()

    def compiler(self, source):
        src = self.src
        flags = ["-O2", "-w", "-D_GNU_SOURCE", "-D_ISOMAC", "-DTIMEOUTFACTOR=1", '-DOBJPFX="./"',
                 "-include", "limits.h", "-I" + self.path("include"), "-I" + src + "/support"]
        for d in ("include", ".", "sysdeps/x86_64", "sysdeps/x86", "sysdeps/generic"):
            flags += ["-idirafter", os.path.join(src, d)]
        for d in ["nptl", "sysdeps/pthread", "rt", "posix", "sysdeps/unix/sysv/linux"]:
            flags += ["-iquote", os.path.join(src, d)]
        # What glibc's own headers say to its own sources.
        flags += ["-Dlibc_hidden_proto(name,...)=", "-Dlibc_hidden_def(name)=", "-D__set_errno(e)=(errno = (e))",
                  '-Dattribute_hidden=__attribute__((visibility("hidden")))']
        for name, path in dict(SRCDIR="/", OBJDIR="/", INSTDIR="/usr", LIBDIR="/usr/lib", BINDIR="/usr/bin",
                               SBINDIR="/usr/sbin", SLIBDIR="/lib", ROOTSBINDIR="/sbin",
                               COMPLOCALEDIR="/usr/lib/locale",
                               OBJDIR_ELF_LDSO="/lib64/ld-linux-x86-64.so.2").items():
            flags.append('-D%s_PATH="%s"' % (name, path))
        if source.endswith(".cc"):
            return ["g++", "-std=gnu++11"] + flags
        return ["gcc", "-std=gnu11", "-fgnu89-inline"] + flags

    def compile_all(self, jobs):
        """jobs: a target, and the command that makes it.  What did not build leaves TARGET.failed, with
        the compiler's word, and is not tried again."""
        def one(target, command):
            if os.path.exists(target) or os.path.exists(target + ".failed"):
                return
            run = subprocess.run(command + ["-o", target + ".new"], stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True, errors="replace")
            if run.returncode == 0:
                os.rename(target + ".new", target)
            elif run.returncode > 0:
                with open(target + ".failed", "w") as f:
                    f.write(shlex.join(command) + "\n" + run.stdout)
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as ex:
            list(ex.map(lambda job: one(*job), jobs))

    def support(self, sources):
        """glibc's library for its tests."""
        library = self.path("lib", "libsupport.a")
        os.makedirs(self.path("lib"), exist_ok=True)
        if os.path.exists(library):
            return
        files = ["%s/support/%s.c" % (self.src, n)
                 for n in Makefile(self.src + "/support/Makefile").words("libsupport-routines")]
        files.append(self.src + "/malloc/scratch_buffer_grow.c")
        objects = [self.path("lib", os.path.basename(f)[:-2] + ".o") for f in files]
        self.compile_all([(o, self.compiler(f) + ["-c", f]) for f, o in zip(files, objects)])
        subprocess.check_call(["ar", "rcs", library] + [o for o in objects if os.path.exists(o)])

    def exe(self, name):
        return self.path("bin", name)

    def flags(self, name, source, makefile):
        suffix = os.path.splitext(source)[1]
        known = {"stack-align-test-flags": ""}
        if name.startswith("tst-initializers1-"):
            return ["-std=" + name.rpartition("-")[2]]
        return [f for v in ("CFLAGS-%s%s" % (name, suffix), "CFLAGS-%s.o" % name)
                for f in makefile.value(v, known).split() if f.startswith("-f") or f.startswith("-std")]

    def build_modules(self, sources, names):
        def job(name):
            source, makefile = sources.modules[name]
            needed = [self.exe(n + ".so") for n in makefile.needs.get(name + ".so", [])]
            return self.exe(name + ".so"), self.compiler(source) + self.flags(name, source, makefile) + \
                ["-fPIC", "-shared", "-Wl,-soname,%s.so" % name, "-Wl,-rpath,$ORIGIN", source] + needed + \
                [self.path("lib", "libsupport.a")]
        names = [n for n in names if n in sources.modules]
        alone = [n for n in names if not sources.modules[n][1].needs.get(n + ".so")]
        self.compile_all(map(job, alone))
        self.compile_all(map(job, [n for n in names if n not in alone]))

    def build_tests(self, sources, tests):
        def job(test):
            modules = test.makefile.needs.get(test.name, []) + MODULES_OF.get(test.name, [])
            modules = [self.exe(m + ".so") for m in modules]
            execstack = ["-Wl,-z,noexecstack"] if test.name == "tst-execstack" else []
            return self.exe(test.name), self.compiler(test.source) + \
                self.flags(test.name, test.source, test.makefile) + execstack + \
                ["-rdynamic", "-pthread", "-Wl,--no-as-needed", "-Wl,-rpath,$ORIGIN", test.source] + \
                modules + [self.path("lib", "libsupport.a"), "-lm"]
        self.compile_all(map(job, tests))


def build(suite, wanted):
    builder = Builder(suite)
    builder.unpack()
    suite.sources = sources = Sources(builder.src)
    os.makedirs(suite.path("bin"), exist_ok=True)
    suites.say("glibc: building")
    builder.support(sources)
    tests = [t for t in sources.tests.values() if wanted(t.name)]
    builder.build_modules(sources, sources.modules_of(tests))
    builder.build_tests(sources, tests)
    copies = suite.path("bin", "tst-stack4mod-19-19.so")
    if os.path.exists(suite.path("bin", "tst-stack4mod.so")) and not os.path.exists(copies):
        for i in range(20):
            for j in range(20):
                shutil.copy(suite.path("bin", "tst-stack4mod.so"),
                            suite.path("bin", "tst-stack4mod-%d-%d.so" % (i, j)))


# ---- running ----

def cases(suite):
    for test in suite.sources.tests.values():
        exe = suite.path("bin", test.name)
        if not os.path.exists(exe):
            continue
        known = {"host-test-program-cmd": exe, "objpfx": suite.path("bin") + "/", "..": suite.sources.top + "/"}
        args = test.setting("ARGS", known)
        env = dict(v.split("=", 1) for v in shlex.split(test.setting("ENV", known)) if "=" in v)
        # Traces of malloc are for another test, which reads them.
        env = {k: v for k, v in env.items() if k not in ("MALLOC_TRACE", "LD_PRELOAD")}
        yield suites.Case(test.name, [exe] + shlex.split(args), env, test.limit(), None, ["Makefile"])


suites.main("glibc", "runs glibc's own tests of threads natively and preloaded", build, cases,
            lambda name: bool(re.fullmatch(SOME, name)) and name not in SLOW)
