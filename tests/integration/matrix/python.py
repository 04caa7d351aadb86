# SPDX-License-Identifier: Apache-2.0
"""Programs of Python. By /usr/bin/python3, whose modules Debian's packages are."""

import servers
from matrix.program import Launch, Program, write_file

APPLICATIONS = servers.PROGRAMS / "matrix"
ONE_REQUEST = "answers one request on a connection and closes it"


def environment(folder):
    return {"MATRIX_FILE": str(write_file(folder)), "PYTHONDONTWRITEBYTECODE": "1"}


def gunicorn(folder, port):
    return Launch((servers.program("gunicorn"), "--worker-class", "sync", "--workers", "2",
                   "--timeout", "60", "--bind", f"127.0.0.1:{port}", "--chdir", APPLICATIONS,
                   "--log-level", "warning", "wsgi:application"), environment(folder))


def uvicorn(loop, parser):
    def prepare(folder, port):
        return Launch(("/usr/bin/python3", APPLICATIONS / "asgi.py", port, loop, parser),
                      environment(folder))
    return prepare


def uwsgi(folder, port):
    return Launch((servers.program("uwsgi-core"), "--plugin", "python3", "--http-socket",
                   f"127.0.0.1:{port}", "--master", "--workers", "2", "--die-on-term",
                   "--need-app", "--disable-logging", "--add-header", "Connection: close",
                   "--chunked-input-limit", "8000000", "--chdir", APPLICATIONS,
                   "--module", "wsgi:application"), environment(folder))


PROGRAMS = [
    Program("gunicorn sync", "recv + send + sendfile", gunicorn, quick=True,
            processes=3,
            lacks={"keep_alive": ONE_REQUEST, "pipelined": ONE_REQUEST}),
    Program("uvicorn asyncio", "recv + send", uvicorn("asyncio", "h11")),
    Program("uvicorn uvloop", "read + write(v), closes by syscall()", uvicorn("uvloop", "httptools"),
            quick=True, lacks={"BREW": "takes the methods it knows"}),
    Program("uwsgi", "read + writev + sendfile, clone()", uwsgi, processes=3,
            lacks={"keep_alive": ONE_REQUEST, "pipelined": ONE_REQUEST,
                   "expect_continue": "does not know Expect"}),
]
