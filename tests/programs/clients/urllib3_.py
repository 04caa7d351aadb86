# SPDX-License-Identifier: Apache-2.0
import urllib3

import steps


def begin(step, proxy):
    if step.way == "proxy":
        return urllib3.ProxyManager(f"http://{proxy}")
    return urllib3.PoolManager()


def ask(pool, step, _proxy):
    # It asks again by itself where nobody says how often.
    answer = pool.request(step.method, step.url, timeout=step.timeout, chunked=step.chunked,
                          body=iter(step.pieces) if step.chunked else step.body,
                          retries=urllib3.Retry(connect=0, read=0, redirect=5))
    return answer.status, answer.data


steps.run(begin, ask, end=lambda pool: pool.clear())
