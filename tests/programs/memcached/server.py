# SPDX-License-Identifier: Apache-2.0
"""A server of HTTP that asks memcached in each request. usage: server.py PORT MEMCACHED_PORT"""

import http.server
import signal
import sys

from pymemcache.client.base import Client


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    client = Client(("127.0.0.1", int(sys.argv[2])), default_noreply=False)

    def do_GET(self):
        self.client.set("page", self.path)
        found = self.client.get_many(["page", "none"])
        self.client.set("silent", "hunter", noreply=True)
        body = repr(found).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        pass


signal.signal(signal.SIGTERM, lambda *_arguments: sys.exit())
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
