# SPDX-License-Identifier: Apache-2.0
"""What gets no span, as configured: paths that are ignored, calls outside requests, database calls
that are no statements; each counted. tests/programs/worker_app.py does them all, against a real
database and a server that writes down which context arrives."""

import http.client
import http.server
import os
import re
import subprocess
import time

import pytest

import accounts
import servers
import spans

WORKER = servers.PROGRAMS / "worker_app.py"
BY_DEFAULT = {"OTEL_AGENT_ROOT_CLIENT_SPANS": "", "OTEL_AGENT_DB_SPANS": "",
              "OTEL_LOG_LEVEL": "info"}
LEFT_OUT = re.compile(r"left out, as configured: calls outside requests (\d+) .*no statements "
                      r"(\d+) .*requests (\d+) ")
STATEMENT = "SELECT categories"


class Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.arrived.append((self.path, self.headers.get("traceparent")))
        if self.path == "/very-slow":
            time.sleep(1.2)
        self.send_response(500 if self.path == "/status/500" else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def upstream():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    server.daemon_threads = True
    server.arrived = []
    with servers.serving(server):
        yield server


class Worker(servers.Server):
    def __init__(self, directory, tracing, variables, ready="/ready"):
        self.port = servers.free_port()
        super().__init__("worker", [servers.program("python3"), WORKER, "--serve", self.port],
                         directory, variables, tracing)
        self.wait_until(lambda: servers.answers(self.port, ready), "answer")


class Bench:
    """Runs the program with these settings."""

    def __init__(self, library, directory, mariadb, upstream):
        self.library, self.directory, self.upstream = library, directory, upstream
        self.variables = {"WORK_UPSTREAM": f"http://127.0.0.1:{upstream.server_address[1]}",
                          "WORK_DB_SOCKET": str(mariadb.socket),
                          "WORK_DB_PASSWORD": servers.DB_PASSWORD, "PYTHONDONTWRITEBYTECODE": "1"}

    def tracing(self, settings):
        return servers.Tracing(self.library, self.directory, "worker", {**BY_DEFAULT, **settings})

    def script(self, kinds=(), **settings):
        """Its spans, and what it said."""
        tracing = self.tracing(settings)
        done = subprocess.run(
            [servers.program("python3"), WORKER, *kinds], capture_output=True, text=True,
            timeout=60, check=False, cwd=self.directory,
            env={**{key: value for key, value in os.environ.items()
                    if not key.startswith("OTEL_")}, **self.variables, **tracing.environment()})
        assert done.returncode == 0, done.stderr
        return spans.read(tracing.file), done.stderr

    def serve(self, paths, ready="/ready", **settings):
        """Likewise of a server that is asked for these paths one after the other; without what
        the waiting for it made. `arrived` is left with what came upstream for them."""
        tracing = self.tracing(settings)
        with Worker(self.directory, tracing, self.variables, ready) as worker:
            del self.upstream.arrived[:]
            for path in paths:
                connection = http.client.HTTPConnection("127.0.0.1", worker.port, timeout=60)
                connection.request("GET", path, headers={"Connection": "close"})
                assert connection.getresponse().read() == b""
                connection.close()
        found = spans.read(tracing.file)
        ready_traces = {span.trace_id for span in found if span.kind == "SERVER" and
                        span.attributes.get("url.path") == "/ready"}
        return ([span for span in found if span.trace_id not in ready_traces],
                worker.log.read_text())


@pytest.fixture
def bench(library, directory, mariadb, upstream):
    return Bench(library, directory, mariadb, upstream)


def left_out(said):
    """Calls outside requests, calls that are no statements, requests."""
    found = [tuple(map(int, match)) for match in LEFT_OUT.findall(said)]
    return tuple(map(sum, zip(*found))) if found else (0, 0, 0)


def names(found):
    return sorted(span.name for span in found)


def sampled(upstream):
    return [(path, traceparent[-2:] in ("01", "03")) for path, traceparent in upstream.arrived]


def test_a_script_keeps_its_calls_but_for_what_is_no_statement(bench, upstream):
    found, said = bench.script()
    assert names(found) == ["GET", STATEMENT], said
    outside, session, requests = left_out(said)
    assert (outside, requests) == (0, 0) and session >= 2, said  # connect and commit at least
    assert accounts.read(said).ended == 2
    assert sampled(upstream) == [("/made", True)]
    everything, said = bench.script(OTEL_AGENT_DB_SPANS="all")
    assert len(everything) - 2 == session + 2, names(everything)  # in the same file
    assert {"CONNECT", "COMMIT", "SET"} & set(names(everything)) >= {"CONNECT", "COMMIT"}
    assert left_out(said) == (0, 0, 0)


def test_a_script_may_keep_no_calls(bench, upstream):
    found, said = bench.script(["", "failing"], OTEL_AGENT_ROOT_CLIENT_SPANS="false")
    assert not found and left_out(said)[0] >= 8, said
    assert accounts.read(said).ended == 0
    assert sampled(upstream) == [("/made", False), ("/status/500", False)]


def test_a_server_keeps_calls_outside_requests_that_fail_or_are_slow(bench, upstream):
    found, said = bench.serve(["/background", "/background?failing", "/background?slow"])
    servers_spans = [span for span in found if span.kind == "SERVER"]
    assert len(servers_spans) == 3
    calls = [span for span in found if span.kind == "CLIENT"]
    assert names(calls) == ["GET", "GET", "SELECT", "SELECT nowhere_at_all"], said
    assert not any(span.parent_id for span in calls)
    # Nobody was promised them.
    assert sampled(upstream) == [("/made", False), ("/status/500", False), ("/very-slow", False)]
    assert left_out(said)[0] >= 2, said  # the statement and the request of the first


def test_a_server_keeps_calls_of_requests(bench, upstream):
    found, said = bench.serve(["/work"])
    request, = (span for span in found if span.kind == "SERVER")
    calls = [span for span in found if span.kind == "CLIENT"]
    assert names(calls) == ["GET", STATEMENT], said
    assert {span.parent_id for span in calls} == {request.span_id}
    assert sampled(upstream) == [("/made", True)]
    assert left_out(said)[0] == 0


@pytest.mark.parametrize("setting,kept", [("true", 2), ("false", 0)])
def test_a_server_keeps_all_or_no_calls_outside_requests(bench, upstream, setting, kept):
    found, said = bench.serve(["/background"], OTEL_AGENT_ROOT_CLIENT_SPANS=setting)
    assert len([span for span in found if span.kind == "CLIENT"]) == kept, said
    assert sampled(upstream) == [("/made", kept > 0)]


@pytest.mark.parametrize("sampler", ["", "always_on"])
def test_an_ignored_path_has_no_span_and_no_children(bench, upstream, sampler):
    ignored = ["/healthz", "/healthz?full=1", "/health%7a", "//healthz", "/static/a/b.css"]
    others = ["/healthz/", "/healthz2", "/HEALTHZ", "/static", "/static/%2e%2e/admin"]
    found, said = bench.serve([*ignored, *others], OTEL_TRACES_SAMPLER=sampler,
                              OTEL_AGENT_HTTP_IGNORE="/healthz, /static/*,metrics,/a/*/b")
    served = [span.attributes["url.path"] for span in found if span.kind == "SERVER"]
    assert served == others, said
    calls = [span for span in found if span.kind == "CLIENT"]
    assert names(calls) == sorted(["GET", STATEMENT] * len(others)), said
    assert {span.parent_id for span in calls} == {
        span.span_id for span in found if span.kind == "SERVER"}
    assert sampled(upstream) == [("/made", False)] * len(ignored) + [("/made", True)] * len(others)
    assert left_out(said)[2] == len(ignored), said
    warnings = [line for line in said.splitlines() if "OTEL_AGENT_HTTP_IGNORE: " in line]
    assert len(warnings) == 2 and "'metrics'" in warnings[0] and "'/a/*/b'" in warnings[1], said


def test_a_worker_with_a_health_check_is_no_server(bench, upstream):
    found, said = bench.serve(["/background?"], ready="/healthz",
                              OTEL_AGENT_HTTP_IGNORE="/healthz,/background")
    assert names(found) == ["GET", STATEMENT], said  # its thread is nobody's
    assert sampled(upstream) == [("/made", True)]
