# SPDX-License-Identifier: Apache-2.0
"""Asks another server by http.client for each path that it is asked for, twice on one connection, a
thread a connection. usage: relay.py PORT UPSTREAM"""

import http.client
import http.server
import sys

UPSTREAM = int(sys.argv[2])


class Relay(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        connection = http.client.HTTPConnection("127.0.0.1", UPSTREAM, timeout=20)
        for _ in range(2):
            connection.request("GET", self.path)
            body = connection.getresponse().read()
        connection.close()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Relay).serve_forever()
