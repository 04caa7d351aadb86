# SPDX-License-Identifier: Apache-2.0
"""Servers that fork a child for each connection. A child ends before its spans are sent, if the
collector does not take them at once; and it may be all that knows of a request."""

import collections
import concurrent.futures
import contextlib
import fcntl
import os
import re
import socket
import struct
import subprocess
import threading
import time

import pytest

import accounts
import life
import servers
import sink
import spans

CLIENTS = 32

MIXIN = """
import http.server, socketserver, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass

class Server(socketserver.ForkingMixIn, http.server.HTTPServer):
    request_queue_size = 256
    max_children = 1000

Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""

# The parent reads the request, the child answers when the client has gone.
LATE = """
import os, signal, socket, sys, time

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    connection, _ = listener.accept()
    head = connection.recv(4096)
    if b"/here" in head:
        connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
    elif os.fork() == 0:
        time.sleep(0.5)
        try:
            connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
        except OSError:
            if b"/closes" in head:
                connection.close()
        os._exit(0)
    connection.close()
"""

# Children of two threads: one connects, and so comes to the agent while the other accepts.
TWO_THREADS = """
import os, socket, threading

def serve():
    connection, _ = listener.accept()
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")

def ask(number):
    server = threading.Thread(target=serve)
    server.start()
    with socket.create_connection(listener.getsockname()) as connection:
        connection.sendall(b"GET /%d HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n" % number)
        connection.recv(4096)
        server.join()

listener = socket.create_server(("127.0.0.1", 0))
ask(0)
for number in range(1, 31):
    if os.fork() == 0:
        ask(number)
        os._exit(0)
    os.wait()
"""


class Forking(servers.Server):
    def __init__(self, command, directory, tracing, **environment):
        self.port = servers.free_port()
        super().__init__("forking", [part if part != "PORT" else self.port for part in command],
                         directory, {"PORT": str(self.port), **environment}, tracing)
        self.wait_until(self.listens, "port")

    def listens(self):
        with socket.socket() as probe:  # a connection would be a child's
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def ask(self, path):
        answer = life.ask(self.port, path)
        assert answer.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")), answer
        return answer

    def said(self):
        return self.log.read_text(errors="replace")


@pytest.fixture
def traced(library, directory, collector):
    return servers.Tracing(library, directory, "forking", {
        "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
        "OTEL_LOG_LEVEL": "info", "OTEL_BSP_MAX_QUEUE_SIZE": "512",
        "OTEL_BSP_SCHEDULE_DELAY": "5000"})


def c_program():
    return [servers.BUILD / "tests" / "parents" / "programs" / "parents_fork_per_connection"]


def mixin():
    return [servers.program("python3"), "-c", MIXIN, "PORT"]


COMMANDS = pytest.mark.parametrize("command", [c_program, mixin], ids=["C", "ForkingMixIn"])


def ask_all(server, count):
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(lambda number: ask_and_close(server.port, number), range(count)))


def ask_and_close(port, number):
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        connection.sendall(f"GET /{number} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
                           .encode())
        answer = life.receive(connection)
    assert answer[:12] in (b"HTTP/1.1 200", b"HTTP/1.0 200"), answer


def lost(collector, server, count):
    """How a failure shows."""
    reasons = collections.Counter(re.sub(r"\d+", "N", line) for line in server.said().splitlines()
                                  if "spans ended" not in line)
    by_process = accounts.by_process(server.said())
    total = accounts.Accounts(*map(sum, zip(*by_process.values()))) if by_process else None
    return f"{len(collector.stored())} of {count}; {total}; {reasons.most_common(5)}"


def wait_for(collector, server, count):
    try:
        collector.wait_for_spans(count)
    except TimeoutError:
        pytest.fail(lost(collector, server, count))
    assert len(collector.stored()) == count


class OneByOne:
    """Takes a post at a time, each for so long."""

    def __init__(self, seconds):
        self.seconds, self.busy = seconds, threading.Lock()

    def __call__(self, connection, post):
        with self.busy:
            time.sleep(self.seconds)
        return sink.accept(connection, post)


@COMMANDS
def test_what_children_left_in_an_outage_is_sent_by_their_parent(traced, directory, collector,
                                                                 command):
    """Which has no thread of ours until then. One request, after which it accepts no more."""
    hanging = sink.Hang()
    collector.steps.appendleft(hanging)
    collector.steps.pop()
    with Forking(command(), directory, traced) as server:
        ask_all(server, 150)
        server.wait_until(lambda: len(accounts.by_process(server.said())) >= 150, "ends", 60)
        collector.steps.append(sink.accept)
        hanging.over.set()
        ask_and_close(server.port, 150)
        wait_for(collector, server, 151)
        assert set(collector.stored().values()) == {1}, lost(collector, server, 151)
        total = accounts.read(server.said())
    assert (total.failed, total.queue_full, total.abandoned) == (0, 0, 0)


@COMMANDS
def test_a_collector_that_is_slower_than_children_end_gets_all(traced, directory, collector,
                                                               command):
    collector.steps.appendleft(OneByOne(0.02))
    collector.steps.pop()
    with Forking(command(), directory, traced) as server:
        ask_all(server, 400)
        wait_for(collector, server, 400)
        total = accounts.read(server.said())
        twice = sum(collector.stored().values()) - 400
        assert twice <= total.left, lost(collector, server, 400)
    assert (total.failed, total.queue_full, total.abandoned) == (0, 0, 0)


def leave_at_once(port, path):
    """The request, and then a reset."""
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        connection.sendall(life.request(path))
        time.sleep(0.1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("path", ["ends", "closes"])
def test_a_child_that_can_send_nothing_reports_the_request_it_was_to_answer(
        traced, directory, collector, path):
    command = [servers.program("python3"), "-c", LATE, "PORT"]
    with Forking(command, directory, traced) as server:
        leave_at_once(server.port, path)
        server.ask("here")
        try:
            collector.wait_for(lambda: path in life.spans_of(collector), path)
        except TimeoutError:
            pytest.fail(server.said())
        [attributes] = life.spans_of(collector)[path]
        assert attributes["error.type"].string_value == "connection_aborted"
    assert set(collector.stored().values()) == {1}


def late_end(directory):
    library = directory / "late_end.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O2",
                    "-o", library, servers.PROGRAMS / "late_end.c"], check=True)
    return library


def ask_in_vain(port):
    """Half a request: a child that ends within it leaves it to an heir."""
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        connection.sendall(b"POST /half HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
        time.sleep(0.1)


def test_an_heir_looks_for_what_a_child_left_when_that_has_ended(traced, directory, collector):
    """Not before, when it is told of it. A child that takes its time to end is the last one."""
    gate = directory / "gate"
    traced.variables["LD_PRELOAD"] = f"{traced.library} {late_end(directory)}"
    with Forking(c_program(), directory, traced, LATE_END=str(gate)) as server:
        ask_in_vain(server.port)
        server.wait_until(lambda: not servers.children(server.process.pid), "end of the child")
        with socket.create_connection(("127.0.0.1", server.port), 60) as connection:
            collector.wait_for_spans(1)  # there is an heir, and it has looked
            connection.sendall(b"GET /last HTTP/1.1\r\nHost: a\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
            gate.touch()
        server.wait_until(lambda: re.search("exported 0;.* left for the next process 1\n",
                                            server.said()), "end of the agent in the child")
        time.sleep(3)  # it hears of it within one
        gate.unlink()
        server.wait_until(lambda: not servers.children(server.process.pid), "end of the child")
    assert sorted(life.spans_of(collector)) == ["half", "last"], server.said()
    assert set(collector.stored().values()) == {1}


def test_an_heir_looks_again_for_what_somebody_else_had_in_hand(traced, directory, collector):
    """As any process of the user has, for a moment, that looks for files that nobody comes for."""
    with Forking(c_program(), directory, traced) as server, contextlib.ExitStack() as held:
        ask_in_vain(server.port)
        server.wait_until(lambda: not servers.children(server.process.pid), "end of the child")
        with socket.create_connection(("127.0.0.1", server.port), 60) as connection:
            collector.wait_for_spans(1)
            connection.sendall(b"GET /last HTTP/1.1\r\nHost: a\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
            for path in traced.left:
                fcntl.flock(held.enter_context(open(path, "rb")), fcntl.LOCK_EX)
        server.wait_until(lambda: not servers.children(server.process.pid), "end of the child")
        time.sleep(3)
        held.close()
    assert sorted(life.spans_of(collector)) == ["half", "last"], server.said()
    assert set(collector.stored().values()) == {1}


def test_what_a_child_is_asked_at_once_is_seen(library, directory):
    """Also by a thread that accepts while another puts the child's agent in order."""
    tracing = servers.Tracing(library, directory, "two")
    subprocess.run([servers.program("python3"), "-c", TWO_THREADS], check=True, timeout=120,
                   env={**os.environ, **tracing.environment()})
    found = spans.parse(tracing.file.read_text().splitlines(), tracing.file)
    assert (sorted(int(span.attributes["url.path"][1:]) for span in found
                   if span.kind == "SERVER") == list(range(31)))
