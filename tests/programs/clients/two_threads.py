# SPDX-License-Identifier: Apache-2.0
"""One thread asks, another reads what comes."""

import socket
import sys
import threading

connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
answer = bytearray()


def read():
    while data := connection.recv(65536):
        answer.extend(data)


reader = threading.Thread(target=read)
reader.start()
connection.sendall(b"GET /bytes/100?r=1 HTTP/1.1\r\nHost: origin.test\r\nConnection: close\r\n\r\n")
reader.join()
print(len(answer))
