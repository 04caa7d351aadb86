# SPDX-License-Identifier: Apache-2.0
"""Programs that are killed: their finished spans are sent by whoever comes after or runs beside
them, each once, and the requests they were at are reported as failed."""

import collections
import concurrent.futures
import os
import signal
import socket
import time

import pytest

import accounts
import load
import otlp
import servers
import sink
import small
import spans
from ending import once_each

KILLED = [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGHUP]
REQUESTS = 50


@pytest.fixture(scope="module")
def program(run_directory):
    return small.compile_server(run_directory / "killed-server")


@pytest.fixture
def start(directory, library, program, collector):
    """Starts the small server; each time the same service."""
    started = []

    def begin(**variables):
        tracing = servers.Tracing(library, directory, "survivor", {
            "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": "60000", "OTEL_LOG_LEVEL": "info", **variables})
        started.append(small.Small(directory, str(program), tracing, f"server-{len(started)}"))
        started[-1].state = tracing.state
        return started[-1]

    yield begin
    for server in started:
        server.stop(check=False)


def ask(server, times=REQUESTS):
    connection = server.connect()
    for number in range(times):
        small.ask(connection, path=f"/number/{number}")
    connection.close()


def kill(server, number=signal.SIGKILL):
    os.kill(server.process.pid, number)
    assert server.process.wait(servers.PATIENCE_SECONDS) == -number


def spans_of(collector):
    return [(dict((each.key, each.value) for each in resource.resource.attributes), span)
            for post in collector.posts if post.stored
            for resource in post.request.resource_spans
            for scope in resource.scope_spans for span in scope.spans]


def paths(collector):
    """url.path → the attributes of each of its spans."""
    found = collections.defaultdict(list)
    for _, span in spans_of(collector):
        attributes = {each.key: each.value for each in span.attributes}
        found[attributes["url.path"].string_value].append(attributes)
    return found


@pytest.mark.parametrize("number", KILLED, ids=lambda number: number.name)
def test_the_next_start_sends_what_a_killed_server_had_finished(start, collector, number):
    first = start()
    ask(first)
    assert not collector.posts
    kill(first, number)
    assert len(list(first.state.glob("*/otelagent-*"))) == 1
    second = start()
    ask(second, 1)
    collector.wait_for_spans(REQUESTS)
    second.stop()
    once_each(collector, REQUESTS + 1)
    assert not servers.waiting(first.state)
    processes = collections.Counter(resource["process.pid"].int_value
                                    for resource, _ in spans_of(collector))
    assert processes == {first.process.pid: REQUESTS, second.process.pid: 1}


@pytest.mark.parametrize("slow", ["openat", "write"])
def test_a_file_that_is_slower_than_the_end_gets_each_span_from_the_next(directory, library,
                                                                         program, slow):
    """Once, since these calls are never made: the process has gone by then."""
    tracing = servers.Tracing(library, directory, "slow", {
        "OTEL_TRACES_EXPORTER": "file", "OTEL_BSP_SCHEDULE_DELAY": "60000",
        "OTEL_LOG_LEVEL": "info"})
    strace = [servers.program("strace"), "-o", directory / "slow.strace", "-f", "-qq", "-P",
              tracing.file, "-e", f"trace={slow}", "-e", f"inject={slow}:delay_enter=4000000"]
    for variable, value in tracing.environment().items():
        strace += ["-E", f"{variable}={value}"]
    with small.Small(directory, [*strace, program], name="first") as first:
        ask(first, 3)
        [server] = children_of(first.process.pid)
        os.kill(server, signal.SIGTERM)
        first.process.wait(servers.PATIENCE_SECONDS)
        said = accounts.read(first.log.read_text())
        first.stop(check=False)
    assert said.left == 3
    assert said.failed == 0
    with small.Small(directory, program, tracing, "second") as second:
        ask(second, 1)
        second.stop()
    names = collections.Counter(span.attributes["url.path"] for span in spans.read(tracing.file))
    assert sorted(names.values()) == [1, 1, 2]  # the second was asked for what the first was, too
    assert not servers.waiting(tracing.state)


def test_a_request_in_flight_is_reported_as_failed(start, collector):
    first = start()
    ask(first, 3)
    with socket.create_connection(("127.0.0.1", first.port)) as connection:
        connection.sendall(b"POST /upload/17 HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
        time.sleep(0.3)  # nothing tells when the server has read it
        kill(first)
    second = start()
    ask(second, 1)
    collector.wait_for_spans(4)
    second.stop()
    once_each(collector, 5)
    [attributes] = paths(collector)["/upload/17"]
    assert attributes["error.type"].string_value == "process_ended"
    assert attributes["error"].bool_value
    [span] = [span for _, span in spans_of(collector) if span.name == "POST"]
    assert span.status.code == 2
    assert span.start_time_unix_nano <= span.end_time_unix_nano


def test_an_heir_that_is_killed_has_heirs(start, collector):
    first = start()
    ask(first)
    kill(first)
    collector.steps.appendleft(sink.Hang())
    second = start(OTEL_BSP_SCHEDULE_DELAY="10")
    ask(second, 1)
    collector.wait_for(lambda: collector.posts, "post")
    kill(second)
    third = start()
    ask(third, 1)
    collector.wait_for_spans(REQUESTS + 1)
    third.stop()
    once_each(collector, REQUESTS + 2)
    assert not servers.waiting(first.state)


def test_a_collector_that_does_not_answer_at_the_end_is_told_by_the_next(start, collector):
    hanging = sink.Hang()
    collector.steps.appendleft(hanging)
    first = start()
    ask(first)
    began = time.monotonic()
    first.stop()
    assert time.monotonic() - began < 5
    assert any(f"left for the next process {REQUESTS}" in line for line in first.said)
    second = start(OTEL_BSP_SCHEDULE_DELAY="10")
    ask(second, 1)
    collector.wait_for_spans(REQUESTS + 1)  # its own, too: at its end it would hardly wait
    second.stop()
    once_each(collector, REQUESTS + 1)


def test_a_dead_collector_holds_up_only_the_first_to_end(start, collector):
    collector.steps.appendleft(sink.Hang())
    collector.steps.extend([sink.Hang()] * 3)
    seconds = []
    for _ in range(3):
        server = start()
        ask(server, 2)
        began = time.monotonic()
        server.stop()
        seconds.append(time.monotonic() - began)
    assert 0.9 < seconds[0] < 5
    assert max(seconds[1:]) < 0.8


def test_without_a_directory_spans_are_lost_with_the_process(start, collector):
    first = start(OTEL_AGENT_STATE_DIR="none")
    ask(first)
    kill(first)
    second = start(OTEL_AGENT_STATE_DIR="none")
    ask(second, 1)
    second.stop()
    once_each(collector, 1)
    assert not servers.waiting(first.state)


def test_no_span_is_lost_while_a_large_file_is_made(directory, library, collector):
    tracing = servers.Tracing(library, directory, "threads", {
        "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
        "OTEL_BSP_MAX_QUEUE_SIZE": "100000"})
    port = servers.free_port()
    with servers.Server("threads", [servers.program("python3"), "-m", "http.server", "--bind",
                                    "127.0.0.1", port], directory, tracing=tracing) as server:
        server.wait_until(lambda: socket.create_connection(("127.0.0.1", port)), "connection")
        with concurrent.futures.ThreadPoolExecutor(16) as clients:
            list(clients.map(lambda _: servers.answers(port, "/"), range(16)))
        collector.wait_for_spans(16)
    once_each(collector, 16)


def test_a_worker_beside_sends_what_a_killed_worker_had_finished(directory, library, collector):
    tracing = servers.Tracing(library, directory, "nginx", {
        "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
        "OTEL_BSP_SCHEDULE_DELAY": "3000"})
    with servers.Nginx(directory, tracing=tracing, workers=3) as nginx:
        plan = load.Plan("k", seed=5)
        for _ in range(600):
            plan.add("GET", "/small.txt")
        load.run(nginx.port, plan.requests, connections=12)
        children = children_of(nginx.process.pid)
        assert len(children) == 3
        os.kill(children[0], signal.SIGKILL)
        collector.wait_for_spans(601)
        nginx.wait_until(lambda: not list(tracing.state.glob(f"*/*-{children[0]}-*")), "heir")
    once_each(collector, 601)
    assert not servers.waiting(tracing.state)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM],
                         ids=lambda number: number.name)
def test_a_parent_under_the_agent_tells_which_signal_ended_its_worker(directory, library, collector,
                                                                      number):
    tracing = servers.Tracing(library, directory, "forking", {
        "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
        "OTEL_BSP_SCHEDULE_DELAY": "500"})
    script = directory / "forking.py"
    script.write_text(FORKING)
    port = servers.free_port()
    with servers.Server("forking", [servers.program("python3"), script, port], directory,
                        tracing=tracing) as server:
        server.wait_until(lambda: servers.answers(port, "/"), "answer")
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
            server.wait_until(lambda: (directory / "slow").exists(), "slow request")
            os.kill(int((directory / "slow").read_text()), number)
            server.wait_until(lambda: (directory / "waited").exists(), "wait")
        server.wait_until(lambda: servers.answers(port, "/"), "answer")
        server.wait_until(lambda: paths(collector).get("/slow"), "span of the killed worker")
    [attributes] = paths(collector)["/slow"]
    assert attributes["error.type"].string_value == number.name


# One child at a time serves; the parent waits for it and starts the next.
FORKING = """
import os, pathlib, socket, sys, time

listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    child = os.fork()
    if child == 0:
        while True:
            connection, _ = listener.accept()
            head = connection.recv(4096)
            if b"/slow" in head:
                pathlib.Path("slow.part").write_text(str(os.getpid()))
                os.rename("slow.part", "slow")
                time.sleep(60)
            connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
            connection.close()
    os.waitpid(child, 0)
    pathlib.Path("waited").touch()
"""


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
        return [int(child) for child in children.read().split()]
