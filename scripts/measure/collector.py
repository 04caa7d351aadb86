# SPDX-License-Identifier: Apache-2.0
"""A collector on 127.0.0.1 that answers at once and counts the spans it is sent."""
import http.server
import threading
import zlib

TRACE_REQUEST_TO_SPANS = (1, 2, 2)  # resource_spans, scope_spans, spans: opentelemetry-proto


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def count_messages(data, at, end, path):
    """How many embedded messages lie in data[at:end] at this path of field numbers. Their inside
    is skipped, so a span costs two numbers."""
    wanted = path[0] << 3 | 2
    count = 0
    while at < end:
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            _, at = varint(data, at)
        elif kind == 1:
            at += 8
        elif kind == 5:
            at += 4
        elif kind == 2:
            length, at = varint(data, at)
            if key == wanted:
                count += 1 if len(path) == 1 else count_messages(data, at, at + length, path[1:])
            at += length
        else:
            raise ValueError(f"wire type {kind}")
    return count


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        wire_bytes = len(body)
        if self.headers.get("Content-Encoding") == "gzip":
            body = zlib.decompress(body, 16 + zlib.MAX_WBITS)
        try:
            spans = count_messages(body, 0, len(body), TRACE_REQUEST_TO_SPANS)
        except (ValueError, IndexError):
            self.send_error(400)
            return
        with self.server.lock:
            self.server.spans += spans
            self.server.body_bytes += len(body)
            self.server.wire_bytes += wire_bytes
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments):
        pass


class Collector:
    """Use as a context manager; `take()` gives and forgets the counts."""

    def __init__(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.lock = threading.Lock()
        self.server.spans = self.server.body_bytes = self.server.wire_bytes = 0
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_exception):
        self.server.shutdown()
        self.server.server_close()

    def count(self):
        """How many spans have come since the last take()."""
        with self.server.lock:
            return self.server.spans

    def take(self):
        """(spans, bytes of their posts, the same as they came: compressed, perhaps) since the last
        call."""
        with self.server.lock:
            counts = self.server.spans, self.server.body_bytes, self.server.wire_bytes
            self.server.spans = self.server.body_bytes = self.server.wire_bytes = 0
        return counts
