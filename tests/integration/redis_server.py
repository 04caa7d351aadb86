# SPDX-License-Identifier: Apache-2.0
"""A server of Redis, and programs that ask it."""

import os
import subprocess

import servers

PASSWORD = "swordfish"


def run(arguments, tracing=None, directory=None, text=None, **variables):
    inherited = {key: value for key, value in os.environ.items()
                 if not key.startswith(("OTEL_", "LD_PRELOAD"))}
    return subprocess.run([str(argument) for argument in arguments], capture_output=True, text=True,
                          cwd=directory, timeout=servers.PATIENCE_SECONDS, check=False, input=text,
                          env={**inherited, **variables,
                               **(tracing.environment() if tracing else {})})


class Redis(servers.Server):
    """A server that keeps nothing."""

    def __init__(self, directory, name="redis", tracing=None, options=(), password=PASSWORD):
        self.port = servers.free_port()
        self.password = password
        super().__init__(name, [
            servers.program("redis-server"), "--port", self.port, "--bind", "127.0.0.1",
            "--save", "", "--appendonly", "no", "--daemonize", "no", "--databases", "16",
            *(["--requirepass", password] if password else []), *options], directory,
            tracing=tracing)
        self.wait_until(lambda: self.ask("PING") == "PONG\n", "answer")

    def ask(self, *words):
        """What redis-cli prints, without the agent."""
        return run(self.cli(*words)).stdout

    def cli(self, *words):
        return [servers.program("redis-cli"), "-p", self.port,
                *(["--pass", self.password, "--no-auth-warning"] if self.password else []), *words]
