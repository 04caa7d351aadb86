# SPDX-License-Identifier: Apache-2.0
"""The matrix's application for WSGI servers: gunicorn and uwsgi."""

import os
import socket

import contract

try:
    import uwsgi  # there only inside uwsgi
except ImportError:
    uwsgi = None

KIND = ("Content-Type", "application/octet-stream")


def answer(environ, start, code, body):
    start(f"{code} {contract.reason(code)}", [KIND, ("Content-Length", str(len(body)))])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]  # servers send what they get


def status(environ, start, code):
    if not contract.has_body(code):
        start(f"{code} {contract.reason(code)}", [])
        return []
    return answer(environ, start, code, f"status {code}\n".encode())


def request_pieces(environ):
    if uwsgi and environ.get("HTTP_TRANSFER_ENCODING") == "chunked":
        return iter(uwsgi.chunked_read, b"")
    return iter(lambda: environ["wsgi.input"].read(contract.PIECE), b"")


def echo(environ, start):
    digest = contract.Digest()
    for piece in request_pieces(environ):
        digest.add(piece)
    return answer(environ, start, 200, digest.text())


def chunked(start, count):
    start("200 OK", [KIND])
    return iter(contract.pieces(contract.content(count)))


def file(environ, start):
    start("200 OK", [KIND, ("Content-Length", str(os.path.getsize(contract.FILE)))])
    return environ["wsgi.file_wrapper"](open(contract.FILE, "rb"), contract.PIECE)


def mirror(connection, key):
    """What is written here goes past the server, which finds an ended connection afterwards."""
    connection.setblocking(True)
    connection.sendall(contract.switching(key))
    while piece := connection.recv(contract.PIECE):
        connection.sendall(piece)


def upgrade(environ):
    key = environ["HTTP_SEC_WEBSOCKET_KEY"]
    if uwsgi:
        with socket.socket(fileno=os.dup(uwsgi.connection_fd())) as connection:
            mirror(connection, key)
        return []
    mirror(environ["gunicorn.socket"], key)
    raise StopIteration  # gunicorn's word for a connection that needs no response


def application(environ, start):
    path = environ["PATH_INFO"].split("/")
    if path[1] == "status":
        return status(environ, start, int(path[2]))
    if path[1] == "bytes":
        return answer(environ, start, 200, contract.content(int(path[2])))
    if path[1] == "chunked":
        return chunked(start, int(path[2]))
    if path[1] == "echo":
        return echo(environ, start)
    if path[1] == "file":
        return file(environ, start)
    if path[1] == "upgrade" and "HTTP_UPGRADE" in environ:
        return upgrade(environ)
    return answer(environ, start, 404, b"status 404\n")
