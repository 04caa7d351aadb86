# SPDX-License-Identifier: Apache-2.0
"""The load of a cell: so many clients, each sending its next request when it has the answer.

Every request is a trace of its own and carries what a call of its handler may hand on: traceparent,
`tracestate: t=ID` and `baggage: who=ID`. The shape says how its bytes travel."""

import asyncio
import contextlib
import dataclasses
import random
import re

SHAPES = ("keep", "close", "late", "split", "pipeline", "abort")
# Only for rows that ask for it. Each client has its own of these, in turn; think is such, too.
MIXED = ("keep", "late", "close", "abort", "split", "think")
ANSWER_SECONDS = 60  # bounds one answer: a prefork server makes most clients wait for a worker
CELL_SECONDS = 240
READ_BYTES = 65536
BODY_BYTES = 300
OPENING_SECONDS = 10


@dataclasses.dataclass
class Request:
    id: int
    trace_id: str
    span_id: str
    method: str = "GET"
    close: bool = False
    cut: bool = False  # the client goes away before the answer
    answered: bool = False  # 200, with its id in the body
    error: str = ""
    again: bool = False  # sent a second time, because the server had closed the idle connection

    def head(self):
        fields = [f"{self.method} /work/{self.id} HTTP/1.1", "Host: 127.0.0.1",
                  f"traceparent: 00-{self.trace_id}-{self.span_id}-01",
                  f"tracestate: t={self.id}", f"baggage: who={self.id}"]
        if self.close:
            fields.append("Connection: close")
        if self.method == "POST":
            fields += ["Content-Type: text/plain", f"Content-Length: {BODY_BYTES}"]
        return "\r\n".join([*fields, "", ""]).encode()

    def body(self):
        return b"b" * BODY_BYTES if self.method == "POST" else b""


class Connection:
    """Opened when first needed, and again after the server or a request closed it."""

    def __init__(self, port):
        self.port = port
        self.reader = self.writer = None
        self.answers = 0  # since it was opened

    async def send(self, data):
        if not self.writer:
            self.reader, self.writer = await asyncio.wait_for(
                asyncio.open_connection("127.0.0.1", self.port, limit=READ_BYTES), OPENING_SECONDS)
            self.answers = 0
        self.writer.write(data)

    async def answer(self, request):
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = re.search(r"(?im)^content-length:\s*(\d+)", head)
        if not length:
            raise ValueError(f"no Content-Length: {head!r}")
        body = await self.reader.readexactly(int(length[1]))
        self.answers += 1
        status = head.split(" ", 2)[1]
        request.answered = status == "200" and body.strip() == b"%d" % request.id
        if not request.answered:
            request.error = f"{status} {body[:60]!r}"
        if re.search(r"(?im)^connection:\s*close", head) or head.startswith("HTTP/1.0"):
            await self.close()

    def was_closed(self, error):
        """Did the server close it after an answer and before the first byte of another?"""
        nothing = isinstance(error, ConnectionError) or not getattr(error, "partial", b"?")
        return bool(nothing and self.answers)

    async def close(self):
        writer, self.reader, self.writer = self.writer, None, None
        if writer:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def pause(choice, least_ms=1, most_ms=5):
    return asyncio.sleep(choice.uniform(least_ms, most_ms) / 1000)


# --- shapes: how a client sends its requests ---


async def whole(connection, requests, choice):
    """keep and close: a request is one write. Every fourth has a body."""
    for request in requests:
        if choice.random() < 0.25:
            request.method = "POST"
        await connection.send(request.head() + request.body())
        await connection.answer(request)
        if request.close:
            await connection.close()


async def close(connection, requests, choice):
    for request in requests:
        request.close = True
    await whole(connection, requests, choice)


async def late(connection, requests, choice):
    for request in requests:
        request.method = "POST"
        body = request.body()
        half = choice.randrange(1, len(body))
        await connection.send(request.head())
        for piece in (body[:half], body[half:]):
            await pause(choice)
            await connection.send(piece)
        await connection.answer(request)


async def split(connection, requests, choice):
    for request in requests:
        head = request.head()
        places = sorted(choice.sample(range(1, len(head)), choice.choice((1, 2))))
        for start, end in zip([0, *places], [*places, len(head)]):
            if start:
                await pause(choice)
            await connection.send(head[start:end])
        await connection.answer(request)


async def pipeline(connection, requests, choice):
    rest = list(requests)
    while rest:
        count = choice.randint(2, 4)
        batch, rest = rest[:count], rest[count:]
        await connection.send(b"".join(request.head() for request in batch))
        while batch:
            await connection.answer(batch.pop(0))
            if not connection.writer:  # the server closed it: what it did not answer goes again
                batch, rest = [], batch + rest


async def abort(connection, requests, choice):
    """A third of the requests: the client goes shortly after the head or within the body."""
    for request in requests:
        request.cut = choice.random() < 1 / 3
        if not request.cut:
            await connection.send(request.head())
            await connection.answer(request)
            continue
        within_body = choice.random() < 0.5
        request.method = "POST" if within_body else "GET"
        await connection.send(request.head() + request.body()[:BODY_BYTES // 2])
        await pause(choice)
        await connection.close()


async def think(connection, requests, choice):
    """As people do: the connection idles, and now and then for so long that a server hands it from
    the thread that answered to the one that waits for all."""
    for request in requests:
        await pause(choice, 3, 30) if choice.random() < 0.97 else await pause(choice, 250, 300)
        await whole(connection, [request], choice)


async def mixed(connection, requests, choice):
    """All shapes at once: a client's first id says which is its own."""
    await SENDERS[MIXED[requests[0].id % len(MIXED)]](connection, requests, choice)


SENDERS = {"keep": whole, "close": close, "late": late, "split": split, "pipeline": pipeline,
           "abort": abort, "think": think, "mixed": mixed}


# --- a cell's load ---


async def serve_client(port, shape, requests, choice):
    """One client's life. After a failure it goes on with the request behind the failed one; but a
    server may close a connection that idles while the next request is under way: that one goes
    again, as HTTP clients do."""
    rest = list(requests)
    while rest:
        connection = Connection(port)
        try:
            await asyncio.wait_for(SENDERS[shape](connection, rest, choice),
                                   ANSWER_SECONDS + len(rest))
            rest = []
        except (OSError, EOFError, ValueError, asyncio.TimeoutError) as error:
            failed = next((place for place, request in enumerate(rest)
                           if not (request.answered or request.cut or request.error)), len(rest))
            if failed < len(rest) and not rest[failed].again and connection.was_closed(error):
                rest[failed].again = True
                rest = rest[failed:]
                continue
            if failed < len(rest):
                rest[failed].error = repr(error)
            rest = rest[failed + 1:]
            if isinstance(error, asyncio.TimeoutError):
                break
        finally:
            await connection.close()


async def run_clients(port, shape, clients, requests, choice):
    shares = [requests[number::clients] for number in range(clients)]
    await asyncio.wait_for(asyncio.gather(*(
        serve_client(port, shape, share, random.Random(choice.random())) for share in shares)),
        CELL_SECONDS)


def run(port, shape, clients, count, seed=1):
    """Sends `count` requests; id → Request, with what became of it."""
    choice = random.Random(seed)
    requests = [Request(number, f"{choice.randrange(1, 1 << 128):032x}",
                        f"{choice.randrange(1, 1 << 64):016x}")
                for number in range(1, count + 1)]
    with contextlib.suppress(asyncio.TimeoutError):
        asyncio.run(run_clients(port, shape, clients, requests, choice))
    return {request.id: request for request in requests}
