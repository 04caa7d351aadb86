# SPDX-License-Identifier: Apache-2.0
import requests

import steps


def begin(_step, _proxy):
    return requests.Session()


def ask(session, step, proxy):
    answer = session.request(
        step.method, step.url, data=iter(step.pieces) if step.chunked else step.body,
        timeout=step.timeout, allow_redirects=True,
        proxies={"http": f"http://{proxy}"} if step.way == "proxy" else {})
    return answer.status_code, answer.content


steps.run(begin, ask)
