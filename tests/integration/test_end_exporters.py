# SPDX-License-Identifier: Apache-2.0
"""How a program ends that has several exporters: what the collector does not get is left to the
next process, and every exporter has each span once in the end."""

import collections
import re
import socket
import time

import pytest

import accounts
import ending
import servers
import sink
import small
import spans
from ending import SOON, answer_with, ask, end, go_away, hang, kill, once_each, said

REQUESTS = 5
REFUSE = sink.refuse("503 Service Unavailable")
TO_COLLECTOR = ["otlp", "otlp,otlp", "otlp,none", "otlp,file", "file,otlp", "file,otlp,file",
                "otlp,console", "console,otlp", "otlp,file,console", "console,file,otlp"]


@pytest.fixture(scope="module")
def program(run_directory):
    return small.compile_server(run_directory / "exporters-server")


@pytest.fixture
def service(library, directory, program):
    begun = ending.Service(library, directory, program)
    yield begun
    begun.stop()


class Exporters:
    """Programs of one service with these exporters, and what those have got of them."""

    def __init__(self, service, names, collector, file):
        self.service = service
        self.names = names.split(",")
        self.collector = collector
        self.file = file

    def start(self, command=None, **variables):
        return self.service.start(self.collector, command, OTEL_TRACES_EXPORTER=",".join(self.names),
                                  OTEL_AGENT_EXPORT_FILE=str(self.file), **variables)

    def paths(self):
        """How often each path stands on the consoles."""
        return collections.Counter(path for server in self.service.started for path in
                                   re.findall(r"  (?:\d+  )?(/\w+[/\w]*)", server.log.read_text()))

    def have_each_once(self, count):
        """Of the spans of that many requests."""
        if "otlp" in self.names:
            once_each(self.collector, count)
        files = sorted(self.file.parent.glob(self.file.name.replace("%p", "*")))
        written = collections.Counter(span.span_id for span in spans.read(*files))
        assert len(written) == (count if "file" in self.names else 0)
        assert set(written.values()) <= {1}, written
        assert sum(self.paths().values()) == (count if "console" in self.names else 0), self.paths()

    def end_one(self, ended, left=0, failed=0):
        """One that is asked once; how its spans, and those that it takes over, come out."""
        server = self.start()
        ask(server)
        end(server)
        told = said(server)
        accounts.balance(told, ended)
        assert (told.exported, told.left, told.failed) == (ended - left - failed, left, failed)


@pytest.fixture(params=TO_COLLECTOR)
def exporters(request, service, collector, directory):
    return Exporters(service, request.param, collector, directory / "spans.jsonl")


@pytest.mark.parametrize("fault", ["away", "refuses"])
def test_what_the_collector_has_not_got_at_the_end_is_left(exporters, collector, fault):
    go_away(collector) if fault == "away" else answer_with(collector, REFUSE)
    first = exporters.start()
    ask(first, REQUESTS)
    seconds = end(first)
    told = said(first)
    accounts.balance(told, REQUESTS)
    assert (told.exported, told.left, told.failed) == (0, REQUESTS, 0)
    assert seconds < SOON
    if fault == "away":
        collector.start()
    answer_with(collector, sink.accept)
    exporters.end_one(REQUESTS + 1)
    exporters.have_each_once(REQUESTS + 1)
    assert not exporters.service.left


@pytest.mark.parametrize("fault", [sink.Hang, lambda: REFUSE], ids=["silent", "refuses"])
def test_who_is_killed_while_it_posts_has_told_the_others(exporters, collector, fault):
    answer_with(collector, fault())
    first = exporters.start(OTEL_BSP_SCHEDULE_DELAY="10")
    ask(first, REQUESTS)
    collector.wait_for(lambda: collector.posts, "post")
    kill(first)
    answer_with(collector, sink.accept)
    exporters.end_one(REQUESTS + 1)
    exporters.have_each_once(REQUESTS + 1)
    assert not exporters.service.left


@pytest.mark.parametrize("names", ["file", "console", "file,console,file", "none,file"])
def test_who_needs_no_collector_waits_for_none(service, collector, directory, names):
    go_away(collector)
    exporters = Exporters(service, names, collector, directory / "spans.jsonl")
    for _ in range(2):
        exporters.end_one(1)
    killed = exporters.start(OTEL_BSP_SCHEDULE_DELAY="60000")
    ask(killed, REQUESTS)
    kill(killed)
    exporters.end_one(REQUESTS + 1)
    exporters.have_each_once(REQUESTS + 3)
    assert not service.left


SLEEPS = """
import http.server, time

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/sleep"):
            time.sleep(60)
        self.send_response(200)
        self.send_header("Content-Length", "1")
        self.end_headers()
        self.wfile.write(b"1")

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""
SLEEPERS = 4


@pytest.mark.parametrize("batch", ["1", "3", "512"])
def test_heirs_that_have_to_leave_it_again_tell_the_others_once(service, collector, directory,
                                                                 batch):
    """Spans in flight included, which are nobody's until the first heir ends them."""
    exporters = Exporters(service, "otlp,file,console", collector, directory / "spans.jsonl")
    answer_with(collector, REFUSE)
    (directory / "sleeps.py").write_text(SLEEPS)
    first = exporters.start([servers.program("python3"), directory / "sleeps.py"])
    for number in range(REQUESTS):
        ask(first)
    opened = []
    for number in range(SLEEPERS):
        opened.append(socket.create_connection(("127.0.0.1", first.port)))
        opened[-1].sendall(f"GET /sleep/{number} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    time.sleep(0.5)  # nothing tells when the server has read them
    kill(first)
    for each in opened:
        each.close()
    for _ in range(2):
        heir = exporters.start(OTEL_BSP_MAX_EXPORT_BATCH_SIZE=batch)
        ask(heir)
        end(heir)
        told = said(heir)
        assert told.left == told.ended > 0
        assert not told.failed
    seen = len(collector.posts)
    heir = exporters.start(OTEL_BSP_MAX_EXPORT_BATCH_SIZE=batch, OTEL_BSP_SCHEDULE_DELAY="10")
    ask(heir)
    collector.wait_for(lambda: len(collector.posts) > seen, "post")
    kill(heir)
    answer_with(collector, sink.accept)
    last = exporters.start(OTEL_BSP_MAX_EXPORT_BATCH_SIZE=batch, OTEL_BSP_SCHEDULE_DELAY="10")
    ask(last)
    collector.wait_for_spans(REQUESTS + SLEEPERS + 4)
    end(last)
    exporters.have_each_once(REQUESTS + SLEEPERS + 4)
    assert not service.left


@pytest.mark.parametrize("names", ["otlp,file", "otlp,file,console"])
def test_a_file_that_could_not_be_written_is_tried_again_with_what_is_left(service, collector,
                                                                           directory, names):
    exporters = Exporters(service, names, collector, directory / "later" / "spans.jsonl")
    answer_with(collector, REFUSE)
    exporters.end_one(1, left=1)
    exporters.file.parent.mkdir()
    answer_with(collector, sink.accept)
    exporters.end_one(2)
    exporters.have_each_once(2)


def test_a_full_disk_costs_the_collector_nothing(service, collector, directory):
    """What the file lacks is counted: not every exporter has it."""
    exporters = Exporters(service, "otlp,file", collector, directory / "full")
    exporters.file.symlink_to("/dev/full")
    exporters.end_one(1, failed=1)
    go_away(collector)
    exporters.end_one(1, left=1)
    collector.start()
    exporters.end_one(2, failed=2)
    once_each(collector, 3)
    assert not service.left


def test_each_process_has_a_file_of_its_own(service, collector, directory):
    exporters = Exporters(service, "file,otlp", collector, directory / "spans-%p.jsonl")
    answer_with(collector, REFUSE)
    exporters.end_one(1, left=1)
    answer_with(collector, sink.accept)
    exporters.end_one(2)
    exporters.have_each_once(2)
    assert len(list(directory.glob("spans-*.jsonl"))) == 2


def test_others_that_are_told_do_not_wait_for_the_collector(service, collector, directory):
    """Nor for what it is tried again after."""
    exporters = Exporters(service, "otlp,file,console", collector, directory / "spans.jsonl")
    hang(collector)
    server = exporters.start(OTEL_BSP_SCHEDULE_DELAY="10")
    ask(server)
    collector.wait_for(lambda: collector.posts, "post")
    assert len(spans.read(exporters.file)) == 1
    assert sum(exporters.paths().values()) == 1
    kill(server)
