# SPDX-License-Identifier: Apache-2.0
"""Asks many times, a write each, before it reads an answer. usage: crowd.py PORT PASSWORD TIMES"""

import socket
import sys

port, password, times = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
client = socket.create_connection(("127.0.0.1", port))
lines = client.makefile("rb")
client.sendall(b"*2\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\n" % (len(password), password.encode()))
assert lines.readline() == b"+OK\r\n"
for _ in range(times):
    client.sendall(b"*2\r\n$3\r\nGET\r\n$6\r\nnobody\r\n")
print([lines.readline() for _ in range(times)].count(b"$-1\r\n"))
