# SPDX-License-Identifier: Apache-2.0
"""Stack traces of failed calls: tests/programs/failing.c from every place that is hard to walk out
of, C++, PHP, Python and a stripped program, and a host without libunwind."""

import os
import re
import subprocess

import pytest

import otlp
import servers
import spans

BYTES = 4096
FRAMES = 64
ON = {"OTEL_AGENT_STACKTRACE": "true"}
BUILD = servers.pathlib.Path(os.environ.get("OTELAGENT_BUILD") or
                             servers.TREE / "build" / "release")
FAILING = BUILD / "tests" / "programs" / "failing"
LINE = re.compile(r"[\w.@]+(\.\.\.)?\+0x[0-9a-f]+ \([^/()]+\)|[^/()]+\+0x[0-9a-f]+|0x[0-9a-f]+")

CPP = r"""
#include <mysql.h>
#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <vector>
namespace shop {
struct Order {
    MYSQL *database;
    virtual ~Order() {}
    __attribute__((noinline)) virtual void place(int number)
    {
        if (!mysql_real_connect(database, "127.0.0.1", "user", "hunter2", "shop", 1, nullptr, 0))
            throw std::runtime_error("no database");
        std::printf("%d\n", number);
    }
};
}
int main()
{
    shop::Order order;
    order.database = mysql_init(nullptr);
    std::vector<int> numbers{1};
    try {
        std::for_each(numbers.begin(), numbers.end(), [&](int number) { order.place(number); });
    } catch (const std::exception &error) {
        std::puts(error.what());
    }
    mysql_close(order.database);
}
"""

PHP = """<?php
function place_order() {
    $curl = curl_init("http://127.0.0.1:1/?token=hunter2");
    curl_exec($curl);
    echo curl_errno($curl), "\\n";
}
place_order();
"""

PYTHON = """
import MySQLdb, pycurl
def place_order():
    curl = pycurl.Curl()
    curl.setopt(curl.URL, "http://127.0.0.1:1/?token=hunter2")
    try:
        curl.perform()
    except pycurl.error as error:
        print(error.args[0])
    try:
        MySQLdb.connect(host="127.0.0.1", port=1, user="user", password="hunter2")
    except MySQLdb.Error as error:
        print(error.args[0])
place_order()
"""


def run(arguments, directory, tracing=None, wrap=()):
    inherited = {key: value for key, value in os.environ.items()
                 if not key.startswith("OTEL_") and key != "ENVIRONMENT"}
    told = [f"{key}={value}" for key, value in tracing.environment().items()] if tracing else []
    return subprocess.run([*wrap, "env", *told, *map(str, arguments)], capture_output=True,
                          text=True, cwd=directory, timeout=60, check=False, env=inherited)


def failures(arguments, library, directory, variables=None, wrap=()):
    """The exceptions of a program's failed calls, in order; it behaves as without the agent."""
    tracing = servers.Tracing(library, directory, "failing", ON if variables is None else variables)
    plain, traced = run(arguments, directory), run(arguments, directory, tracing, wrap)
    assert (traced.stdout, traced.stderr, traced.returncode) == (plain.stdout, plain.stderr, 0)
    return exceptions(tracing)


def exceptions(tracing):
    assert "hunter2" not in tracing.file.read_text()
    found = sorted(spans.read(tracing.file), key=lambda span: span.start_ns)
    return [event for span in found for name, event in span.events if name == "exception"]


def frames(event):
    """The lines of a stack trace, which both generations of names have."""
    trace = event.get("exception.stacktrace")
    assert trace, event
    assert event["error.stack"] == trace
    lines = trace.split("\n")
    assert len(trace.encode()) <= BYTES and len(lines) <= FRAMES
    for line in lines:
        assert LINE.fullmatch(line), line
        assert "otelagent" not in line
    return lines


def functions(event):
    return [line.partition("+")[0] for line in frames(event)]


def has_none(event):
    return "exception.stacktrace" not in event and "error.stack" not in event


def test_a_failed_call_names_its_callers_static_ones_too(library, directory):
    database, server = failures([FAILING, "order"], library, directory)
    assert functions(database)[:3] == ["ask_database", "place_order", "main"]
    assert functions(server)[:3] == ["ask_server", "place_order", "main"]
    assert frames(server)[0].endswith(" (failing)")


@pytest.mark.parametrize("variables", [
    {"ENVIRONMENT": "development"}, {"ENVIRONMENT": "dev"},
    {"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=dev"}], ids=lambda v: str(*v.values()))
def test_development_has_stack_traces(library, directory, variables):
    for event in failures([FAILING, "order"], library, directory, variables):
        assert functions(event)[1:3] == ["place_order", "main"]


@pytest.mark.parametrize("variables", [
    {}, {"ENVIRONMENT": "production", "OTEL_TRACES_SAMPLER": "always_on"}, {"ENVIRONMENT": "test"},
    {"ENVIRONMENT": "development", "OTEL_AGENT_STACKTRACE": "false"}],
    ids=["unset", "production", "test", "unwanted"])
def test_nothing_else_has_any(library, directory, variables):
    found = failures([FAILING, "order"], library, directory, variables)
    assert len(found) == 2
    assert all(map(has_none, found))


def test_stable_names_alone(library, directory):
    stable = {"OTEL_SEMCONV_STABILITY_OPT_IN": "http,database"}
    for event in failures([FAILING, "order"], library, directory, {**ON, **stable}):
        assert "exception.stacktrace" in event and "error.stack" not in event


def test_a_deep_recursion_has_as_many_frames_as_there_may_be(library, directory):
    (event,) = failures([FAILING, "deep"], library, directory)
    assert functions(event) == ["ask_database"] + ["sink"] * (FRAMES - 1)


def test_long_names_end_with_the_last_line_that_fits(library, directory):
    (event,) = failures([FAILING, "long"], library, directory)
    lines = frames(event)
    assert BYTES - 150 < len(event["exception.stacktrace"]) <= BYTES
    assert all(line.endswith(" (failing)") for line in lines)


def test_a_small_stack_has_room(library, directory):
    (event,) = failures([FAILING, "small"], library, directory)
    assert functions(event)[:2] == ["ask_database", "on_small_stack"]


def test_the_loader_s_lock_is_not_waited_for(library, directory):
    _, event = failures([FAILING, "listing"], library, directory)
    assert functions(event)[:2] == ["ask_database", "sink"]


@pytest.mark.parametrize("mode", ["handler", "alternate"])
def test_a_signal_handler_has_none_and_what_follows_has(library, directory, mode):
    within, after = failures([FAILING, mode], library, directory)
    assert has_none(within)
    assert functions(after)[:3] == ["ask_database", "in_handler", "main"]


def test_a_coroutine_has_its_own_frames(library, directory):
    (event,) = failures([FAILING, "coroutine"], library, directory)
    assert functions(event)[:2] == ["ask_database", "run_coroutine"]


def test_code_without_unwind_tables_ends_it(library, directory):
    (event,) = failures([FAILING, "generated"], library, directory)
    first, second = frames(event)
    assert first.startswith("ask_database+") and second.startswith("0x")


def test_a_broken_stack_ends_it(library, directory):
    (event,) = failures([FAILING, "broken"], library, directory)
    assert functions(event) == ["ask_database", "with_a_broken_stack"]


def test_a_forked_child_has_them(library, directory):
    found = failures([FAILING, "child"], library, directory)
    assert sorted(tuple(functions(event)[:2]) for event in found) == [
        ("ask_database", "place_order"), ("ask_database", "sink"), ("ask_server", "place_order")]


def test_who_sends_a_killed_process_s_spans_names_its_functions(library, directory):
    tracing = servers.Tracing(library, directory, "failing",
                              {**ON, "OTEL_BSP_SCHEDULE_DELAY": "60000"})
    assert run([FAILING, "killed"], directory, tracing).returncode == -9
    assert not spans.read(tracing.file)
    assert run([FAILING, "small"], directory, tracing).returncode == 0
    callers = sorted(functions(event)[1] for event in exceptions(tracing))
    assert callers == ["on_small_stack", "place_order", "place_order"]


def test_a_change_of_root_leaves_places_without_names(library, directory, collector):
    """libunwind is there by then; the files with the names are not."""
    (directory / "root").mkdir()
    tracing = servers.Tracing(library, directory, "failing", {
        **ON, "OTEL_TRACES_EXPORTER": "otlp", "OTEL_BSP_SCHEDULE_DELAY": "60000",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint})
    result = run([FAILING, "chroot", directory / "root"], directory, tracing)
    assert (result.returncode, result.stderr) == (0, "")
    events = [event for post in collector.posts for _, _, span in otlp.spans(post.request)
              for event in span.events if event.name == "exception"]
    assert len(events) == 3
    for event in events:
        lines = frames(otlp.attributes_of(event.attributes))
        assert all(re.fullmatch(r"(failing|libc\.so\.6)\+0x[0-9a-f]+", line) for line in lines)


def test_a_stripped_program_has_places(library, directory):
    stripped = directory / "stripped"
    subprocess.run(["strip", "-o", stripped, FAILING], check=True)
    database, _ = failures([stripped, "order"], library, directory)
    lines = frames(database)
    assert all(re.fullmatch(r"stripped\+0x[0-9a-f]+", line) for line in lines[:3])
    asked = subprocess.run(["addr2line", "-f", "-e", FAILING,
                            *(hex(int(line.split("+")[1], 16) - 1) for line in lines[:3])],
                           capture_output=True, text=True, check=True).stdout.split("\n")
    assert asked[0:6:2] == ["ask_database", "place_order", "main"]


def test_cpp(library, directory):
    source = directory / "order.cc"
    source.write_text(CPP)
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libmariadb"], check=True,
                           capture_output=True, text=True).stdout.split()
    subprocess.run(["g++", "-O2", "-o", directory / "order", source, *flags], check=True)
    (event,) = failures([directory / "order"], library, directory)
    assert functions(event)[:2] == ["_ZN4shop5Order5placeEi", "main"]


def test_php(library, directory):
    (directory / "order.php").write_text(PHP)
    (event,) = failures(["php", directory / "order.php"], library, directory)
    assert frames(event)[0].startswith("curl.so+")
    assert "php_execute_script" in functions(event)


def test_python(library, directory):
    (directory / "order.py").write_text(PYTHON)
    curl, database = failures(["/usr/bin/python3", directory / "order.py"], library, directory)
    assert "(pycurl." in frames(curl)[0]
    assert frames(database)[0].startswith("_mysql.")
    for event in curl, database:
        assert {"_PyEval_EvalFrameDefault", "Py_RunMain"} <= set(functions(event))


def libunwind():
    listed = subprocess.run(["/sbin/ldconfig", "-p"], check=True, capture_output=True,
                            text=True).stdout
    return [line.split(" => ")[1] for line in listed.split("\n") if "libunwind" in line]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_host_without_libunwind_says_so_once(library, directory):
    assert libunwind()
    hide = "; ".join(f"mount --bind /dev/null {path}" for path in libunwind())
    tracing = servers.Tracing(library, directory, "failing", ON)
    result = run([FAILING, "child"], directory, tracing,
                 ["unshare", "--mount", "sh", "-ec", f'{hide}; exec "$@"', "sh"])
    assert result.returncode == 0
    (line,) = result.stderr.splitlines()
    assert " warn: no stack traces: " in line and "libunwind8" in line
    found = exceptions(tracing)
    assert len(found) == 3
    assert all(map(has_none, found))


def test_nobody_opens_libunwind_who_has_not_asked(library, directory):
    tracing = servers.Tracing(library, directory, "failing")
    result = run(["strace", "-f", "-e", "trace=openat", FAILING, "order"], directory, tracing)
    assert result.returncode == 0
    assert "libc.so" in result.stderr and "/libunwind" not in result.stderr
