# SPDX-License-Identifier: Apache-2.0
"""Very many requests at a server whose answers are all of the same size: pipelined, a block at a
time, so that a client in Python keeps a server in C busy."""

import itertools
import socket

BLOCK = 60  # requests under way on a connection; the agent follows 64
PER_CONNECTION = 40000  # below the keepalive_requests of servers.py


class FloodError(Exception):
    """The server did not answer as it should."""


def request(path):
    return b"GET " + path + b" HTTP/1.1\r\nHost: flood\r\n\r\n"


def answer_bytes(port, path):
    """The size of the server's answer to this path."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(request(path))
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += receive(connection)
        head, _, body = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise FloodError(f"the server says {head!r}")
        length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n")
                      if line.startswith(b"content-length:"))
        while len(body) < length:
            body += receive(connection)
        return len(head) + 4 + length


def receive(connection):
    some = connection.recv(1 << 20)
    if not some:
        raise FloodError("the server closed")
    return some


def send(port, paths):
    """Asks for each path, for the first one twice. Returns how many requests that made."""
    paths = iter(paths)
    first = next(paths)
    size = answer_bytes(port, first)
    sent = 1
    paths = itertools.chain([first], paths)
    while True:
        mine = itertools.islice(paths, PER_CONNECTION)
        block = list(itertools.islice(mine, BLOCK))
        if not block:
            return sent
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            while block:
                connection.sendall(b"".join(map(request, block)))
                left = size * len(block)
                while left > 0:
                    left -= len(receive(connection))
                if left:
                    raise FloodError("answers are of different sizes")
                sent += len(block)
                block = list(itertools.islice(mine, BLOCK))
