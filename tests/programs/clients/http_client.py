# SPDX-License-Identifier: Apache-2.0
import http.client
import urllib.parse

import steps


def begin(step, proxy):
    origin = urllib.parse.urlsplit(step.url).netloc
    connection = http.client.HTTPConnection(origin if step.way == "direct" else proxy,
                                            timeout=step.timeout)
    if step.way == "tunnel":
        host, port = origin.split(":")
        connection.set_tunnel(host, int(port))
    return connection


def ask(connection, step, _proxy):
    url = urllib.parse.urlsplit(step.url)
    target = step.url if step.way == "proxy" else f"{url.path}?{url.query}"
    body = iter(step.pieces) if step.chunked else step.body
    headers = {"Transfer-Encoding": "chunked"} if step.chunked else {}
    connection.request(step.method, target, body, headers, encode_chunked=step.chunked)
    answer = connection.getresponse()
    return answer.status, answer.read()


steps.run(begin, ask)
