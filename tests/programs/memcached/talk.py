# SPDX-License-Identifier: Apache-2.0
"""Sends each line of the input in a write of its own (`\\r`, `\\n` stand for what they look like), and
prints all that comes. A line `= END` reads until that line has come. usage: talk.py PORT"""

import socket
import sys

connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
came = connection.makefile("rb")
for line in sys.stdin.read().splitlines():
    if line.startswith("= "):
        for answer in came:
            print(answer)
            if answer.startswith(line[2:].encode()):
                break
    else:
        connection.sendall(line.replace("\\r", "\r").replace("\\n", "\n").encode())
