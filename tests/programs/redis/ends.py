# SPDX-License-Identifier: Apache-2.0
"""Asks twice, and ends without a close once its server has gone. usage: ends.py PORT BYTES

The server says so many bytes before."""

import os
import socket
import sys

client = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
for key in (b"a", b"b"):
    client.sendall(b"*2\r\n$3\r\nGET\r\n$1\r\n%s\r\n" % key)
got = 0
try:
    while piece := client.recv(1000):
        got += len(piece)
    print("end", got == int(sys.argv[2]), flush=True)
except ConnectionResetError:
    print("reset", got <= int(sys.argv[2]), flush=True)
os._exit(0)
