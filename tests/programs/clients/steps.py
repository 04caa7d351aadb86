# SPDX-License-Identifier: Apache-2.0
"""The steps that the programs here do (tests/integration/clients/plan.py), and how they say what
came of them."""

import sys
import zlib


class Step:
    def __init__(self, line):
        number, self.method, self.url, body, milliseconds, self.way, connection = line.split()
        self.number = number
        kind, _, size = body.partition(":")
        self.body = None if kind == "-" else content(int(size))
        self.chunked = kind == "chunked"
        self.timeout = int(milliseconds) / 1000 or 60
        self.kept = connection == "kept"

    @property
    def pieces(self):
        third = len(self.body) // 3 + 1
        return [self.body[at:at + third] for at in range(0, len(self.body), third)]


def content(size):
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def read():
    """The steps, and the proxy."""
    with open(sys.argv[1], encoding="ascii") as lines:
        return [Step(line) for line in lines], sys.argv[2]


def show(step, status, body):
    print(step.number, status, len(body), f"{zlib.crc32(body):08x}", flush=True)


def show_failure(step, error):
    print(step.number, "failed", type(error).__name__, flush=True)


def run(begin, ask, end=lambda connection: connection.close()):
    """`begin(step, proxy)` makes what lasts as long as a connection does, `ask(it, step, proxy)`
    returns status and body."""
    steps, proxy = read()
    kept = None
    for step in steps:
        if kept and not step.kept:
            end(kept)
            kept = None
        connection = kept or begin(step, proxy)
        try:
            show(step, *ask(connection, step, proxy))
        except Exception as error:  # each library has its own
            show_failure(step, error)
        if step.kept:
            kept = connection
        else:
            end(connection)
    if kept:
        end(kept)
