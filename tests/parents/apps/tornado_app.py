# SPDX-License-Identifier: Apache-2.0
"""tornado, with its HTTP client on libcurl: one thread, the transfers of all requests in one
multi handle, and the handlers go on in the loop's callbacks, also when their client has gone.

MODE=sleep: they sleep between the calls, too."""

import asyncio
import os
import random

import tornado.httpclient
import tornado.web

import calls

SLEEPS = os.environ["MODE"] == "sleep"


async def pause():
    """One of no length gives way, too; but then the loop may turn without a wait."""
    if SLEEPS:
        await asyncio.sleep(random.choice((0, 0.001, 0.003)))


class Work(tornado.web.RequestHandler):
    async def get(self, request):
        calls.sql(1, request)
        await pause()
        await tornado.httpclient.AsyncHTTPClient().fetch(f"{calls.UPSTREAM}/up/{request}")
        await pause()
        calls.sql(2, request)
        self.set_header("Content-Type", "text/plain")
        self.write(f"{request}\n")

    post = get


class Ready(tornado.web.RequestHandler):
    def get(self):
        self.write("ready\n")


async def main():
    tornado.httpclient.AsyncHTTPClient.configure(
        "tornado.curl_httpclient.CurlAsyncHTTPClient", max_clients=200)
    application = tornado.web.Application([(r"/work/(\d+)", Work), (r"/ready", Ready)],
                                          log_function=lambda handler: None)
    application.listen(int(os.environ["PORT"]), "127.0.0.1", backlog=256)
    await asyncio.Event().wait()


asyncio.run(main())
