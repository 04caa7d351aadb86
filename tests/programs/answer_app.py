# SPDX-License-Identifier: Apache-2.0
"""A WSGI application that answers any path, with the header fields that ANSWER_FIELDS lists as
JSON pairs."""

import json
import os

FIELDS = [tuple(pair) for pair in json.loads(os.environ.get("ANSWER_FIELDS", "[]"))]


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "3"), *FIELDS])
    return [b"ok\n"]
