# SPDX-License-Identifier: Apache-2.0
"""Posts telemetry, and gets pages, one after the other: poster.py URL LIBRARY:WHAT ...

LIBRARY is curl (pycurl) or http (http.client, on one connection); WHAT is `get` or one of SHAPES.
Prints the statuses."""

import http.client
import io
import sys
import urllib.parse

import pycurl

JSON, PROTOBUF, MSGPACK = (f"application/{name}" for name in ("json", "x-protobuf", "msgpack"))
SPANS = {
    "otlp": ("POST", "/v1/traces", PROTOBUF),
    "otlp-json": ("POST", "/api/v2/otlp/v1/traces?token=1", JSON + "; charset=utf-8"),
    "zipkin": ("POST", "/api/v2/spans", JSON),
    "zipkin-1": ("POST", "/api/v1/spans", "application/x-thrift"),
    "datadog": ("PUT", "/v0.4/traces", MSGPACK),
    "datadog-post": ("POST", "/v0.7/traces", MSGPACK),
}
OTHERS = {
    "metrics": ("POST", "/v1/metrics", PROTOBUF),
    "logs": ("POST", "/v1/logs", JSON),
    "stats": ("PUT", "/v0.6/stats", MSGPACK),
    "telemetry": ("POST", "/telemetry/proxy/api/v2/apmtelemetry", JSON),
}
SHAPES = {**SPANS, **OTHERS, "get": ("GET", "/page", None)}
BODY = b"{}"


class Curl:
    """libcurl, on a handle of its own for each request: what one sets is not taken back."""

    def __init__(self, url):
        self.url = url

    def ask(self, method, path, kind):
        handle = pycurl.Curl()
        handle.setopt(pycurl.URL, self.url + path)
        handle.setopt(pycurl.NOPROXY, "*")
        handle.setopt(pycurl.WRITEDATA, io.BytesIO())
        if method == "POST":
            handle.setopt(pycurl.POSTFIELDS, BODY)
        elif method == "PUT":
            handle.setopt(pycurl.UPLOAD, 1)
            handle.setopt(pycurl.READDATA, io.BytesIO(BODY))
            handle.setopt(pycurl.INFILESIZE, len(BODY))
        if kind:
            handle.setopt(pycurl.HTTPHEADER, ["X-First: 1", f"Content-Type: {kind}"])
        handle.perform()
        status = handle.getinfo(pycurl.RESPONSE_CODE)
        handle.close()
        return status


class Http:
    """Python's own client, on one connection."""

    def __init__(self, url):
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc)

    def ask(self, method, path, kind):
        self.connection.request(method, path, BODY if kind else None,
                                {"Content-Type": kind} if kind else {})
        answer = self.connection.getresponse()
        answer.read()
        return answer.status


if __name__ == "__main__":
    clients = {"curl": Curl(sys.argv[1]), "http": Http(sys.argv[1])}
    for step in sys.argv[2:]:
        library, what = step.split(":")
        print(clients[library].ask(*SHAPES[what]))
