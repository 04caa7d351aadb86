# SPDX-License-Identifier: Apache-2.0
"""The suites: where each comes from, how a part of it is run, how its results read.

A part is what one process runs: a module, a file, a test. What can be told of it is a dictionary,
name of a test → outcome; `(exit)` is how the process ended."""

import collections
import dataclasses
import os
import pathlib
import re
import shutil
import typing
import xml.etree.ElementTree as tree

import debian

PYTHON = "/usr/bin/python3.11"
# Not test_multiprocessing_forkserver: its server takes the shorter `test` that Debian's python has
# of its own for the suite's, and the module then waits for ever, untraced too.
PYTHON_MODULES = """
    test_asyncore test_asynchat test_asyncio test_atexit test_concurrent_futures test_epoll
    test_faulthandler test_fcntl test_file_eintr test_fileio test_fork1 test_ftplib test_httplib
    test_httpservers test_imaplib test_io test_multiprocessing_fork
    test_multiprocessing_main_handling test_openpty test_os test_pipes test_poll test_popen
    test_poplib test_posix test_pty test_resource test_select test_selectors test_shutil
    test_signal test_smtplib test_socket test_socketserver test_ssl test_subprocess
    test_telnetlib test_tempfile test_thread test_threadedtempfile test_threading
    test_threadsignals test_timeout test_urllib test_urllib2 test_urllib2_localnet
    test_urllib_response test_wait3 test_wait4 test_wsgiref test_xmlrpc""".split()
# They wait for ever: where the machine has VSOCK, but nobody on its other side; and in an isolated
# process (-I), whose `test` is again Debian's own.
PYTHON_LEFT_OUT = ["*VSOCK*", "*test_4_daemon_threads*"]
RUBY_FILES = """
    test/socket/*.rb test/io/*/*.rb test/net/*/test_*.rb test/openssl/test_ssl*.rb
    test/openssl/test_pair.rb test/drb/test_*.rb test/ruby/test_io*.rb test/ruby/test_process.rb
    test/ruby/test_signal.rb test/ruby/test_thread*.rb test/ruby/test_beginendblock.rb
    test/ruby/test_pipe.rb test/ruby/test_system.rb test/fiber/test_*.rb
    test/test_open3.rb test/test_pty.rb test/test_timeout.rb test/open-uri/test_*.rb
    test/resolv/test_*.rb""".split()
PHP_FOLDERS = """
    ext/sockets/tests ext/pcntl/tests ext/posix/tests ext/openssl/tests sapi/cli/tests
    ext/standard/tests/network ext/standard/tests/http ext/standard/tests/streams
    ext/standard/tests/general_functions""".split()
PERL_FILES = """
    t/io/*.t t/op/alarm.t t/op/die_exit.t t/op/exec.t t/op/fork.t t/op/getpid.t t/op/getppid.t
    t/op/kill0.t t/op/magic.t t/op/readline.t t/op/select.t t/op/sigdispatch.t t/op/sleep.t
    t/op/sselect.t t/op/stat.t t/op/sysio.t t/op/threads.t t/op/exit.t t/op/eval.t t/op/print.t
    t/op/filetest.t t/op/time.t t/op/chdir.t t/op/glob.t""".split()


@dataclasses.dataclass
class Suite:
    name: str
    fill: typing.Callable  # (archive, folder in the cache): fetches and builds
    place: typing.Callable  # (folder in the cache, folder of the run): what runs need
    parts: typing.Callable  # (folder of the run) → names
    command: typing.Callable  # (folder of the run, part) → arguments, working directory
    read: typing.Callable  # (folder of the run, output) → results
    environment: dict = dataclasses.field(default_factory=dict)
    seconds: int = 600  # for one part


def files(source, patterns):
    return sorted({str(path.relative_to(source)) for pattern in patterns
                   for path in source.glob(pattern)})


def copy_source(home, place):
    shutil.copytree(home / "source", place, symlinks=True, dirs_exist_ok=True)


# --- CPython ---


def fill_python(archive, home):
    archive.binary("libpython3.11-testsuite", home)
    # The rest of the package `test`, its runner, is part of the standard library.
    for below in ("support", "libregrtest", "__init__.py", "__main__.py", "regrtest.py"):
        source, target = pathlib.Path("/usr/lib/python3.11/test", below), home / "source/test" / below
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    shutil.copytree(home / "usr/lib/python3.11/test", home / "source/test", dirs_exist_ok=True)


def python_command(place, part):
    results = place / "results.xml"
    results.unlink(missing_ok=True)
    work = place / "work"
    work.mkdir(exist_ok=True)
    return [PYTHON, "-m", "test", "--junit-xml", results, "--tempdir", work,
            *(word for pattern in PYTHON_LEFT_OUT for word in ("--ignore", pattern)), part], place


def read_python(place, _output):
    outcomes = collections.defaultdict(set)
    try:
        cases = tree.parse(place / "results.xml").iter("testcase")
    except (OSError, tree.ParseError):
        return {"(results)": "missing"}
    for case in cases:
        told = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
        outcomes[case.get("name")].add(told[0] if told else "passed")
    return {name: "+".join(sorted(several)) for name, several in outcomes.items()}


# --- Ruby ---


def ruby_command(place, part):
    return ["ruby", "tool/test/runner.rb", "-v", part], place


def read_ruby(_place, output):
    name = r"([\w:]+#\w+[?!=]?)"
    results = {name: "passed" for name in
               re.findall(rf"^\[ *\d+/\d+\] {name}", output, re.MULTILINE)}
    for kind, name in re.findall(rf"^ *\d+\) (\w+):\n{name}", output, re.MULTILINE):
        results[name] = kind.lower()
    return results


# --- libuv ---


def fill_libuv(archive, home):
    archive.source("libuv1", home)
    source = home / "source"
    debian.run(["cmake", "-S", source, "-B", source / "build", "-DCMAKE_BUILD_TYPE=Release"], home)
    debian.run(["cmake", "--build", source / "build", "-j", os.cpu_count(), "--target",
                "uv_run_tests_a"], home)


def place_libuv(home, place):
    shutil.copytree(home / "source/test/fixtures", place / "test/fixtures")
    shutil.copy(home / "source/build/uv_run_tests_a", place)
    for folder in (place, *place.glob("**/")):
        folder.chmod(0o777)  # it refuses to run as root


def unprivileged():
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]


def read_libuv(_place, output):
    results = {}
    for no, name, more in re.findall(r"^(not )?ok \d+ - (\S+)(.*)$", output, re.MULTILINE):
        results[name] = "skipped" if "# SKIP" in more else "failure" if no else "passed"
    return results


# --- PHP ---


def php_command(place, part):
    results = place / "results"
    results.unlink(missing_ok=True)
    return ["php", "run-tests.php", "-q", "--offline", "-W", results, part], place


def read_php(place, _output):
    results = place / "results"
    if not results.exists():
        return {"(results)": "missing"}
    lines = [line.split("\t") for line in results.read_text(errors="replace").splitlines()]
    return {str(pathlib.Path(path).relative_to(place)): outcome.lower() for outcome, path in lines}


# --- Perl ---


def place_perl(home, place):
    shutil.copytree(home / "source/t", place / "t", symlinks=True)
    # The tests take the library that lies beside them: this one's, in two folders at Debian.
    shutil.copytree("/usr/share/perl/5.36.0", place / "lib", symlinks=True)
    shutil.copytree("/usr/lib/x86_64-linux-gnu/perl/5.36.0", place / "lib", symlinks=True,
                    dirs_exist_ok=True)
    (place / "t/perl").symlink_to("/usr/bin/perl")
    for name in ("MANIFEST", "README", "TestInit.pm"):
        if (home / "source" / name).exists():
            shutil.copy(home / "source" / name, place)


def perl_command(place, part):
    return ["./perl", str(pathlib.Path(part).relative_to("t"))], place / "t"


def read_perl(_place, output):
    results = {}
    for no, number, more in re.findall(r"^(not )?ok (\d+)(.*)$", output, re.MULTILINE):
        mark = re.search(r"# *(skip|todo)", more, re.IGNORECASE)
        results[number] = ("failure" if no else "passed") + (f" {mark[1].lower()}" if mark else "")
    return results


def from_source(package):
    return lambda archive, home: archive.source(package, home)


SUITES = [
    Suite("python", fill_python, copy_source, lambda place: PYTHON_MODULES, python_command,
          read_python, seconds=900),
    Suite("ruby", from_source("ruby3.1"), copy_source, lambda place: files(place, RUBY_FILES),
          ruby_command, read_ruby),
    Suite("libuv", fill_libuv, place_libuv, lambda place: ["all"],
          lambda place, part: ([*unprivileged(), place / "uv_run_tests_a"], place), read_libuv),
    Suite("php", from_source("php8.2"), copy_source, lambda place: PHP_FOLDERS, php_command,
          read_php, {"TEST_PHP_EXECUTABLE": "/usr/bin/php", "NO_COLOR": "1"}),
    Suite("perl", from_source("perl"), place_perl, lambda place: files(place, PERL_FILES),
          perl_command, read_perl),
]
