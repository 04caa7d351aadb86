# SPDX-License-Identifier: Apache-2.0
"""A WSGI application that asks the server at RELAY_TO for the same path, by pycurl, and answers
with what that said."""

import http
import io
import os

import pycurl


def fetch(path):
    """Status and body."""
    body = io.BytesIO()
    handle = pycurl.Curl()
    handle.setopt(pycurl.URL, os.environ["RELAY_TO"] + path)
    handle.setopt(pycurl.WRITEDATA, body)
    handle.setopt(pycurl.NOSIGNAL, 1)
    handle.setopt(pycurl.TIMEOUT, 20)
    handle.perform()
    status = handle.getinfo(pycurl.RESPONSE_CODE)
    handle.close()
    return status, body.getvalue()


def application(environ, start_response):
    status, body = fetch(environ["PATH_INFO"])
    start_response(f"{status} {http.HTTPStatus(status).phrase}",
                   [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
