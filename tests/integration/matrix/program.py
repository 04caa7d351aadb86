# SPDX-License-Identifier: Apache-2.0
"""What the server matrix knows of a program: how it is started, and what it can't do.

A program answers one small application, whatever language it is written in. Queries are ignored
(each request carries its number there, `?r=17`), and so are a target's other details:

| request | answer |
|---|---|
| `GET`, `HEAD`, `OPTIONS`, `BREW` (made up) `/status/{code}`, code one of STATUSES | that status and `status {code}\\n`; no body for 204 and 304 |
| `GET`, `HEAD` `/bytes/{n}`, n one of SIZES | content(n) with a Content-Length |
| `GET` `/chunked/{n}`, n one of SIZES | content(n) in several chunks |
| `GET` `/file` | content(FILE_BYTES) from the file that write_file() made, by sendfile where the server has it |
| `POST`, `PUT`, `PATCH`, `DELETE` `/echo` | reads the whole body, with a Content-Length or chunked, then 200 and `{length} {crc32, 8 hex digits}\\n` |
| `GET` `/upgrade` with `Upgrade: websocket` | 101 with the right Sec-WebSocket-Accept; then each byte that comes goes back, no frames, until the client closes |

Keep-alive as the server does it by default, but without limits of number (of requests on a
connection) and with an idle time of 30 s or more. Bodies may be 5 MB large. A request whose body
ends early gets any answer or none.

At SIGTERM a program ends in good order, through exit(), _exit() or a return from main, because
the agent says its counters then: add a handler where the runtime would die of the signal."""

import dataclasses
import pathlib
import signal
import typing

STATUSES = (200, 201, 204, 301, 304, 400, 403, 404, 409, 500, 503)
SIZES = (0, 1, 100, 4096, 65536, 1_000_000, 5_000_000)
FILE_BYTES = 50_000_000
UPLOADS = ("POST", "PUT", "PATCH", "DELETE")

# Feature → what the plan sends for it. A program has each that its `lacks` does not name; what it
# can't do with one method only stands there under the method's name.
FEATURES = {
    "methods": "POST, PUT, PATCH, DELETE with bodies to /echo; OPTIONS and BREW",
    "status": "each of STATUSES",
    "keep_alive": "several requests on a connection, one after the other",
    "close": "Connection: close, and HTTP/1.0",
    "pipelined": "several requests in one write",
    "pipelined_body": "bodies among them",
    "chunked_request": "a chunked body to /echo",
    "chunked_response": "/chunked/{n}",
    "head": "HEAD /bytes/{n} and /status/{code}",
    "no_content": "/status/204",
    "not_modified": "/status/304",
    "expect_continue": "Expect: 100-continue; the body is sent after the 100",
    "upgrade": "/upgrade, then opaque bytes",
    "empty": "empty bodies both ways",
    "large": "5 MB both ways",
    "file": "/file",
    "trickle": "a head in writes of one byte each",
    "aborted": "connections cut in mid head, mid request body, mid response",
    "half_head": "among them heads that end with the stream: refused",
}


@dataclasses.dataclass(frozen=True)
class Launch:
    """A command that serves in the foreground, on 127.0.0.1 (an IPv6 socket that takes v4-mapped
    connections is fine, too)."""

    argv: tuple
    environment: dict = dataclasses.field(default_factory=dict)  # additions
    cwd: pathlib.Path = None  # None: the folder
    logs: tuple = ()  # paths that take the agent's lines where it is not stderr (nginx, apache)
    beside: tuple = ()  # Launches of untraced helpers, a backend for example


@dataclasses.dataclass(frozen=True)
class Program:
    name: str  # as in the table
    calls: str  # by which a request comes and a response goes: "recv + writev + sendfile64"
    # Writes configuration and files into an empty folder, for a port. Called once; the launch is
    # started twice then, untraced and traced, so that times and names of files are the same.
    prepare: typing.Callable[[pathlib.Path, int], Launch]
    # Feature, or a single method, → why, as the table shows it.
    lacks: dict = dataclasses.field(default_factory=dict)
    quick: bool = False  # in CI by default: one of each distinct way of calling
    varies: tuple = ()  # response headers that differ from run to run, in small letters; Date is known
    processes: int = 1  # so many at least say their counters at the end
    stop: int = signal.SIGTERM  # to the first process; each program is a session of its own
    exits: tuple = (0, -signal.SIGTERM)  # how it may end then

    def has(self, *features):
        return not any(feature in self.lacks for feature in features)

    @property
    def uploads(self):
        """The methods with bodies that it takes."""
        return [method for method in UPLOADS if self.has(method)]


def content(size):
    """The bytes of /bytes, /chunked and /file: byte i is i modulo 251."""
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def write_file(folder):
    """Makes what /file serves: folder/file."""
    path = pathlib.Path(folder) / "file"
    path.write_bytes(content(FILE_BYTES))
    return path
