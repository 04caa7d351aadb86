# SPDX-License-Identifier: Apache-2.0
"""The smallest WSGI application: answers every request with its path."""


def application(environ, start_response):
    environ["wsgi.input"].read()
    body = environ["PATH_INFO"].encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
