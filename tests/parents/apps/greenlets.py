# SPDX-License-Identifier: Apache-2.0
"""gevent's and eventlet's own WSGI servers: one thread, a greenlet for each connection."""

import os

import work

ADDRESS = ("127.0.0.1", int(os.environ["PORT"]))


def serve_gevent():
    from gevent.pywsgi import WSGIServer
    WSGIServer(ADDRESS, work.application, log=None).serve_forever()


def serve_eventlet():
    import eventlet
    import eventlet.wsgi
    eventlet.wsgi.server(eventlet.listen(ADDRESS, backlog=256), work.application, log_output=False)


{"gevent": serve_gevent, "eventlet": serve_eventlet}[os.environ["SERVER"]]()
