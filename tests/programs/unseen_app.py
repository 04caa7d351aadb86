# SPDX-License-Identifier: Apache-2.0
"""Servers whose requests the agent can't read. Says its port on stdout, runs until it is ended;
`once` ends by itself with the first connection.

    unseen_app.py KIND [once|forking] [CERTIFICATE KEY]

KIND: tls, http2 (answers a preface), settings (HTTP/2 that speaks first), echo, greeting (speaks
first, like SMTP), hello (HTTP that a line of another protocol goes before); http, page, silent (HTTP;
a head, a page without one, nothing where it does not understand)."""

import os
import signal
import socket
import ssl
import sys

SETTINGS = bytes([0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100])

ERRORS = {"http": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno",
          "page": b"<!DOCTYPE HTML><title>Bad request</title>", "silent": b""}


def serve(kind, connection, context):
    if kind == "tls":
        try:
            connection = context.wrap_socket(connection, server_side=True)
        except (ssl.SSLError, OSError):
            return
    elif kind in ("settings", "greeting"):
        connection.sendall(SETTINGS if kind == "settings" else b"220 mail.example ESMTP\r\n")
    elif kind == "hello":
        connection.recv(15, socket.MSG_WAITALL)
    while got := connection.recv(4096):
        if kind in ("tls", "hello"):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        elif kind in ERRORS:
            known = got.startswith(b"GET ")
            if not known and kind == "silent":
                return
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" if known
                               else ERRORS[kind])
        else:
            connection.sendall(SETTINGS if kind in ("http2", "settings") else got)


def main():
    kind, how, *files = sys.argv[1:]
    context = None
    if files:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
    if how == "forking":
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            with connection:
                if how != "forking" or os.fork() == 0:
                    serve(kind, connection, context)
                    if how != "":
                        break


main()
