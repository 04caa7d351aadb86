# SPDX-License-Identifier: Apache-2.0
"""Collectors that let their answer trickle, or never come to it: what the agent's thread costs
meanwhile, in processor time, and what becomes of the batch."""

import pathlib
import threading
import time

import pytest

import accounts
import certificates
import faults
import servers
import sink
import small

SECONDS = 6  # of trickling
MOST_NS = 400_000_000  # in that time
PACES = {"in-pieces": (300, 0.001), "byte-by-byte": (1, 0)}  # bytes, seconds between them
UNTIL_CLOSE = faults.head(faults.OK)
CHUNKED = faults.head(faults.OK, "Transfer-Encoding: chunked")

# How an answer begins, and what then comes without end.
ENDLESS = {
    "fields": (UNTIL_CLOSE[:-2], b"x: y\r\n"),
    "a-field": (UNTIL_CLOSE[:-2] + b"x: ", b"y"),
    "a-reason": (b"HTTP/1.1 200 ", b"O"),
    "interim-answers": (b"", faults.head("100 Continue")),
    "a-body": (UNTIL_CLOSE, b"x"),
    "chunks": (CHUNKED, b"1\r\nx\r\n"),
    "a-chunk": (CHUNKED + b"100000\r\n", b"x"),
    "an-extension": (CHUNKED + b"1;", b"x"),
    "a-trailer": (CHUNKED + b"0\r\n", b"x: y\r\n"),
}
HEADS = ("fields", "a-field", "a-reason", "interim-answers")  # no status in these


@pytest.fixture(scope="module")
def server_program(run_directory):
    return small.compile_server(run_directory / "trickle-server")


@pytest.fixture(scope="module")
def authority(run_directory):
    return certificates.Authority(run_directory / "trickle-authority")


@pytest.fixture
def tls(authority, scheme):
    return authority.serve() if scheme == "https" else None


class Trickle:
    """A step: the beginning at once, then pieces. `pause` in seconds between them."""

    def __init__(self, first, piece, size, pause, seconds=SECONDS):
        self.first, self.piece, self.size, self.pause = first, piece, size, pause
        self.seconds = seconds
        self.begun = threading.Event()
        self.over = threading.Event()
        self.sent = 0

    def __call__(self, connection, post):
        data = self.piece * (1 + (1 << 16) // len(self.piece))
        self.begun.set()
        end = time.monotonic() + self.seconds
        try:
            connection.sendall(self.first)
            while time.monotonic() < end:
                at = self.sent % len(self.piece)
                connection.sendall(data[at:at + self.size])
                self.sent += self.size
                if self.pause:
                    time.sleep(self.pause)
        finally:
            self.over.set()
        return False


class ReadSlowly(Trickle):
    """It takes the batch in small pieces, and talks meanwhile."""

    early = True

    def __init__(self):
        super().__init__(*ENDLESS["interim-answers"], 10, 0.001)

    def __call__(self, connection, post):
        self.begun.set()
        data = self.piece * 1000
        end = time.monotonic() + self.seconds
        try:
            while time.monotonic() < end:
                connection.recv(self.size)
                at = self.sent % len(self.piece)
                connection.sendall(data[at:at + self.size])
                self.sent += self.size
                time.sleep(self.pause)
        finally:
            self.over.set()
        return False


def thread_ns(pid):
    """Processor time of the agent's thread."""
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text() == "otelagent\n":
            return int((task / "schedstat").read_text().split()[0])
    raise AssertionError("no thread of the agent's")


class Run:
    def __init__(self, directory, library, program, collector, authority, step, timeout_ms,
                 paths=("/",), **variables):
        tracing = servers.Tracing(library, directory, "server", {
            "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "OTEL_EXPORTER_OTLP_CERTIFICATE": str(authority.file), "OTEL_LOG_LEVEL": "info",
            "OTEL_EXPORTER_OTLP_TIMEOUT": str(timeout_ms), **variables})
        with small.Small(directory, program, tracing) as server:
            connection = server.connect()
            for path in paths:
                small.ask(connection, path=path)
            assert step.begun.wait(20), "no post"
            before = thread_ns(server.process.pid)
            assert step.over.wait(60), "trickling has no end"
            time.sleep(0.1)
            self.cost_ns = thread_ns(server.process.pid) - before
            connection.close()
        self.said = server.said
        self.accounts = accounts.read("\n".join(self.said))
        accounts.balance(self.accounts, len(paths))
        print(f"{self.cost_ns / 1e6:.1f} ms of processor time for {step.sent} bytes")


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("what, pace", [
    *[(what, "in-pieces") for what in ENDLESS],
    *[(what, "byte-by-byte") for what in ("interim-answers", "a-body", "chunks")]])
def test_an_answer_that_trickles_costs_little(directory, library, server_program, authority, tls,
                                              what, pace, scheme):
    """In pieces, each of which used to be looked at with all before it; and byte by byte, as fast
    as that goes, each of which used to wake the thread."""
    step = Trickle(*ENDLESS[what], *PACES[pace])
    with sink.Collector(step, tls=tls) as collector:
        run = Run(directory, library, server_program, collector, authority, step,
                  SECONDS * 1000 + 5000)
    assert run.cost_ns < MOST_NS


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("what", ENDLESS)
def test_an_answer_without_end_is_given_up(directory, library, server_program, authority, tls,
                                           what, scheme):
    """Long before its time is over: a head after 64 KiB, the rest after 4 MiB. But libcurl tells
    nobody of a chunk's extension."""
    long = what == "an-extension" and scheme == "https"
    step = Trickle(*ENDLESS[what], 1 << 14, 0, SECONDS if long else 30)
    began = time.monotonic()
    with sink.Collector(step, tls=tls) as collector:
        run = Run(directory, library, server_program, collector, authority, step, 60000)
    assert time.monotonic() - began < 20
    assert run.cost_ns < (SECONDS * 200_000_000 if long else MOST_NS)
    failures = [line for line in run.said if "can't export" in line]
    if what not in HEADS:
        assert run.accounts.exported == 1 and not failures
        return
    assert run.accounts.failed + run.accounts.left == 1 and len(failures) == 1
    assert "64 KiB" in failures[0] or scheme == "https" and "has no end" in failures[0]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_batch_that_is_taken_slowly_costs_little(directory, library, server_program, authority,
                                                   tls):
    """One of more bytes than the kernel takes at once."""
    step = ReadSlowly()
    with sink.Collector(step, sink.accept, tls=tls) as collector:
        run = Run(directory, library, server_program, collector, authority, step,
                  SECONDS * 1000 + 5000, ["/" + "x" * 4000] * 2000,
                  OTEL_BSP_SCHEDULE_DELAY="5000", OTEL_BSP_MAX_EXPORT_BATCH_SIZE="2000",
                  OTEL_EXPORTER_OTLP_COMPRESSION="none")
    assert run.cost_ns < MOST_NS
