# SPDX-License-Identifier: Apache-2.0
"""Programs of one service, one after the other, which end; what they say, leave and send."""

import os
import signal
import time

import accounts
import servers
import sink
import small

SOON = 0.8  # seconds: the promise is 0.1; what was wrong took 0.9 and more


class Service:
    """Its programs share a state directory, also with those of services that are started beside.
    They send nothing before they end, unless they are told to."""

    def __init__(self, library, directory, program):
        self.library = library
        self.directory = directory
        self.program = program
        self.started = []

    def start(self, collector, command=None, service="ending", **variables):
        if collector.authority:
            variables["OTEL_EXPORTER_OTLP_CERTIFICATE"] = str(collector.authority.file)
        tracing = servers.Tracing(self.library, self.directory, service, {
            "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": "60000", "OTEL_LOG_LEVEL": "info", **variables})
        self.started.append(small.Small(self.directory, command or str(self.program), tracing,
                                        f"server-{len(self.started)}"))
        return self.started[-1]

    @property
    def left(self):
        """The files of spans that lie there."""
        return sorted(file.name for file in (self.directory / "state").glob("otelagent-*/otelagent-*"))

    def stop(self):
        for server in self.started:
            server.stop(check=False)


def ask(server, times=1):
    connection = server.connect()
    for number in range(times):
        small.ask(connection, path=f"/number/{number}")
    connection.close()


def kill(server):
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait(servers.PATIENCE_SECONDS)


def end(server):
    """Seconds that it takes to end."""
    began = time.monotonic()
    server.stop()
    return time.monotonic() - began


def said(server):
    return accounts.read(server.log.read_text())


def once_each(collector, count):
    collector.wait_for_spans(count)
    stored = collector.stored()
    assert len(stored) == count
    assert set(stored.values()) == {1}, sorted(stored.values())


def the_next_sends(service, collector, count):
    """A program that is started and asked once sends that many of another's, and its own."""
    server = service.start(collector)
    ask(server)
    collector.wait_for_spans(count)
    server.stop()
    once_each(collector, count + 1)


def go_away(collector):
    collector.stop()
    if collector.path:
        os.unlink(collector.path)


def hang(collector, times=20):
    collector.steps.clear()
    collector.steps.extend(sink.Hang() for _ in range(times))


def answer_with(collector, step):
    collector.steps.clear()
    collector.steps.append(step)
