# SPDX-License-Identifier: Apache-2.0
import asyncio

import aiohttp

import steps


async def pieces(step):
    for piece in step.pieces:
        yield piece


async def ask(session, step, proxy):
    async with session.request(step.method, step.url,
                               data=pieces(step) if step.chunked else step.body,
                               timeout=aiohttp.ClientTimeout(total=step.timeout),
                               proxy=f"http://{proxy}" if step.way == "proxy" else None) as answer:
        return answer.status, await answer.read()


async def main():
    plan, proxy = steps.read()
    kept = None
    for step in plan:
        if kept and not step.kept:
            await kept.close()
            kept = None
        session = kept or aiohttp.ClientSession()
        try:
            steps.show(step, *await ask(session, step, proxy))
        except Exception as error:  # it has several kinds
            steps.show_failure(step, error)
        if step.kept:
            kept = session
        else:
            await session.close()
    if kept:
        await kept.close()


asyncio.run(main())
