# SPDX-License-Identifier: Apache-2.0
"""What the Python applications of the matrix share: bytes that can be recomputed, and phrases."""

import base64
import hashlib
import http
import os
import zlib

FILE = os.environ.get("MATRIX_FILE", "")
PIECE = 65536
PERIOD = bytes(range(251))


def content(count):
    """The bytes of /bytes/COUNT and /chunked/COUNT: byte i is i modulo 251."""
    return (PERIOD * (count // len(PERIOD) + 1))[:count]


def pieces(whole):
    return [whole[at:at + PIECE] for at in range(0, len(whole), PIECE)]


def reason(code):
    try:
        return http.HTTPStatus(code).phrase
    except ValueError:
        return "Status"


def has_body(code):
    return code not in (204, 304)


class Digest:
    """What /echo says of a body."""

    def __init__(self):
        self.length = 0
        self.crc = 0

    def add(self, piece):
        self.length += len(piece)
        self.crc = zlib.crc32(piece, self.crc)

    def text(self):
        return b"%d %08x\n" % (self.length, self.crc)


def websocket_accept(key):
    """Sec-WebSocket-Accept (RFC 6455, 4.2.2)."""
    digest = hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    return base64.b64encode(digest).decode()


def switching(key):
    """The head of the answer to /upgrade."""
    return (f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {websocket_accept(key)}\r\n\r\n").encode()
