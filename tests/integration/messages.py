# SPDX-License-Identifier: Apache-2.0
"""tests/programs/messages.c under streams of all kinds, and what is read at their other ends."""

import contextlib
import dataclasses
import os
import pathlib
import pty
import select
import socket
import subprocess
import threading
import time

import life

PATIENCE = 30
# Each makes warnings, in the constructor or at listen(): values that no version will know.
SETTINGS = {
    "protocol": {"OTEL_EXPORTER_OTLP_PROTOCOL": "never_a_protocol"},
    "endpoint": {"OTEL_EXPORTER_OTLP_ENDPOINT": "no scheme"},
    "propagators": {"OTEL_PROPAGATORS": "never_one,tracecontext"},
    "sampler": {"OTEL_TRACES_SAMPLER": "never_a_sampler"},
    "exporter": {"OTEL_TRACES_EXPORTER": "never_an_exporter"},
    "level": {"OTEL_LOG_LEVEL": "never_a_level"},
    "headers": {"OTEL_EXPORTER_OTLP_HEADERS": "a b=never"},
    "routes": {"OTEL_AGENT_HTTP_ROUTES": "no slash"},
}
# As much as can be said: at start, at listen(), of requests, of a failing export, at the end.
ALL = {"OTEL_LOG_LEVEL": "debug", "OTEL_TRACES_EXPORTER": "otlp,console",
       "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_BSP_SCHEDULE_DELAY": "10",
       "OTEL_AGENT_CONSOLE_COLOR": "never",
       **SETTINGS["sampler"], **SETTINGS["routes"], **SETTINGS["propagators"]}
SERVE = ["listen:port", "serve:2"]


@dataclasses.dataclass
class Run:
    """What becomes of a program that does these steps; `streams` are its descriptors 0 to 2, None
    where one is closed."""

    program: pathlib.Path
    directory: pathlib.Path
    streams: tuple = (None, None, None)
    variables: dict = dataclasses.field(default_factory=dict)
    requests: int = 0
    before: callable = None  # in the child, last of all
    kept: tuple = ()  # further descriptors

    def prepare(self):
        for number, stream in enumerate(self.streams):
            if stream is None:
                os.close(number)
        if self.before:
            self.before()

    def __call__(self, *steps):
        """Its status, and the answers to its requests."""
        port = self.directory / "port"
        port.unlink(missing_ok=True)
        clean = {name: value for name, value in os.environ.items()
                 if not name.startswith(("OTEL_", "OPENTELEMETRY_", "LD_PRELOAD"))}
        names = dict(zip(("stdin", "stdout", "stderr"), self.streams))
        process = subprocess.Popen([self.program, *steps], cwd=self.directory,
                                   env={**clean, **self.variables}, preexec_fn=self.prepare,
                                   pass_fds=self.kept,
                                   **{name: stream for name, stream in names.items()
                                      if stream is not None})
        with process:
            try:
                answers = [self.ask(port, process) for _ in range(self.requests)]
                return process.wait(PATIENCE), answers
            except BaseException:
                process.kill()
                raise

    @staticmethod
    def ask(port, process):
        deadline = time.monotonic() + PATIENCE
        while not port.exists() and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.01)
        assert port.exists(), f"no port; status {process.poll()}"
        return life.ask(int(port.read_text()), "page", PATIENCE)


def preload(library, directory, **variables):
    state = directory / "state"
    state.mkdir(exist_ok=True)
    return {"LD_PRELOAD": str(library), "OTEL_AGENT_STATE_DIR": str(state), **ALL, **variables}


@contextlib.contextmanager
def gathering(server, take):
    """Calls take(server) until it returns nothing; the bytes it gave are in the list."""
    pieces = []

    def gather():
        while piece := take(server):
            pieces.append(piece)

    thread = threading.Thread(target=gather)
    thread.start()
    try:
        yield pieces
    finally:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def take_datagrams(server):
    """All there are at the end; its stop comes from ourselves."""
    piece = server.recv(65536)
    return b"" if piece == b"stop" else piece


@contextlib.contextmanager
def backend(kind, directory):
    """The step that connects to it, and the bytes that it has got in the end."""
    family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM) as server:
        path = directory / "backend"
        path.unlink(missing_ok=True)
        server.bind(str(path) if kind == "unix" else ("127.0.0.1", 0))
        name = server.getsockname()
        got = []

        def serve():
            if kind == "udp":
                while piece := take_datagrams(server):
                    got.append(piece)
                return
            with server.accept()[0] as connection:
                while piece := connection.recv(65536):
                    got.append(piece)

        if kind != "udp":
            server.listen(1)
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"{kind}:{path if kind == 'unix' else name[1]}", got
        if kind == "udp":
            with socket.socket(family, socket.SOCK_DGRAM) as stop:
                stop.sendto(b"stop", name)
        thread.join(PATIENCE)
        assert not thread.is_alive()


def joined(kind, directory, stack):
    """A client, and the connection as a server accepted it."""
    if kind == "pair":
        client, server = socket.socketpair()
    else:
        path = directory / "listener"
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET) as listener:
            listener.bind(str(path) if kind == "unix" else ("127.0.0.1", 0))
            listener.listen(1)
            client = socket.socket(listener.family)
            client.connect(listener.getsockname())
            server = listener.accept()[0]
    return stack.enter_context(client), stack.enter_context(server)


@dataclasses.dataclass
class Stream:
    """What a program gets as its descriptor 2, and how to read what was said there."""

    end: int
    other: int = -1
    path: pathlib.Path = None

    def read(self):
        """All that is there; ours is the only end that can still write."""
        if self.path:
            return self.path.read_bytes()
        pieces = []
        while select.select([self.other], [], [], 0.5)[0]:
            try:
                piece = os.read(self.other, 65536)
            except OSError:  # a terminal that nobody has open
                break
            if not piece:
                break
            pieces.append(piece)
        return b"".join(pieces)


def stream(kind, directory, stack):
    path = directory / "log"
    if kind in ("file", "appended"):
        path.unlink(missing_ok=True)
        end = os.open(path, os.O_WRONLY | os.O_CREAT | (os.O_APPEND if kind == "appended" else 0))
        made = Stream(end, path=path)
    elif kind == "fifo":
        path.unlink(missing_ok=True)
        os.mkfifo(path)
        other = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        made = Stream(os.open(path, os.O_WRONLY), other)
    elif kind == "journal":
        client, server = joined("unix", directory, stack)
        made = Stream(client.detach(), server.detach())
    elif kind == "pair":
        one, other = socket.socketpair()
        made = Stream(one.detach(), other.detach())
    else:
        other, end = pty.openpty() if kind == "terminal" else os.pipe()
        made = Stream(end, other)
    for fd in (made.end, made.other):
        if fd >= 0:
            stack.callback(os.close, fd)
    return made


STREAMS = ["terminal", "pipe", "fifo", "file", "appended", "journal", "pair"]
