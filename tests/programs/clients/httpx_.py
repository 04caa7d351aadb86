# SPDX-License-Identifier: Apache-2.0
import httpx

import steps


def begin(step, proxy):
    return httpx.Client(proxies=f"http://{proxy}" if step.way == "proxy" else None,
                        follow_redirects=True)


def ask(client, step, _proxy):
    answer = client.request(step.method, step.url, timeout=step.timeout,
                            content=iter(step.pieces) if step.chunked else step.body)
    return answer.status_code, answer.content


steps.run(begin, ask)
