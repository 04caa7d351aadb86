# SPDX-License-Identifier: Apache-2.0
"""Asks once by the binary protocol, then once by the text protocol. usage: binary.py PORT"""

import socket
import struct
import sys

for request in (struct.pack(">BBHBBHIIQ", 0x80, 0, 1, 0, 0, 0, 1, 0, 0) + b"a", b"get a\r\n"):
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
        connection.sendall(request)
        assert connection.recv(1000)
