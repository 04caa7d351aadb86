# SPDX-License-Identifier: Apache-2.0
"""Whose child a call is in a turn of an event loop in which bytes came that the agent does not
understand: tests/programs/turn_app.py with pycurl, and nginx, which tells what came to it."""

import http.client
import socket

import pytest

import servers
from test_baggage import PARENT, TOLD, TRACE_ID

UPGRADE = b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n"
HEADERS = dict([PARENT.split(": ")], baggage="user=alice")


@pytest.fixture
def turns(directory, library):
    """The port of the loop, and the file that lets it go on after an upgrade."""
    port, go = servers.free_port(), directory / "go"
    tracing = servers.Tracing(library, directory, "turns")
    with servers.Nginx(directory, workers=1, more=TOLD) as upstream, \
            servers.Server("turns", ["/usr/bin/python3", servers.PROGRAMS / "turn_app.py", port,
                                     f"http://127.0.0.1:{upstream.port}/told", go],
                           directory, tracing=tracing) as loop:
        loop.wait_until(lambda: socket.create_connection(("127.0.0.1", port)).close() or True,
                        "listener")
        yield port, go


def told(connection):
    """How many messages the loop had read in the turn, and what its call took along."""
    answer = connection.getresponse()
    messages, parent, _state, baggage = answer.read().decode().split("\n")[:4]
    return int(messages), parent.split("-")[1], baggage


def test_a_message_is_not_handled_for_the_request_that_was_read_behind_it(turns):
    port, go = turns
    with socket.create_connection(("127.0.0.1", port), timeout=servers.PATIENCE_SECONDS) as chat:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=servers.PATIENCE_SECONDS)
        connection.request("GET", "/first", headers=HEADERS)
        assert told(connection) == (0, TRACE_ID, "user=alice")
        chat.sendall(UPGRADE)
        assert chat.recv(65536).startswith(b"HTTP/1.1 101")
        chat.sendall(b"\x81\x05hello")
        connection.request("GET", "/beside", headers=HEADERS)
        go.touch()  # now both are there
        messages, trace_id, baggage = told(connection)
        assert messages == 1
        assert (trace_id != TRACE_ID, baggage) == (True, "")
        connection.request("GET", "/alone", headers=HEADERS)
        assert told(connection) == (0, TRACE_ID, "user=alice")
