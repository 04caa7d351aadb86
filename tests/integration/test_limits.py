# SPDX-License-Identifier: Apache-2.0
"""Very many connections, very long heads, very slow clients, a collector that is not there: all is
answered as without the agent, each span is accounted for, and memory stays where it was."""

import collections
import contextlib
import resource
import socket
import struct
import subprocess
import time

import pytest

import accounts
import flood
import servers
import spans

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HEAD_BYTES = 65536  # the longest that the agent looks at (agent/net/head_store.h)
CHURN = 100_000
OPEN = 10_000
DRIPS = 1_000
SPANS = 1_000_000
SLACK_BYTES = 2 * 1024 * 1024  # of private memory: a batch may be larger than all before it


@pytest.fixture(scope="module")
def program(run_directory):
    output = run_directory / "many"
    subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O2",
                    "-o", output, servers.PROGRAMS / "many.c"], check=True)
    return output


class Many(servers.Server):
    def __init__(self, directory, program, tracing, together=0):
        """The first `together` requests are answered when all of them are there."""
        super().__init__("many", [program, together], directory, tracing=tracing)
        self.port = int(self.wait_until(self.first_line, "port"))

    def first_line(self):
        lines = [line for line in self.log.read_text().splitlines() if line.isdigit()]
        return lines and lines[0]

    @property
    def private_bytes(self):
        return servers.private_bytes(self.process.pid)

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        # Ends with a reset, so that no port waits for a minute.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return connection


@pytest.fixture
def start(directory, library, program):
    with contextlib.ExitStack() as stack:
        def begin(**variables):
            tracing = servers.Tracing(library, directory, "many", {
                "OTEL_LOG_LEVEL": "info", "OTEL_BSP_MAX_QUEUE_SIZE": "4096",
                "OTEL_SEMCONV_STABILITY_OPT_IN": "http", **variables})
            return stack.enter_context(Many(directory, program, tracing))
        yield begin


@pytest.fixture(scope="module", autouse=True)
def enough_descriptors():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert before[1] > OPEN + 100, "the hard limit on open files is too low for this test"
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def request(path):
    return f"GET {path} HTTP/1.1\r\nHost: many\r\n\r\n".encode()


def read_answer(connection):
    answer = b""
    while len(answer) < len(ANSWER):
        some = connection.recv(4096)
        assert some, "the server closed"
        answer += some
    assert answer == ANSWER


def ask(connection, path):
    connection.sendall(request(path))
    read_answer(connection)


def stop(server, ended):
    """Stops it; `ended` spans have to be accounted for. Returns the accounts."""
    server.stop()
    sums = accounts.read(server.log.read_text())
    accounts.balance(sums, ended)
    return sums


def test_a_hundred_thousand_connections_leave_nothing_behind(start):
    server = start(OTEL_TRACES_EXPORTER="otlp",
                   OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{servers.free_port()}",
                   OTEL_BSP_MAX_QUEUE_SIZE="2048")
    before = 0
    for number in range(CHURN):
        with server.connect() as connection:
            ask(connection, "/churn")
        if number == CHURN // 10:
            before = server.private_bytes
    assert server.private_bytes - before <= SLACK_BYTES
    stop(server, CHURN)


def test_ten_thousand_connections_are_open_at_once(start, directory):
    server = start()
    connections = []
    with contextlib.ExitStack() as stack:
        for number in range(OPEN):
            connections.append(stack.enter_context(server.connect()))
            ask(connections[-1], f"/first/{number}")
        before = server.private_bytes
        for number, connection in enumerate(connections):
            ask(connection, f"/second/{number}")
        assert server.private_bytes - before <= SLACK_BYTES
    assert stop(server, 2 * OPEN).exported == 2 * OPEN
    paths = collections.Counter(span.attributes["url.path"]
                                for span in spans.read(directory / "many.jsonl"))
    assert paths == {f"/{time}/{number}": 1 for time in ("first", "second")
                     for number in range(OPEN)}


def long_request(length):
    head = b"GET /long HTTP/1.1\r\nHost: many\r\nX-Long: "
    return head + b"x" * (length - len(head) - 4) + b"\r\n\r\n"


@pytest.mark.parametrize("pieces", [1, 7, 1000])
def test_heads_are_followed_up_to_their_limit(start, directory, pieces):
    server = start()
    for length, follows in ((HEAD_BYTES - 1, True), (HEAD_BYTES + 1, False),
                            (3 * HEAD_BYTES, False)):
        with server.connect() as connection:
            ask(connection, "/before")
            text = long_request(length)
            size = -(-length // pieces)
            for at in range(0, length, size):
                connection.sendall(text[at:at + size])
            read_answer(connection)
            if follows:
                ask(connection, "/after")
    server.stop()
    paths = collections.Counter(span.attributes["url.path"]
                                for span in spans.read(directory / "many.jsonl"))
    assert paths["/before"] == 3 and paths["/after"] == 1
    # What a read took whole is looked at whatever its size; nothing longer is collected.
    assert paths["/long"] in ((1,) if pieces > 1 else (1, 2, 3))


def test_a_thousand_clients_may_drip(start, directory):
    server = start()
    texts = [request(f"/drip/{number}") for number in range(DRIPS)]
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(server.connect()) for _ in texts]
        for connection in connections:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(max(map(len, texts))):
            for connection, text in zip(connections, texts):
                connection.sendall(text[at:at + 1])
            time.sleep(0.05)
        for connection in connections:
            read_answer(connection)
    assert stop(server, DRIPS).exported == DRIPS
    seen = {span.attributes["url.path"]: span for span in spans.read(directory / "many.jsonl")}
    assert set(seen) == {f"/drip/{number}" for number in range(DRIPS)}
    # A request begins with its first byte.
    assert min(span.end_ns - span.start_ns for span in seen.values()) > 1_000_000_000


def test_a_million_spans_without_a_collector_take_no_memory(start):
    server = start(OTEL_TRACES_EXPORTER="otlp",
                   OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{servers.free_port()}",
                   OTEL_BSP_MAX_QUEUE_SIZE="2048")
    tenth = flood.send(server.port, [b"/dead"] * (SPANS // 10))
    before = server.private_bytes
    sent = tenth + flood.send(server.port, [b"/dead"] * (SPANS - SPANS // 10))
    assert sent >= SPANS
    assert server.private_bytes - before <= SLACK_BYTES
    sums = stop(server, sent)
    assert sums.exported == 0
    assert sums.queue_full + sums.failed + sums.left == sent
