# SPDX-License-Identifier: Apache-2.0
"""A relay that makes every answer come late and in one piece.

How often a client looks for its answer in vain, and in how many pieces it takes it, is luck: of
whether the server was quicker. The instructions for that differ from run to run by more than what
is to be measured. Behind the relay a client always waits once, and reads once."""
import contextlib
import select
import socket
import threading

LATE_SECONDS = 0.004  # the answer has ended when nothing more has come for so long


def receive(connection):
    try:
        return connection.recv(65536)
    except ConnectionError:
        return b""


def relay(client, server):
    """Until one of both closes."""
    with client, server, contextlib.suppress(OSError):
        answer = b""
        while True:
            ready = select.select([client, server], [], [], LATE_SECONDS if answer else None)[0]
            if not ready:
                client.sendall(answer)
                answer = b""
            for one in ready:
                found = receive(one)
                if not found:
                    return
                if one is client:
                    server.sendall(found)
                else:
                    answer += found


class Relay:
    """Use as a context manager; `port` of 127.0.0.1 is `upstream` with late answers."""

    def __init__(self, upstream):
        self.upstream = upstream
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_exception):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.upstream))
            except OSError:
                return
            for one in client, server:
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=relay, args=(client, server), daemon=True).start()
