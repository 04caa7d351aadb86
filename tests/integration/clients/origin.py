# SPDX-License-Identifier: Apache-2.0
"""The server that the clients of the matrix ask: it answers as a path says, and writes down each
byte and each request that came. It is its own proxy, for absolute targets and for CONNECT, behind
which it goes on as before.

| path | answer |
|---|---|
| `/bytes/{n}` | content(n) with a Content-Length |
| `/chunked/{n}` | content(n) in several chunks, a write each |
| `/late/{n}` | the same as `/bytes/{n}`, some milliseconds later |
| `/close/{n}` | content(n) until the connection closes |
| `/status/{code}` | that status and `status {code}\\n`; no body for 204 and 304 |
| `/echo` | after the whole body: `{length} {crc32, 8 hex digits}\\n` |
| `/redirect` | 302 to `/bytes/100` with the same query |
| `/reset/answer` | CUT_BYTES of a longer answer; once they are read, a reset |
| `/reset/request` | a reset once the request is read |
| `/silent` | nothing, until the client closes |
"""

import contextlib
import dataclasses
import re
import socket
import struct
import threading
import time
import zlib

from matrix.client import receive_queue
from matrix.program import content

PATIENCE_SECONDS = 60
LATE_MS = 11  # at most; so who asks at once is not answered in turn
CUT_BYTES = 1000  # of CUT_LENGTH
CUT_LENGTH = 100_000
NUMBER = re.compile(r"[?&]r=(\d+)|^r(\d+)\.")  # in a target; of CONNECT in the host
REASONS = {200: "OK", 204: "No Content", 302: "Found", 304: "Not Modified", 404: "Not Found",
           500: "Internal Server Error"}


@dataclasses.dataclass
class Request:
    """One that came, and what was answered."""

    number: int
    connection: int  # which one it came on, counted from 0
    first: bool  # of its connection
    method: str
    target: str
    host: str
    minor: int
    headers: dict  # names in small letters
    head: bytes  # as it came
    came_ns: int  # when that had been read, by the wall clock
    body_bytes: int = 0
    body_crc32: int = 0
    status: int = 0  # 0: it was not answered
    answer_bytes: int = 0  # of content, sent
    sent_ns: int = 0  # before the last bytes of the answer went
    end: str = "whole"  # or "reset", "silent"

    @property
    def path(self):
        return re.sub(r"^http://[^/]*", "", self.target).partition("?")[0]


class Gone(Exception):
    """The client has closed."""


class Reader:
    """What comes on a connection, all of it written down."""

    def __init__(self, connection):
        self.connection = connection
        self.wire = bytearray()
        self.used = 0

    def more(self):
        data = self.connection.recv(1 << 16)
        if not data:
            raise Gone
        self.wire += data

    def until(self, end):
        while (at := self.wire.find(end, self.used)) < 0:
            self.more()
        data = self.wire[self.used:at + len(end)]
        self.used = at + len(end)
        return bytes(data)

    def exactly(self, size):
        while len(self.wire) - self.used < size:
            self.more()
        self.used += size
        return bytes(self.wire[self.used - size:self.used])

    def body(self, headers):
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return b"".join(self.chunks())
        return self.exactly(int(headers.get("content-length", 0)))

    def chunks(self):
        while size := int(self.until(b"\r\n").split(b";")[0], 16):
            yield self.exactly(size)
            self.until(b"\r\n")
        while self.until(b"\r\n") != b"\r\n":
            pass


class Origin:
    """Listens on a free port of 127.0.0.1; a context manager."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.requests = []
        self.readers = []  # of the connections, in their order
        self.threads = []

    def __enter__(self):
        threading.Thread(target=self.run, daemon=True).start()
        return self

    def __exit__(self, *_exception):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                connection, peer = self.listener.accept()
                connection.settimeout(PATIENCE_SECONDS)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                reader = Reader(connection)
                with self.lock:
                    number = len(self.readers)
                    self.readers.append(reader)
                    thread = threading.Thread(target=self.serve, args=(reader, number, peer[1]),
                                              daemon=True)
                    self.threads.append(thread)
                    thread.start()

    def take(self):
        """What came since the last time, when the clients' connections are closed: the requests,
        and for each connection in turn its bytes."""
        # A connection that is closed already may still wait in the listener's queue.
        socket.create_connection(("127.0.0.1", self.port)).close()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            with self.lock:
                running = [thread for thread in self.threads if thread.is_alive()]
                over = not running and self.readers and not self.readers[-1].wire
            if over:
                break
            time.sleep(0.01)
        else:
            raise TimeoutError(f"{len(running)} connections of clients that have ended are open")
        with self.lock:
            taken = self.requests, [bytes(reader.wire) for reader in self.readers if reader.wire]
            self.requests, self.readers, self.threads = [], [], []
        return taken

    def serve(self, reader, number, port):
        exchange = Exchange(self, reader, number, port)
        with contextlib.suppress(Gone, OSError), reader.connection:
            while exchange.next():
                pass


class Exchange:
    """Requests of a connection, one after the other."""

    def __init__(self, origin, reader, number, port):
        self.origin = origin
        self.reader = reader
        self.connection = reader.connection
        self.number = number
        self.port = port  # the client's
        self.request = None

    def next(self):
        head = self.reader.until(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")[:-2]
        came_ns = time.time_ns()
        method, target, version = lines[0].split(" ")
        headers = {name.lower(): value.strip()
                   for name, _, value in (line.partition(":") for line in lines[1:])}
        found = NUMBER.search(target)
        request = Request(int(found[1] or found[2]) if found else -1, self.number, not self.request,
                          method, target, headers.get("host", ""), int(version[-1]), headers,
                          head, came_ns)
        self.request = request
        with self.origin.lock:
            self.origin.requests.append(request)
        if headers.get("expect"):
            self.connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self.reader.body(headers)
        request.body_bytes = len(body)
        request.body_crc32 = zlib.crc32(body)
        if method == "CONNECT":
            return self.send(200, None)
        return self.answer(request, body)

    def answer(self, request, body):
        kind, _, argument = request.path[1:].partition("/")
        if kind == "bytes":
            return self.send(200, content(int(argument)))
        if kind == "late":
            time.sleep(request.number % LATE_MS / 1000)
            return self.send(200, content(int(argument)))
        if kind == "status":
            return self.send(int(argument), f"status {argument}\n".encode())
        if kind == "echo":
            return self.send(200, f"{len(body)} {zlib.crc32(body):08x}\n".encode())
        if kind == "redirect":
            return self.send(302, b"elsewhere\n", f"Location: /bytes/100?r={request.number}")
        return getattr(self, f"{kind}_")(argument)

    def put(self, data):
        self.request.sent_ns = time.time_ns()
        self.connection.sendall(data)

    @property
    def closes(self):
        """Does the connection end after this answer?"""
        request = self.request
        return request.minor == 0 or "close" in request.headers.get("connection", "").lower()

    def head(self, status, *fields):
        self.request.status = status
        if self.closes and "Connection: close" not in fields and self.request.method != "CONNECT":
            fields += ("Connection: close",)
        return "\r\n".join([f"HTTP/1.1 {status} {REASONS[status]}", *fields, "", ""]).encode()

    def send(self, status, body, *fields):
        """The whole answer in one write; true if another may follow. No body: its head alone."""
        if body is None or status in (204, 304):
            self.put(self.head(status, *fields))
            return self.request.method == "CONNECT" or not self.closes
        head = self.head(status, f"Content-Length: {len(body)}", *fields)
        if self.request.method == "HEAD":
            body = b""
        self.request.answer_bytes = len(body)
        self.put(head + body)
        return not self.closes

    def chunked_(self, argument):
        data = content(int(argument))
        third = len(data) // 3 + 1
        self.request.answer_bytes = len(data)
        self.put(self.head(200, "Transfer-Encoding: chunked"))
        for at in range(0, len(data), third):
            piece = data[at:at + third]
            self.put(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.put(b"0\r\n\r\n")
        return not self.closes

    def close_(self, argument):
        data = content(int(argument))
        self.request.answer_bytes = len(data)
        self.put(self.head(200, "Connection: close"))
        self.put(data)
        self.connection.shutdown(socket.SHUT_WR)
        self.reader.more()  # until the client has closed
        return False

    def reset_(self, argument):
        self.request.end = "reset"
        if argument == "answer":
            self.request.answer_bytes = CUT_BYTES
            self.put(self.head(200, f"Content-Length: {CUT_LENGTH}") + content(CUT_BYTES))
            deadline = time.monotonic() + PATIENCE_SECONDS
            while receive_queue(self.port, self.origin.port) and time.monotonic() < deadline:
                time.sleep(0.002)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    def silent_(self, _argument):
        self.request.end = "silent"
        self.reader.more()
        return True
