# SPDX-License-Identifier: Apache-2.0
"""What strangers can make the agent hold: half heads on thousands of connections, thousands of
requests that are not answered. It is bounded, others are seen meanwhile, what is not seen is
counted, and the memory goes back to the kernel."""

import collections
import contextlib
import re
import socket
import time

import pytest

import accounts
import servers
import spans
from test_limits import Many, ask, enough_descriptors, program, read_answer  # fixtures, too

MIB = 1024 * 1024
STORE_BYTES = 16 * MIB  # agent/net/head_store.h
ROOM = {1024: 4096, 4096: 1024, 16384: 256, 65536: 64}  # buffers of each size
CONNECTION_BYTES = 640  # of a connection, generously
SLACK_BYTES = 8 * MIB  # the store keeps 1 MiB, the exporter as much as its largest batches took
IN_FLIGHT = 4096  # requests that are traced at a time (agent/life/agent.c)
EXCHANGE_BYTES = 256  # what stays of each
RETURN_SECONDS = 30  # the exporter's thread looks once a second; a loaded machine takes longer


def not_traced(log):
    """How many heads in pieces found no room, and how many requests were over the limit."""
    found = re.search(r"not traced: requests over the limit (\d+), .* heads in pieces without room "
                      r"(\d+);", log)
    return (int(found.group(1)), int(found.group(2))) if found else (0, 0)


def wait_for_memory(server, most):
    deadline = time.monotonic() + RETURN_SECONDS
    while (held := server.private_bytes) > most and time.monotonic() < deadline:
        time.sleep(0.2)
    return held


@pytest.fixture
def start(directory, library, program):
    with contextlib.ExitStack() as stack:
        def begin(together=0, **variables):
            tracing = servers.Tracing(library, directory, "many", {
                "OTEL_LOG_LEVEL": "info", "OTEL_SEMCONV_STABILITY_OPT_IN": "http", **variables})
            return stack.enter_context(Many(directory, program, tracing, together))
        yield begin


def head(path, length):
    """A request of that many bytes, without the empty line's last byte."""
    text = f"GET {path} HTTP/1.1\r\nHost: many\r\nX-Long: ".encode()
    return text + b"x" * (length - len(text) - 3) + b"\r\n\r"


def ask_in_pieces(server, path, length):
    with server.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        text = head(path, length)
        connection.sendall(text[:length // 2])
        time.sleep(0.02)
        connection.sendall(text[length // 2:])
        time.sleep(0.02)
        connection.sendall(b"\n")
        read_answer(connection)


@pytest.mark.parametrize("count,length", [(4000, 60_000), (4000, 3_000), (10_000, 300)],
                         ids=["long", "middle", "short"])
def test_half_heads_hold_little_and_hide_nobody(start, directory, count, length):
    server = start()
    lengths = (200, 3_000, 12_000, 50_000)
    for size in lengths:
        ask_in_pieces(server, f"/before/{size}", size)
    before = server.private_bytes
    with contextlib.ExitStack() as stack:
        halves = [stack.enter_context(server.connect()) for _ in range(count)]
        texts = [head(f"/half/{number}", length) for number in range(count)]
        pieces = 3
        for piece in range(pieces):
            for connection, text in zip(halves, texts):
                size = -(-length // pieces)
                connection.sendall(text[piece * size:(piece + 1) * size])
        with server.connect() as connection:
            for number in range(100):
                ask(connection, f"/whole/{number}")
        for size in lengths:
            ask_in_pieces(server, f"/meanwhile/{size}", size)
        held = server.private_bytes - before
        print(f"{held} bytes are held for {count} half heads of {length}")
        assert held <= STORE_BYTES + count * CONNECTION_BYTES + SLACK_BYTES
        # Now the rest of all of them: what is not seen was counted.
        for connection in halves:
            connection.sendall(b"\n")
        for connection in halves:
            read_answer(connection)
    remains = wait_for_memory(server, before + count * CONNECTION_BYTES + SLACK_BYTES) - before
    print(f"{remains} bytes remain")
    assert remains <= count * CONNECTION_BYTES + SLACK_BYTES
    for size in lengths:
        ask_in_pieces(server, f"/after/{size}", size)
    server.stop()

    paths = collections.Counter(span.attributes["url.path"]
                                for span in spans.read(directory / "many.jsonl"))
    for when in ("before", "meanwhile", "after"):
        assert [paths.pop(f"/{when}/{size}", 0) for size in lengths] == [1] * 4, when
    assert [paths.pop(f"/whole/{number}", 0) for number in range(100)] == [1] * 100
    over_limit, no_room = not_traced(server.log.read_text())
    room = next(places for size, places in ROOM.items() if size > length)
    assert over_limit == 0 and no_room > 0
    assert len(paths) + no_room == count
    assert room - len(lengths) <= len(paths) <= room


def test_a_peak_of_requests_in_flight_leaves_little_behind(start, directory):
    server = start(together=IN_FLIGHT)
    before = server.private_bytes
    # All that a stranger can have the agent keep of a request.
    carried = ("traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
               f"tracestate: a={'s' * 200}\r\nbaggage: b={'g' * 3700}\r\nUser-Agent: {'u' * 2000}")
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(server.connect()) for _ in range(IN_FLIGHT)]
        for number, connection in enumerate(connections[:-1]):
            connection.sendall(f"GET /{number}?{'q' * 1000} HTTP/1.1\r\nHost: a\r\n{carried}\r\n\r\n"
                               .encode())
        server.wait_until(lambda: server.private_bytes - before > IN_FLIGHT * 4096,
                          "memory for requests in flight")
        held = server.private_bytes - before
        connections[-1].sendall(b"GET /last HTTP/1.1\r\nHost: a\r\n\r\n")
        for connection in connections:
            read_answer(connection)
    left = IN_FLIGHT * (CONNECTION_BYTES + EXCHANGE_BYTES) + SLACK_BYTES
    remains = wait_for_memory(server, before + left) - before
    print(f"{held} bytes are held for {IN_FLIGHT} requests, {remains} remain")
    assert remains <= left
    with server.connect() as connection:
        for number in range(200):
            ask(connection, f"/after/{number}")
    server.stop()
    sums = accounts.read(server.log.read_text())
    accounts.balance(sums, IN_FLIGHT + 200)
    assert not_traced(server.log.read_text()) == (0, 0)
    assert sums.exported == IN_FLIGHT + 200
