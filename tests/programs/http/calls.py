# SPDX-License-Identifier: Apache-2.0
"""What http.client is made to ask. usage: calls.py PORT"""

import http.client
import sys

PORT = int(sys.argv[1])


def connect(timeout=20):
    return http.client.HTTPConnection("127.0.0.1", PORT, timeout=timeout)


def ask(connection, method, path, body=None, headers=None, **options):
    try:
        connection.request(method, path, body, headers or {}, **options)
        answer = connection.getresponse()
        print(method, path, answer.status, answer.read())
    except OSError as error:
        print(method, path, type(error).__name__)
        connection.close()


kept = connect()
ask(kept, "GET", "/ok?token=hunter2")
ask(kept, "GET", "/chunked")
ask(kept, "POST", "/echo", b"hello")
ask(kept, "POST", "/echo", iter([b"hel", b"lo"]), encode_chunked=True,
    headers={"Transfer-Encoding": "chunked"})
ask(kept, "HEAD", "/ok")
ask(kept, "GET", "/missing")
ask(kept, "GET", "/fail")
ask(kept, "GET", "/redirect")
ask(kept, "GET", "/close")
kept.close()
ask(connect(), "GET", "/reset")
ask(connect(timeout=0.5), "GET", "/slow")
proxy = connect()
ask(proxy, "GET", "http://shop.example/ok")
proxy.close()
tunnel = connect()
tunnel.set_tunnel("shop.example", 80)
ask(tunnel, "GET", "/within")
tunnel.close()
