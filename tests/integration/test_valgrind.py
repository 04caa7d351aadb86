# SPDX-License-Identifier: Apache-2.0
"""The shared object that users get, under valgrind's memcheck: it sees what AddressSanitizer does
not, values that nobody has set, and code that no sanitizer was built into. And a build of it without
optimisation under helgrind, which says nothing that tests/helgrind.supp does not explain."""

import concurrent.futures
import re
import socket
import subprocess
import time

import pytest

import accounts
import certificates
import life
import servers
import sink

# Those that work on what strangers sent; the kernel under memcheck is another one to the rest.
UNIT_TESTS = ["config", "propagation", "redact", "route", "url", "forwarded", "s3", "sql", "http1",
              "http1_body", "span", "server_span", "capture", "observe", "end", "region", "recovery",
              "mysql", "curl", "exporter_console", "exporter_file", "exporter_https",
              "exporter_utf8"]

MEMCHECK = ["valgrind", "--trace-children=yes", "--log-file=memcheck-%p", "--num-callers=30"]

STEPS = {
    "children": ["one", "fork", "beside-clone", "posix_spawn", "vfork-exec", "two", "end"],
    "threads": ["one", "thread-ends", "jump-receiving", "cancel", "two", "end"],
    "signals": ["one", "storm", "two", "calm", "end"],
    "end": ["one", "two", "_exit"],
}


@pytest.mark.parametrize("name", UNIT_TESTS)
def test_a_unit_test_has_no_error(directory, name):
    done = subprocess.run(["valgrind", "-q", "--error-exitcode=99",
                           servers.BUILD / "tests" / "unit" / f"{name}_test"], cwd=directory,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-5000:]


@pytest.fixture(scope="module")
def program(run_directory):
    return life.compile_program(run_directory / "memcheck-life", "-g")


def errors(directory):
    """What memcheck found in the agent, in any process."""
    logs = [log.read_text() for log in directory.glob("memcheck-*")]
    assert logs
    return [log for log in logs if "libotelagent" in log]


@pytest.mark.parametrize("name", STEPS)
def test_no_error_comes_from_the_agent(directory, library, program, name):
    with sink.Collector() as collector:
        life.check(program, library, directory, collector, STEPS[name], wrap=MEMCHECK)
    assert not errors(directory)


def test_nor_from_what_speaks_tls_for_it(directory, library, program, run_directory):
    """A handshake takes longer than the end of a process waits: what was sent twice, because the
    answer came too late, is not judged here, nor that a warning says so."""
    steps = ["one", "fork", "two", "end"]
    authority = certificates.Authority(run_directory / "memcheck-authority")
    with sink.Collector(tls=authority.serve()) as collector:
        collector.authority = authority
        tracing = life.tracing(library, directory, collector, OTEL_LOG_LEVEL="none")
        traced = life.run([program], steps, directory, tracing, MEMCHECK)
        collector.wait_for(lambda: collector.posts, "post")
    assert traced == life.run([program], steps, directory)
    assert not errors(directory)


@pytest.fixture(scope="module")
def plain_library():
    """A build whose functions have names for helgrind: what users get is inlined across files."""
    build = servers.TREE / "build" / "debug"
    for command in (["cmake", "--preset", "debug"],
                    ["cmake", "--build", build, "--target", "otelagent"]):
        done = subprocess.run(command, cwd=servers.TREE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:]
    return build / "libotelagent.so"


@pytest.fixture(scope="module")
def threaded(run_directory):
    output = run_directory / "threaded"
    subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O2", "-g",
                    "-pthread", "-o", output, servers.PROGRAMS / "threaded.c"], check=True)
    return output


CLIENTS, CONNECTIONS, REQUESTS = 8, 3, 6


class Helgrind(servers.Server):
    def __init__(self, directory, program, tracing):
        self.reports = directory / f"helgrind-{'traced' if tracing else 'untraced'}"
        super().__init__("threaded", [
            "valgrind", "--tool=helgrind", f"--log-file={self.reports}", "--num-callers=30",
            "--error-limit=no", "--gen-suppressions=all",
            f"--suppressions={servers.TREE / 'tests' / 'helgrind.supp'}", program],
            directory, tracing=tracing)
        self.port = int(self.wait_until(
            lambda: re.search(r"^\d+$", self.log.read_text(), re.MULTILINE), "port", 60).group())

    def ask(self, path, pieces=1):
        with socket.create_connection(("127.0.0.1", self.port), timeout=120) as connection:
            self.ask_on(connection, path, pieces)

    def ask_on(self, connection, path, pieces):
        text = f"GET {path} HTTP/1.1\r\nHost: threaded\r\n\r\n".encode()
        size = -(-len(text) // pieces)
        for at in range(0, len(text), size):
            connection.sendall(text[at:at + size])
            time.sleep(0.05 if pieces > 1 else 0)
        answer = b""
        while not answer.endswith(b"\r\n\r\nok"):
            piece = connection.recv(4096)
            assert piece, f"{path}: the server closed after {answer!r}"
            answer += piece

    def talk(self, number):
        for turn in range(CONNECTIONS):
            with socket.create_connection(("127.0.0.1", self.port), timeout=120) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for request in range(REQUESTS):
                    self.ask_on(connection, f"/{number}/{turn}/{request}", 1 + request % 2 * 2)

    def end(self):
        """What helgrind reported."""
        self.ask("/end")
        assert self.process.wait(60) == 0, self.log.read_text()
        return self.reports.read_text()


def test_helgrind_reports_nothing_that_is_not_explained(directory, plain_library, threaded):
    traced = servers.Tracing(plain_library, directory, "threaded", {"OTEL_LOG_LEVEL": "info"})
    for tracing in (None, traced):
        with Helgrind(directory, threaded, tracing) as server:
            with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
                list(clients.map(server.talk, range(CLIENTS)))
            reports = server.end()
        assert "ERROR SUMMARY: 0 errors" in reports, reports[-20000:]
    said = accounts.read(server.log.read_text())
    accounts.balance(said, CLIENTS * CONNECTIONS * REQUESTS + 1)
