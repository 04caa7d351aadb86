# SPDX-License-Identifier: Apache-2.0
"""Sends a plan and keeps what was seen: an HTTP client on bare sockets, because it has to cut, to
trickle and to pipeline, and to know when the first byte went and the last one came."""

import base64
import dataclasses
import fcntl
import hashlib
import socket
import struct
import termios
import threading
import time

from matrix.plan import CUT_BODY, CUT_HEAD, CUT_RESPONSE
from matrix.program import content

TIMEOUT_SECONDS = 30
READ_SECONDS = 10  # until a server has read what lies in its socket
SMALL_BUFFER_BYTES = 8192  # of a client that will not read to the end
WEBSOCKET_KEY = base64.b64encode(b"sixteen bytes...").decode()
WEBSOCKET_ACCEPT = base64.b64encode(hashlib.sha1(
    (WEBSOCKET_KEY + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()


@dataclasses.dataclass
class Seen:
    """What the client saw of one request. Times are of the wall clock."""

    sent_ns: int = 0  # before its first byte went
    received_ns: int = 0  # after its answer's last byte came; of a cut one: when it was cut
    status: int = 0  # 0: no answer
    head: tuple = ()  # the answer's lines, as they came
    interim: int = 0  # 1xx answers before it
    body_bytes: int = 0
    body_hash: str = ""  # of a whole body
    closed: bool = False  # by the server, after this answer
    error: str = ""


class Broken(Exception):
    """The answer is not what HTTP allows, or ended early."""


class Connection:
    """A socket and what was read from it but not yet used."""

    def __init__(self, port, small=False):
        self.socket = socket.socket()
        if small:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
        self.socket.settimeout(TIMEOUT_SECONDS)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = port
        self.left = b""

    def send(self, data):
        self.socket.sendall(data)

    def trickle(self, data):
        """A byte a write, with pauses in which a server may read."""
        for at in range(len(data)):
            self.socket.sendall(data[at:at + 1])
            if at % 8 == 0:
                time.sleep(0.0003)

    def receive(self):
        """More bytes, some; b"" at the end."""
        if self.left:
            data, self.left = self.left, b""
            return data
        return self.socket.recv(1 << 18)

    def until(self, end):
        """Up to and with `end`."""
        data = b""
        while end not in data:
            more = self.receive()
            if not more:
                raise Broken(f"the connection ended after {data[:200]!r}")
            data += more
        data, end, self.left = data.partition(end)
        return data + end

    def exactly(self, size):
        """Pieces of `size` bytes together."""
        while size:
            data = self.receive()
            if not data:
                raise Broken(f"{size} bytes are missing")
            yield data[:size]
            self.left = data[size:]
            size -= min(size, len(data))

    def wait_until_read(self):
        """Returns when the server has read all that was sent: nothing is under way any more, and
        then nothing waits in the other side's socket."""
        mine = self.socket.getsockname()[1]
        deadline = time.monotonic() + READ_SECONDS
        while time.monotonic() < deadline:
            if self.unacknowledged() == 0 and receive_queue(self.port, mine) == 0:
                return
            time.sleep(0.002)
        raise Broken(f"the server did not read in {READ_SECONDS} s")

    def unacknowledged(self):
        return struct.unpack("i", fcntl.ioctl(self.socket, termios.TIOCOUTQ, b"\0" * 4))[0]

    def finish_sending(self):
        self.socket.shutdown(socket.SHUT_WR)

    def close(self, reset=False):
        if reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def receive_queue(local, remote):
    """Bytes that wait at the socket with these ports; None where there is none."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table, encoding="ascii") as lines:
            for line in lines:
                fields = line.split()
                if fields[1].endswith(f":{local:04X}") and fields[2].endswith(f":{remote:04X}"):
                    return int(fields[4].partition(":")[2], 16)
    return None


def head_of(step):
    lines = [f"{step.method} {step.target} HTTP/1.{step.minor}", "Host: matrix.test",
             "User-Agent: otelagent-matrix", "Accept: */*"]
    if step.close:
        lines.append("Connection: close")
    if step.upgrade is not None:
        lines += ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                  f"Sec-WebSocket-Key: {WEBSOCKET_KEY}"]
    if step.expect:
        lines.append("Expect: 100-continue")
    if step.body is not None:
        lines.append("Content-Type: application/octet-stream")
        lines.append("Transfer-Encoding: chunked" if step.chunked else
                     f"Content-Length: {len(step.body)}")
    return "\r\n".join([*lines, "", ""]).encode()


def body_of(step):
    if step.body is None or not step.chunked:
        return step.body or b""
    third = max(1, len(step.body) // 3)
    pieces = [step.body[at:at + third] for at in range(0, len(step.body), third)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def chunks(connection):
    while True:
        size = int(connection.until(b"\r\n").split(b";")[0], 16)
        yield from connection.exactly(size)
        if size == 0:
            while connection.until(b"\r\n") != b"\r\n":
                pass
            return
        connection.until(b"\r\n")


def until_close(connection):
    while data := connection.receive():
        yield data


class Answer:
    """Reads an answer: the head at once, the body when asked."""

    def __init__(self, connection, method, seen):
        self.connection = connection
        self.seen = seen
        while True:
            lines = connection.until(b"\r\n\r\n").decode("latin-1").split("\r\n")[:-2]
            version, code = lines[0].split(" ")[:2]
            seen.status = int(code)
            if seen.status >= 200 or seen.status == 101:
                break
            seen.interim += 1
        seen.head = tuple(lines)
        fields = [line.partition(":") for line in lines[1:]]
        self.fields = {name.lower(): value.strip() for name, _, value in fields}
        self.method = method
        options = self.fields.get("connection", "").lower()
        self.closes = "close" in options or (version == "HTTP/1.0" and
                                             "keep-alive" not in options)

    def pieces(self):
        if self.method == "HEAD" or self.seen.status in (101, 204, 304):
            return iter(())
        if "chunked" in self.fields.get("transfer-encoding", "").lower():
            return chunks(self.connection)
        if "content-length" in self.fields:
            return self.connection.exactly(int(self.fields["content-length"]))
        self.closes = True
        return until_close(self.connection)

    def read(self):
        digest = hashlib.blake2b()
        for piece in self.pieces():
            digest.update(piece)
            self.seen.body_bytes += len(piece)
        self.seen.body_hash = digest.hexdigest()


class Lane:
    """Sends its batches, one after the other, over as many connections as they take."""

    def __init__(self, port, batches, seen):
        self.port = port
        self.batches = batches
        self.seen = seen
        self.connection = None

    def run(self):
        for batch in self.batches:
            try:
                self.send(batch)
            except (OSError, ValueError, Broken) as error:
                for step in batch:
                    if not self.seen[step.number].received_ns:
                        self.seen[step.number].error = repr(error)
                self.drop()
        self.drop()

    def drop(self, reset=False):
        if self.connection:
            self.connection.close(reset)
        self.connection = None

    def send(self, batch):
        """A cut comes on a connection of its own half of the times: what it follows matters."""
        first = batch[0]
        if first.cut == CUT_RESPONSE or (first.cut and first.number % 2):
            self.drop()
        if not self.connection:
            self.connection = Connection(self.port, small=first.cut == CUT_RESPONSE)
        now = time.time_ns()
        for step in batch:
            self.seen[step.number].sent_ns = now
        if first.cut:
            self.cut(first)
        elif len(batch) > 1:
            self.connection.send(b"".join(head_of(step) + body_of(step) for step in batch))
            for step in batch:
                self.answer(step)
        else:
            self.ask(first)

    def ask(self, step):
        connection, seen = self.connection, self.seen[step.number]
        if step.trickle:
            connection.trickle(head_of(step))
            connection.send(body_of(step))
        elif step.expect:
            connection.send(head_of(step))
            self.wait_for_continue(seen)
            connection.send(body_of(step))
        else:
            connection.send(head_of(step) + body_of(step))
        self.answer(step)

    def wait_for_continue(self, seen):
        line = self.connection.until(b"\r\n\r\n").split(b"\r\n")[0]
        if line.split(b" ")[1] != b"100":
            raise Broken(f"{line!r} instead of 100")
        seen.interim += 1

    def answer(self, step):
        if not self.connection:
            raise Broken("closed before the answer to a pipelined request")
        seen = self.seen[step.number]
        answer = Answer(self.connection, step.method, seen)
        answer.read()
        seen.received_ns = time.time_ns()
        seen.closed = answer.closes
        if step.upgrade is not None:
            self.say(step, answer)
        if step.last or answer.closes:
            self.drop()

    def say(self, step, answer):
        """Opaque bytes, and back."""
        if answer.fields.get("sec-websocket-accept") != WEBSOCKET_ACCEPT:
            raise Broken(f"no upgrade: {answer.seen.head}")
        for said in (step.upgrade, b"GET / HTTP/1.1\r\n\r\n", step.upgrade[::-1]):
            self.connection.send(said)
            if b"".join(self.connection.exactly(len(said))) != said:
                raise Broken("what was said did not come back")

    def cut(self, step):
        connection, seen = self.connection, self.seen[step.number]
        if step.cut == CUT_HEAD:
            head = head_of(step)
            connection.send(head[:len(head) * 2 // 3])
            connection.wait_until_read()
        elif step.cut == CUT_BODY:
            self.cut_body(step, seen)
        elif step.cut == CUT_RESPONSE:
            connection.send(head_of(step))
            answer = Answer(connection, step.method, seen)
            first = next(answer.pieces())
            if first != content(len(first)):
                raise Broken("the answer begins with other bytes")
            seen.body_bytes = len(first)
        seen.received_ns = time.time_ns()
        self.drop(step.reset)

    def cut_body(self, step, seen):
        connection = self.connection
        connection.send(head_of(step) if step.expect else head_of(step) + step.body[:100])
        if step.expect:
            self.wait_for_continue(seen)
            connection.send(step.body[:100])
        connection.wait_until_read()
        if step.reset:
            return
        connection.finish_sending()
        try:
            Answer(connection, step.method, seen).read()
        except (Broken, ConnectionError):
            pass  # most say nothing


def run(port, plan):
    """Sends all lanes at once; request number → Seen."""
    seen = {step.number: Seen() for step in plan.steps}
    threads = [threading.Thread(target=Lane(port, batches, seen).run) for batches in plan.lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen
