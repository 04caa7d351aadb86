# SPDX-License-Identifier: Apache-2.0
"""Answers GET with what an origin answers to the same target: a thread a connection."""

import http.client
import http.server
import signal
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[2]))
        connection.request("GET", self.path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
