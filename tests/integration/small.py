# SPDX-License-Identifier: Apache-2.0
"""tests/programs/server.c: compiled in several ways, run in several places."""

import http.client
import subprocess

import servers


def compile_server(output, *more, compiler="cc"):
    sources = [servers.PROGRAMS / name for name in ("server.c", *more)]
    subprocess.run([compiler, "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O2",
                    "-o", output, *sources], check=True)
    return output


class Small(servers.Server):
    """The server; it says its port on stdout, which is the first line of the log."""

    def __init__(self, directory, program, tracing=None, name="server", warm_up=0):
        arguments = program if isinstance(program, list) else [program]
        super().__init__(name, [*arguments, warm_up], directory, tracing=tracing)
        self.port = int(self.wait_until(self.first_line, "port"))

    def first_line(self):
        lines = [line for line in self.log.read_text().splitlines() if line.isdigit()]
        return lines and lines[0]

    @property
    def said(self):
        """What stands in the log beside the port."""
        return [line for line in self.log.read_text().splitlines() if line != str(self.port)]

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=servers.PATIENCE_SECONDS)


def ask(connection, method="GET", path="/", body=None, chunked=False, **headers):
    """The size that the server says the body had."""
    connection.request(method, path, body, {name.replace("_", "-"): value
                                            for name, value in headers.items()},
                       encode_chunked=chunked)
    answer = connection.getresponse()
    assert answer.status == 200
    return int(answer.read())
