# SPDX-License-Identifier: Apache-2.0
"""The shared object that users get, under valgrind's memcheck: it sees what AddressSanitizer does
not, values that nobody has set, and code that no sanitizer was built into."""

import subprocess

import pytest

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
