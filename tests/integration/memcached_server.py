# SPDX-License-Identifier: Apache-2.0
"""A memcached."""

import socket

import servers


class Memcached(servers.Server):
    def __init__(self, directory, name="memcached", tracing=None, options=()):
        self.port = servers.free_port()
        super().__init__(name, [
            servers.program("memcached"), "-l", "127.0.0.1", "-p", self.port, "-U", "0",
            "-u", "nobody", *options], directory, tracing=tracing)
        self.wait_until(lambda: self.ask(b"version\r\n"), "answer")

    def ask(self, request):
        """The first line of the answer, without the agent."""
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(request)
            return connection.makefile("rb").readline()
