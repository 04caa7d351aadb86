# SPDX-License-Identifier: Apache-2.0
"""Servers that fork a child for each connection. A child ends before its spans are sent, if the
collector does not take them at once; and it may be all that knows of a request."""

import socket
import struct
import time

import pytest

import life
import servers

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
