# SPDX-License-Identifier: Apache-2.0
"""PORT FIRST REST: writes the two parts of a command, half a second apart, and reads its answer."""
import socket
import sys
import time

port, first, rest = sys.argv[1:]
with socket.create_connection(("127.0.0.1", int(port))) as connection:
    connection.sendall(first.encode().decode("unicode_escape").encode())
    time.sleep(0.5)
    connection.sendall(rest.encode().decode("unicode_escape").encode())
    connection.recv(4096)
