# SPDX-License-Identifier: Apache-2.0
"""A proxy that speaks CONNECT and nothing else."""

import contextlib
import socket
import threading


class Proxy:
    """Listens on a free port of 127.0.0.1 and remembers the heads of what it was asked. A tunnel to
    any name leads to `to`, a port of 127.0.0.1; with `status` it refuses."""

    def __init__(self, to, status=None):
        self.to = to
        self.status = status
        self.heads = []

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()
        return self

    def __exit__(self, *_exception):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with contextlib.suppress(OSError), connection:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += connection.recv(1) or b"\r\n\r\n"
            self.heads.append(head.decode("latin-1"))
            if self.status:
                connection.sendall(f"HTTP/1.1 {self.status}\r\nContent-Length: 0\r\n\r\n".encode())
                return
            with socket.create_connection(("127.0.0.1", self.to)) as collector:
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=pump, args=(collector, connection), daemon=True)
                back.start()
                pump(connection, collector)
                back.join()


def pump(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
