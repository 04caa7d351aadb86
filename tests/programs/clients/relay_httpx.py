# SPDX-License-Identifier: Apache-2.0
"""Answers GET with what an origin answers to the same target: all on one thread."""

import sys

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

client = httpx.AsyncClient(limits=httpx.Limits(max_connections=20))


async def relay(request):
    answer = await client.get(f"http://127.0.0.1:{sys.argv[2]}{request.url.path}"
                              f"?{request.url.query}")
    return Response(answer.content, answer.status_code)


uvicorn.run(Starlette(routes=[Route("/{path:path}", relay)]), host="127.0.0.1",
            port=int(sys.argv[1]), loop="asyncio", http="h11", log_level="critical", backlog=128)
