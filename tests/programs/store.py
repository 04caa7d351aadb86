# SPDX-License-Identifier: Apache-2.0
"""A collector: store.py PORT URL. Stores what is posted, and posts it there later, several together
and from another thread."""

import http.client
import http.server
import queue
import signal
import sys
import threading
import time
import urllib.parse

waiting = queue.Queue()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        waiting.put((self.path, self.headers["Content-Type"], body))
        self.answer()

    def do_GET(self):
        self.answer()

    def answer(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments):
        pass


def post_on(url):
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc)
    while True:
        posts = [waiting.get()]
        time.sleep(0.2)
        while not waiting.empty():
            posts.append(waiting.get())
        for path, kind, body in posts:
            connection.request("POST", path, body, {"Content-Type": kind})
            connection.getresponse().read()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    threading.Thread(target=post_on, args=(sys.argv[2],), daemon=True).start()
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
