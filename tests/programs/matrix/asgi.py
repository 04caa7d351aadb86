# SPDX-License-Identifier: Apache-2.0
"""The matrix's application for ASGI, in uvicorn: `asgi.py PORT LOOP PARSER`."""

import asyncio
import os
import sys

import uvicorn

import contract

KIND = (b"content-type", b"application/octet-stream")


async def begin(send, code, headers):
    await send({"type": "http.response.start", "status": code, "headers": headers})


async def go_on(send, piece, more=True):
    await send({"type": "http.response.body", "body": piece, "more_body": more})


async def answer(send, code, body):
    await begin(send, code, [KIND, (b"content-length", b"%d" % len(body))])
    await go_on(send, body, more=False)


async def status(send, code):
    if contract.has_body(code):
        await answer(send, code, f"status {code}\n".encode())
        return
    await begin(send, code, [])
    await go_on(send, b"", more=False)


async def echo(receive, send):
    digest = contract.Digest()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        digest.add(message.get("body", b""))
        more = message.get("more_body", False)
    await answer(send, 200, digest.text())


async def chunked(send, count):
    await begin(send, 200, [KIND])
    for piece in contract.pieces(contract.content(count)):
        await go_on(send, piece)
    await go_on(send, b"", more=False)


async def file(send):
    await begin(send, 200, [KIND, (b"content-length", b"%d" % os.path.getsize(contract.FILE))])
    with open(contract.FILE, "rb") as source:
        while piece := source.read(contract.PIECE):
            await go_on(send, piece)
    await go_on(send, b"", more=False)


async def application(scope, receive, send):
    path = scope["path"].split("/")
    if path[1] == "status":
        await status(send, int(path[2]))
    elif path[1] == "bytes":
        await answer(send, 200, contract.content(int(path[2])))
    elif path[1] == "chunked":
        await chunked(send, int(path[2]))
    elif path[1] == "echo":
        await echo(receive, send)
    elif path[1] == "file":
        await file(send)
    else:
        await answer(send, 404, b"status 404\n")


class Mirror(asyncio.Protocol):
    """What uvicorn hands an upgraded connection to, in the place of its WebSocket protocol: the
    request's head is the first data."""

    def __init__(self, config, server_state):
        self.transport = None
        self.answered = False

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        if self.answered:
            self.transport.write(data)
            return
        self.answered = True
        key = next(line for line in data.split(b"\r\n")
                   if line.lower().startswith(b"sec-websocket-key:")).split(b":")[1].strip()
        self.transport.write(contract.switching(key.decode()))


if __name__ == "__main__":
    uvicorn.run(application, host="127.0.0.1", port=int(sys.argv[1]), loop=sys.argv[2],
                http=sys.argv[3], ws=Mirror, lifespan="off", log_level="warning",
                access_log=False, timeout_keep_alive=60)
