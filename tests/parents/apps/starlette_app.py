# SPDX-License-Identifier: Apache-2.0
"""uvicorn and Starlette: the loop's thread reads and answers; a route that is no coroutine runs in
a thread of a pool."""

import os

import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import work


def get(request):
    work.plain(request.path_params["request"])
    return PlainTextResponse(f"{request.path_params['request']}\n")


async def post(request):
    """Bodies are read in the loop; so this one calls a pool's thread itself."""
    from starlette.concurrency import run_in_threadpool
    await request.body()
    return await run_in_threadpool(get, request)


def ready(_request):
    return PlainTextResponse("ready\n")


application = Starlette(routes=[
    Route("/work/{request:int}", get, methods=["GET"]),
    Route("/work/{request:int}", post, methods=["POST"]),
    Route("/ready", ready)])
uvicorn.run(application, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=False,
            log_level="warning", backlog=256)
