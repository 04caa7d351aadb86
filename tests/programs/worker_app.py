# SPDX-License-Identifier: Apache-2.0
"""A server whose work is mostly not for requests: A GET asks the server at WORK_UPSTREAM by
pycurl and the database by MySQLdb; GET /background has another thread do the
same, and /background?failing or ?slow what fails or is slow. Without --serve it does such work and ends.

usage: worker_app.py --serve PORT
       worker_app.py [KIND...]"""

import http.server
import os
import signal
import sys
import threading

import MySQLdb
import pycurl


def ask(path):
    handle = pycurl.Curl()
    handle.setopt(pycurl.URL, os.environ["WORK_UPSTREAM"] + path)
    handle.setopt(pycurl.WRITEFUNCTION, lambda _bytes: None)
    handle.setopt(pycurl.NOSIGNAL, 1)
    handle.perform()
    handle.close()


def work(kind):
    database = MySQLdb.connect(
        unix_socket=os.environ["WORK_DB_SOCKET"], user="shop",
        password=os.environ["WORK_DB_PASSWORD"], database="shop", autocommit=False)
    cursor = database.cursor()
    try:
        cursor.execute({"failing": "SELECT * FROM nowhere_at_all",
                        "slow": "SELECT SLEEP(0.3)"}.get(kind, "SELECT 1 FROM categories"))
        cursor.fetchall()
    except MySQLdb.Error:
        pass
    database.commit()
    database.close()
    ask({"failing": "/status/500", "slow": "/very-slow"}.get(kind, "/made"))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path, _, kind = self.path.partition("?")
        if path == "/background":
            thread = threading.Thread(target=work, args=(kind,))
            thread.start()
            thread.join()
        else:
            work("")
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments):
        pass


if sys.argv[1:2] == ["--serve"]:
    Server = http.server.ThreadingHTTPServer
    Server.daemon_threads = True
    server = Server(("127.0.0.1", int(sys.argv[2])), Handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    server.serve_forever()
else:
    for what in sys.argv[1:] or [""]:
        work(what)
