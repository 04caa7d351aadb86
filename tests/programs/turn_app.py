# SPDX-License-Identifier: Apache-2.0
"""An event loop that reads what all of its connections have, and handles it then: messages behind
an upgrade first, then requests. `turn_app.py PORT UPSTREAM GO`: each message, and each request of a
turn without one, asks the upstream, and the turn's request is answered with what that said. After
an upgrade it waits until the file GO is there."""

import io
import pathlib
import select
import socket
import sys
import time

import pycurl

SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n"


def ask(url):
    body = io.BytesIO()
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, url)
    curl.setopt(pycurl.WRITEDATA, body)
    curl.setopt(pycurl.NOSIGNAL, 1)
    curl.setopt(pycurl.TIMEOUT, 20)
    curl.perform()
    curl.close()
    return body.getvalue()


def main(port, upstream, go):
    listener = socket.create_server(("127.0.0.1", int(port)))
    epoll = select.epoll()
    epoll.register(listener, select.EPOLLIN)
    connections, upgraded = {}, set()
    while True:
        messages, requests = [], []
        for number, _ in epoll.poll():
            if number == listener.fileno():
                connection = listener.accept()[0]
                connections[connection.fileno()] = connection
                epoll.register(connection, select.EPOLLIN)
            else:
                (messages if number in upgraded else requests).append(number)
        read = {number: connections[number].recv(65536) for number in messages + requests}
        told = b"".join(ask(upstream) for number in messages if read[number])
        for number in messages + requests:
            if not read[number]:
                epoll.unregister(number)
                upgraded.discard(number)
                connections.pop(number).close()
            elif number in requests and b"Upgrade:" in read[number]:
                upgraded.add(number)
                connections[number].sendall(SWITCH)
                while not pathlib.Path(go).exists():
                    time.sleep(0.01)
            elif number in requests:
                body = b"%d\n" % len(messages) + (told or ask(upstream))
                connections[number].sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


main(*sys.argv[1:])
