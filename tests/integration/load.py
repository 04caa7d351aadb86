# SPDX-License-Identifier: Apache-2.0
"""A bounded HTTP load: a fixed list of requests over a fixed number of connections.

Each answer is kept as far as tests compare it: status, headers, size and hash of the body."""

import dataclasses
import hashlib
import http.client
import queue
import random
import threading
import time

PIECE_BYTES = 4000  # of a chunked body


@dataclasses.dataclass
class Request:
    method: str
    path: str
    id: str  # X-Request-ID, unique in a run
    body: bytes = None
    chunked: bool = False
    traceparent: str = ""
    close: bool = False  # Connection: close
    route: str = ""  # what http.route shall be; "" = not judged
    status: int = 200  # what the answer shall be
    calls: tuple = ()  # names of the client spans it shall have, in order

    def headers(self):
        headers = {"X-Request-ID": self.id, "User-Agent": "otelagent-test"}
        if self.traceparent:
            headers["traceparent"] = self.traceparent
        if self.close:
            headers["Connection"] = "close"
        return headers


@dataclasses.dataclass
class Answer:
    status: int = 0
    headers: tuple = ()  # without Date, sorted
    body_bytes: int = 0
    body_hash: str = ""
    seconds: float = 0.0
    error: str = ""

    def same(self, other):
        return ((self.status, self.headers, self.body_bytes, self.body_hash, self.error) ==
                (other.status, other.headers, other.body_bytes, other.body_hash, other.error))


def pieces(body):
    for start in range(0, len(body), PIECE_BYTES):
        yield body[start:start + PIECE_BYTES]


def ask(connection, request):
    """One request and its answer on a connection of http.client."""
    started = time.monotonic()
    connection.request(request.method, request.path,
                       body=pieces(request.body) if request.chunked else request.body,
                       headers=request.headers(), encode_chunked=request.chunked)
    response = connection.getresponse()
    body = response.read()
    headers = tuple(sorted((name.lower(), value) for name, value in response.getheaders()
                           if name.lower() != "date"))
    return Answer(response.status, headers, len(body), hashlib.sha256(body).hexdigest(),
                  time.monotonic() - started)


def run(port, requests, connections=32, timeout=60, connect=None):
    """Sends each request once, over keep-alive connections; request id → Answer. `connect` makes
    a connection of http.client where it is not to be to `port` of 127.0.0.1."""
    waiting = queue.SimpleQueue()
    for request in requests:
        waiting.put(request)
    answers = {}

    def work():
        connection = (connect() if connect else
                      http.client.HTTPConnection("127.0.0.1", port, timeout=timeout))
        while True:
            try:
                request = waiting.get_nowait()
            except queue.Empty:
                break
            try:
                answers[request.id] = ask(connection, request)
            except (OSError, http.client.HTTPException) as error:
                answers[request.id] = Answer(error=repr(error))
                connection.close()
            if request.close:
                connection.close()
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


class Plan:
    """A list of requests in the making: ids count up, the random choices are the same each time."""

    def __init__(self, prefix, seed=1):
        self.prefix = prefix
        self.random = random.Random(seed)
        self.requests = []

    def add(self, method, path, **more):
        self.requests.append(Request(
            method, path, f"{self.prefix}{len(self.requests):05d}",
            traceparent=self.traceparent() if self.random.random() < 0.3 else "",
            close=self.random.random() < 0.03, **more))

    def traceparent(self):
        return f"00-{self.random.randrange(1, 1 << 128):032x}-{self.random.randrange(1, 1 << 64):016x}-01"

    def body(self, most=60000):
        return self.random.randbytes(self.random.randrange(most))

    def shuffled(self):
        mixed = list(self.requests)
        self.random.shuffle(mixed)
        return mixed
