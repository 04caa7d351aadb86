# SPDX-License-Identifier: Apache-2.0
"""A collector that behaves as a test tells it to, well or badly.

Its behaviour is a list of steps, one a post, the last one for all further posts. A step gets the
connection and the post, and returns whether the connection may carry another one. An `early` step
is taken before the body is read; its connection never carries another post."""

import collections
import contextlib
import dataclasses
import functools
import gzip
import socket
import struct
import threading
import time

import otlp

SECONDS = 30  # no test waits longer for anything
RESET = object()  # a step's result: the connection ends with a reset


@dataclasses.dataclass
class Post:
    target: str
    headers: dict  # names in lower case
    wire: bytes  # the body as it came
    stored: bool = False
    lost: bool = False  # stored, but the sender was not told
    rejected: int = 0
    at: float = 0.0  # when it had come, by the monotonic clock
    step: object = None  # what it met
    connection: int = 0  # which one it came on, counted from 0

    @property
    def body(self):
        return gzip.decompress(self.wire) if "content-encoding" in self.headers else self.wire

    @property
    def request(self):
        return otlp.decode(self.body)

    @functools.cached_property
    def ids(self):
        return otlp.span_ids(self.request)


# --- Steps ---


def answer(connection, status, body=b"", *fields):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields]
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
    return True


def accept(connection, post):
    post.stored = True
    return answer(connection, "200 OK", otlp.Response().SerializeToString(),
                  "Content-Type: application/x-protobuf")


def refuse(status, *fields, body=b""):
    return lambda connection, post: answer(connection, status, body, *fields)


def accept_but(count, message="too old"):
    """Partial success: all but `count` spans are stored."""
    def step(connection, post):
        response = otlp.Response()
        response.partial_success.rejected_spans = count
        response.partial_success.error_message = message
        post.stored = True
        post.rejected = count
        return answer(connection, "200 OK", response.SerializeToString())
    return step


def lose_answer(connection, post):
    """Stores, and closes without a word."""
    post.stored = post.lost = True
    return False


def cut_answer(connection, post):
    """Stores, and closes in the middle of the answer's head."""
    post.stored = post.lost = True
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")
    return False


def close(connection, post):
    return False


def reset(connection, post):
    """Ends the connection with a reset, without a word."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return RESET


def early(step):
    """The step, before the body is read."""
    def taken(connection, post):
        result = step(connection, post)
        return result if result is RESET else False
    taken.early = True
    return taken


def say_garbage(connection, post):
    connection.sendall(b"\x16\x03\x01 this is no HTTP\n" * 10)
    return False


def by_connection(*steps):
    """Collectors behind one address: each connection has one of the steps, in turn."""
    return lambda connection, post: steps[post.connection % len(steps)](connection, post)


class Hang:
    """Never answers."""

    def __init__(self):
        self.over = threading.Event()

    def __call__(self, connection, post):
        self.over.wait()
        return False


# --- The collector ---


class Collector:
    """Listens on a free port of 127.0.0.1, or on a unix socket; with `tls`, an ssl.SSLContext, it
    speaks TLS. A context manager; stop() and start() again is a restart at the same address."""

    def __init__(self, *steps, path=None, tls=None, host="127.0.0.1", port=0):
        self.steps = collections.deque(steps or [accept])
        self.host = host
        self.path = path
        self.tls = tls
        self.authority = None  # the certificates.Authority that programs are to believe
        self.refused = []  # what went wrong in handshakes
        self.port = port
        self.posts = []
        self.accepted = 0  # connections
        self.changed = threading.Condition()
        self.connections = set()
        self.listener = None

    @property
    def endpoint(self):
        """For OTEL_EXPORTER_OTLP_ENDPOINT."""
        scheme = "https" if self.tls else "http"
        return f"unix://{self.path}" if self.path else f"{scheme}://{self.host}:{self.port}"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_exception):
        self.stop()

    def start(self):
        if self.path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(str(self.path))
        else:
            self.listener = socket.socket()
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind((self.host, self.port))
            self.port = self.listener.getsockname()[1]
        self.listener.listen(64)
        threading.Thread(target=self.run, args=(self.listener,), daemon=True).start()

    def take_no_more(self):
        """No new connections; those there are go on."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def stop(self):
        for step in self.steps:
            if isinstance(step, Hang):
                step.over.set()
        # shutdown() ends an accept() or recv() in another thread, close() does not.
        self.take_no_more()
        with self.changed:
            for connection in self.connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def restart(self):
        self.stop()
        self.start()

    def run(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            number = self.accepted
            self.accepted += 1
            threading.Thread(target=self.serve, args=(connection, number), daemon=True).start()

    def shake_hands(self, connection):
        """The connection as the posts come on it, None where there is none."""
        try:
            return self.tls.wrap_socket(connection, server_side=True) if self.tls else connection
        except OSError as error:
            self.refused.append(str(error))
            return None

    def serve(self, connection, number):
        connection = self.shake_hands(connection)
        if not connection:
            return
        with self.changed:
            self.connections.add(connection)
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as reader:
            while True:
                post, length = read_head(reader)
                if not post:
                    break
                with self.changed:
                    step = self.steps.popleft() if len(self.steps) > 1 else self.steps[0]
                post.step = step
                post.connection = number
                if not hasattr(step, "early") and not read_body(reader, post, length):
                    break
                with self.changed:
                    self.posts.append(post)
                    self.changed.notify_all()
                more = step(connection, post)
                if more is RESET:
                    break
                if not more:
                    connection.shutdown(socket.SHUT_RDWR)
                    break
                with self.changed:
                    self.changed.notify_all()
        with self.changed:
            self.connections.discard(connection)

    def wait_for(self, condition, what):
        with self.changed:
            if not self.changed.wait_for(condition, SECONDS):
                raise TimeoutError(f"the collector saw no {what} in {SECONDS} s, "
                                   f"but {len(self.posts)} posts")

    def wait_for_spans(self, count):
        """Until so many different spans are stored."""
        self.wait_for(lambda: len(self.stored()) >= count, f"{count} spans")

    def stored(self):
        """Span id → how often it was stored; those of a partial success count as stored."""
        return collections.Counter(span_id for post in list(self.posts) if post.stored
                                   for span_id in post.ids)

    def lost(self):
        """Ids of spans whose sender was not told that they are stored."""
        return {span_id for post in self.posts if post.lost for span_id in post.ids}

    def rejected(self):
        return sum(post.rejected for post in self.posts)


def read_head(reader):
    """The next request of a connection, without its body, whose length is the second value;
    None at the connection's end."""
    line = reader.readline().decode("latin-1").split()
    if len(line) != 3:
        return None, 0
    headers = {}
    while True:
        field = reader.readline()
        if field in (b"\r\n", b""):
            break
        name, _, value = field.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    return Post(line[1], headers, b""), int(headers.get("content-length", 0))


def read_body(reader, post, length):
    """False where the connection ends before it."""
    post.wire = reader.read(length)
    post.at = time.monotonic()
    return len(post.wire) == length
