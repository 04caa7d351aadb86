# SPDX-License-Identifier: Apache-2.0
import urllib.error
import urllib.request

import steps


def begin(step, proxy):
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({"http": f"http://{proxy}"} if step.way == "proxy" else {}))


def ask(opener, step, _proxy):
    request = urllib.request.Request(step.url, method=step.method,
                                     data=iter(step.pieces) if step.chunked else step.body)
    try:
        with opener.open(request, timeout=step.timeout) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


steps.run(begin, ask)
