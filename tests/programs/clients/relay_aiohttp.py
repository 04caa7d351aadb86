# SPDX-License-Identifier: Apache-2.0
"""Answers GET with what an origin answers to the same target: all on one thread."""

import sys

import aiohttp
from aiohttp import web


async def relay(request):
    session = request.app["session"]
    async with session.get(f"http://127.0.0.1:{sys.argv[2]}{request.path_qs}") as answer:
        return web.Response(status=answer.status, body=await answer.read())


async def keep_session(app):
    app["session"] = aiohttp.ClientSession()
    yield
    await app["session"].close()


application = web.Application()
application.cleanup_ctx.append(keep_session)
application.router.add_get("/{path:.*}", relay)
web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
