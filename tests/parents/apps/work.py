# SPDX-License-Identifier: Apache-2.0
"""A WSGI application, for every server in Python that calls one.

MODE says how a request waits between its calls:
 plain    not at all: the thread is the request's until it is answered
 asyncio  in asyncio.run: an epoll loop of the handler's own
 multi    in a loop around curl's multi interface: select() in the handler
 sleep    in the sleep of SERVER, gevent or eventlet: the thread turns to other requests
 pool     there, too, and for one of four connections that all requests share"""

import asyncio
import contextlib
import os
import random
import select

import pycurl

import calls

POOL = 4


def pause_seconds():
    """A pause of no length gives way, too; but then loops may turn without a wait."""
    return random.choice((0, 0.001, 0.003))


def plain(request):
    calls.sql(1, request)
    calls.http(request)
    calls.sql(2, request)


async def waits(request):
    calls.sql(1, request)
    await asyncio.sleep(pause_seconds())
    calls.http(request)
    await asyncio.sleep(pause_seconds())
    calls.sql(2, request)


def in_own_loop(request):
    asyncio.run(waits(request))


def multi(request):
    """Gives up the wait and looks again each millisecond, as programs do that have a deadline."""
    calls.sql(1, request)
    transfers = calls.own("transfers", pycurl.CurlMulti)
    handle = calls.own("handle", pycurl.Curl)
    calls.prepare(handle, request)
    transfers.add_handle(handle)
    while transfers.perform()[1]:
        select.select(*transfers.fdset(), 0.001)
    transfers.remove_handle(handle)
    calls.sql(2, request)


def greenlets(pooled):
    """One library's sleep, and its queue for a pool. Nothing is patched: calls themselves block,
    because both client libraries are written in C."""
    if os.environ["SERVER"] == "gevent":
        from gevent import sleep
        from gevent.queue import Queue
    else:
        from eventlet import sleep
        from eventlet.queue import Queue
    pool = Queue()
    for _ in range(POOL if pooled else 0):
        pool.put(calls.connect())

    @contextlib.contextmanager
    def connection():
        if not pooled:
            yield None
            return
        taken = pool.get()
        try:
            yield taken
        finally:
            pool.put(taken)

    def sleeping(request):
        with connection() as mine:
            calls.sql(1, request, mine)
            sleep(pause_seconds())
        calls.http(request)
        sleep(pause_seconds())
        with connection() as mine:
            calls.sql(2, request, mine)

    return sleeping


def handler(mode):
    if mode in ("sleep", "pool"):
        return greenlets(mode == "pool")
    return {"plain": plain, "asyncio": in_own_loop, "multi": multi}[mode]


handle_request = handler(os.environ["MODE"])


def application(environ, start_response):
    _, name, *rest = environ["PATH_INFO"].split("/")
    if name == "work":
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if length and len(environ["wsgi.input"].read(length)) < length:
            start_response("400 Bad Request", [("Content-Length", "0")])
            return []  # the client has gone
        handle_request(int(rest[0]))
    body = (rest[0] if rest else name).encode() + b"\n"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
