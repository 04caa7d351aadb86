# SPDX-License-Identifier: Apache-2.0
"""Posts of telemetry are no requests, sent or received; and a program that sends spans of its own
gets none of ours beside them, unless both are asked for."""

import collections
import http.client
import http.server
import os
import re
import socket
import ssl
import subprocess
import sys
import time

import pytest

import certificates
import servers
import spans

sys.path.insert(0, str(servers.PROGRAMS))
import poster  # noqa: E402  (the shapes that both sides know)

SAID = re.compile(r"otelagent\[\d+\]: warn: the program sends spans of its own \((\w+)\)")
COUNTED = re.compile(r"left out, too: posts of telemetry (\d+), requests and calls beside the "
                     r"program's own spans (\d+) ")
PROTOCOLS = {"otlp": "OTLP", "zipkin": "Zipkin", "datadog": "Datadog"}
NEAR_MISSES = {
    "get": ("GET", "/v1/traces", poster.JSON),
    "form": ("POST", "/v1/traces", "application/x-www-form-urlencoded"),
    "below": ("POST", "/api/v1/traces/123", poster.JSON),
    "logs": ("POST", "/api/v1/logs", poster.JSON),
    "query": ("POST", "/search?next=/v1/traces", poster.JSON),
    "datadog": ("GET", "/v0.4/traces", poster.MSGPACK),
}
SDK = servers.cache_directory() / "sdk"
QUIET_SECONDS = 2  # many times what an export waits for company


class Web(http.server.BaseHTTPRequestHandler):
    """Writes down what arrives."""

    protocol_version = "HTTP/1.1"

    def respond(self):
        if self.headers.get("Transfer-Encoding"):
            self.close_connection = True
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.arrived.append((self.command, self.path, self.headers.get("traceparent")))
        self.send_response(202)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_GET = do_POST = do_PUT = respond

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def web():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
    server.daemon_threads = True
    server.arrived = []
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    with servers.serving(server):
        yield server


@pytest.fixture
def tracing(library, directory):
    def of(service="program", **variables):
        return servers.Tracing(library, directory, service,
                               {"OTEL_LOG_LEVEL": "info", **variables})
    return of


def run(arguments, directory, tracing=None, **variables):
    inherited = {key: value for key, value in os.environ.items()
                 if not key.startswith("OTEL_") and not key.lower().endswith("_proxy")}
    done = subprocess.run([str(argument) for argument in arguments], capture_output=True, text=True,
                          cwd=directory, timeout=120, check=False,
                          env={**inherited, "PYTHONDONTWRITEBYTECODE": "1", **variables,
                               **(tracing.environment() if tracing else {})})
    assert done.returncode == 0, done.stderr
    return done


def counted(said):
    """Posts of telemetry, and what was left out beside the program's own spans."""
    return tuple(map(sum, zip((0, 0), *(map(int, pair) for pair in COUNTED.findall(said)))))


def ask(port, method, path, kind=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, b"{}" if method != "GET" else None,
                       {"Content-Type": kind} if kind else {})
    answer = connection.getresponse()
    result = answer.status, answer.read()
    connection.close()
    return result


def paths(found, kind="SERVER"):
    """What was asked, but for what waited for a server."""
    return [span.attributes.get("url.path") for span in found if span.kind == kind and
            span.attributes.get("request.id") != servers.READY_ID and
            span.attributes.get("url.path") != "/ready"]


def spans_posted(collector):
    return [span for post in list(collector.posts) for of in post.request.resource_spans
            for scope in of.scope_spans for span in scope.spans]


def posted(collector, key):
    """How often each value of that attribute was posted."""
    return collections.Counter(pair.value.string_value for span in spans_posted(collector)
                               for pair in span.attributes if pair.key == key)


# --- Clients ---


def post(directory, web, client, what, tracing):
    """Gets a page, posts, and gets it again."""
    steps = [f"{client}:{step}" for step in ("get", what, "get")]
    del web.arrived[:]
    done = run([servers.program("python3"), servers.PROGRAMS / "poster.py", web.url, *steps],
               directory, tracing)
    assert done.stdout == "202\n" * 3
    assert [arrived[:2] for arrived in web.arrived] == [
        poster.SHAPES[step][:2] for step in ("get", what, "get")]
    return done.stderr


@pytest.mark.parametrize("client", ["curl", "http"])
@pytest.mark.parametrize("what", poster.SPANS)
def test_who_posts_spans_keeps_none_of_ours(directory, tracing, web, client, what):
    run_of = tracing()
    said = post(directory, web, client, what, run_of)
    found = spans.read(run_of.file)
    assert [(span.name, span.kind) for span in found] == [("GET", "CLIENT")], said
    assert SAID.findall(said) == [PROTOCOLS[what.partition("-")[0]]], said
    assert counted(said) == (1, 1), said
    before, posted, after = (traceparent for _, _, traceparent in web.arrived)
    assert bool(before) == (client == "curl") and not posted and not after


@pytest.mark.parametrize("client", ["curl", "http"])
@pytest.mark.parametrize("what", poster.SPANS)
def test_both_may_be_kept(directory, tracing, web, client, what):
    run_of = tracing(OTEL_AGENT_WITH_SDK="both")
    said = post(directory, web, client, what, run_of)
    assert [span.name for span in spans.read(run_of.file)] == ["GET", "GET"], said
    assert not SAID.findall(said) and counted(said) == (1, 0), said
    assert not web.arrived[1][2]


@pytest.mark.parametrize("client", ["curl", "http"])
@pytest.mark.parametrize("what", poster.OTHERS)
def test_who_posts_metrics_or_logs_keeps_its_spans(directory, tracing, web, client, what):
    run_of = tracing()
    said = post(directory, web, client, what, run_of)
    assert [span.name for span in spans.read(run_of.file)] == ["GET", "GET"], said
    assert not SAID.findall(said) and counted(said) == (1, 0), said
    assert not web.arrived[1][2]


def test_the_curl_command_and_php_post_without_a_header(directory, tracing, web):
    data = ["-sS", "-H", "Content-Type: application/json", "-d", "{}"]
    script = (f"$c = curl_init('{web.url}/v1/traces'); curl_setopt_array($c, [CURLOPT_POST => 1, "
              "CURLOPT_POSTFIELDS => '{}', CURLOPT_RETURNTRANSFER => 1, CURLOPT_HTTPHEADER => "
              "['Content-Type: application/json']]); echo curl_exec($c);")
    for arguments in ([servers.program("curl"), *data, f"{web.url}/v1/traces"],
                      [servers.program("php"), "-r", script]):
        run_of = tracing(f"of-{arguments[0].rpartition('/')[2]}", OTEL_LOG_LEVEL="warn")
        done = run(arguments, directory, run_of)
        assert done.stdout == "{}"
        assert not spans.read(run_of.file)
        assert "otelagent" not in done.stderr  # nothing was left out: there is nothing to tell
    assert web.arrived == [("POST", "/v1/traces", None)] * 2


# --- Servers ---


def nginx_log(nginx):
    """What it says before it opens its log, and in there."""
    return nginx.log.read_text() + (nginx.log.parent / "nginx-error.log").read_text()


def test_posts_have_no_span_where_they_come(directory, tracing):
    run_of = tracing()
    with servers.Answering(directory, run_of) as server:
        for method, path, kind in {**poster.SPANS, **poster.OTHERS}.values():
            assert ask(server.port, method, path, kind) == (200, b"ok\n")
        for method, path, kind in NEAR_MISSES.values():
            assert ask(server.port, method, path, kind) == (200, b"ok\n")
    said = server.log.read_text()
    assert sorted(paths(spans.read(run_of.file))) == sorted(
        path.partition("?")[0] for _, path, _ in NEAR_MISSES.values()), said
    assert counted(said) == (len(poster.SPANS) + len(poster.OTHERS), 0), said


def test_a_proxy_of_its_own_collector_does_not_feed_itself(directory, tracing, collector):
    """nginx posts its spans to itself, as they are all posted to it."""
    port = servers.free_port()
    run_of = tracing("nginx", OTEL_TRACES_EXPORTER="otlp",
                     OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}/otlp")
    with servers.Nginx(directory, {"otlp": collector.port}, run_of,
                       more=f"listen 127.0.0.1:{port};") as nginx:
        for number in range(5):
            assert ask(nginx.port, "GET", f"/small.txt?{number}")[0] == 200
        nginx.wait_until(lambda: posted(collector, "url.query") >= collections.Counter("01234"),
                         "span of each")
        time.sleep(QUIET_SECONDS)
    assert set(posted(collector, "url.path")) == {"/small.txt"}
    assert not SAID.findall(nginx_log(nginx))


@pytest.mark.parametrize("path", ["/v1/traces", "/elsewhere"], ids=["default", "chosen"])
def test_a_proxy_keeps_its_spans_and_passes_on_what_others_post(directory, tracing, collector, path):
    """Also what an agent posts under a path of somebody's choice."""
    run_of = tracing("nginx")
    others = tracing("script", OTEL_TRACES_EXPORTER="otlp")
    with servers.Nginx(directory, {"otlp": collector.port}, run_of, workers=1) as nginx:
        others.variables["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = (
            f"http://127.0.0.1:{nginx.port}/otlp{path}")
        for number in range(3):
            run([servers.program("curl"), "-sS", "-o", "/dev/null",
                 f"http://127.0.0.1:{nginx.port}/small.txt?{number}"], directory, others)
        collector.wait_for_spans(3)
        assert ask(nginx.port, "GET", "/page.html")[0] == 200
    found = spans.read(run_of.file)
    assert paths(found) == ["/small.txt"] * 3 + ["/page.html"], nginx_log(nginx)
    assert not paths(found, "CLIENT")
    assert {post.target for post in collector.posts} == {path}


def test_a_proxy_that_is_asked_by_tls_keeps_its_spans(directory, tracing, collector):
    """What comes there can't be read; so what goes out may have come that way."""
    run_of = tracing("nginx")
    authority = certificates.Authority(directory / "certificates")
    certificate, key = authority.sign("server")
    port = servers.free_port()
    with servers.Nginx(directory, {"otlp": collector.port}, run_of, workers=1, more=(
            f"listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}; "
            f"ssl_certificate_key {key};")) as nginx:
        connection = http.client.HTTPSConnection(
            "localhost", port, context=ssl.create_default_context(cafile=authority.file))
        for _ in range(3):
            connection.request("POST", "/otlp/v1/traces", b"",
                               {"Content-Type": poster.PROTOBUF})
            assert connection.getresponse().read() is not None
        connection.close()
        assert len(collector.posts) == 3
        assert ask(nginx.port, "GET", "/page.html")[0] == 200
    assert paths(spans.read(run_of.file)) == ["/page.html"], nginx_log(nginx)


@pytest.mark.parametrize("line", [
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\1\xc0\0\x02\2\0\1\0\2"], ids=["1", "2"])
def test_a_proxy_behind_proxy_protocol_keeps_its_spans(directory, tracing, collector, line):
    """Such a connection is not read either."""
    run_of = tracing("nginx")
    port = servers.free_port()
    with servers.Nginx(directory, {"otlp": collector.port}, run_of, workers=1,
                       more=f"listen 127.0.0.1:{port} proxy_protocol;") as nginx:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
            client.sendall(line + f"POST /otlp/v1/traces HTTP/1.1\r\nHost: a\r\n"
                           f"Content-Type: {poster.PROTOBUF}\r\nContent-Length: 0\r\n"
                           "Connection: close\r\n\r\n".encode())
            while client.recv(4096):
                pass
        assert len(collector.posts) == 1
        assert ask(nginx.port, "GET", "/page.html")[0] == 200
    assert paths(spans.read(run_of.file)) == ["/page.html"], nginx_log(nginx)


def test_a_collector_that_posts_on_later_keeps_its_spans(directory, tracing, web):
    run_of = tracing("store")
    port = servers.free_port()
    with servers.Server("store", [servers.program("python3"), servers.PROGRAMS / "store.py", port,
                                  web.url], directory, None, run_of) as server:
        server.wait_until(lambda: ask(port, "GET", "/ready"), "answer")
        posts = [shape for shape in poster.SPANS.values() if shape[0] == "POST"]
        for _ in range(3):
            for shape in posts:
                assert ask(port, *shape)[0] == 200
            server.wait_until(lambda: len(web.arrived) == len(posts), "posts")
            assert ask(port, "GET", "/page")[0] == 200
            del web.arrived[:]
    found = spans.read(run_of.file)
    assert paths(found) == ["/page"] * 3, server.log.read_text()
    assert not paths(found, "CLIENT")
    assert not SAID.findall(server.log.read_text())


# --- OpenTelemetry's SDK ---


class Application(servers.Server):
    """gunicorn with tests/programs/sdk_app.py."""

    def __init__(self, directory, collector, tracing, workers):
        self.port = servers.free_port()
        super().__init__("sdk", [
            servers.program("gunicorn"), "--workers", workers, "--bind", f"127.0.0.1:{self.port}",
            "--chdir", servers.PROGRAMS, "sdk_app:application"], directory, {
                "SDK_ENDPOINT": f"{collector.endpoint}/v1/traces", "PYTHONPATH": str(SDK),
                "PYTHONDONTWRITEBYTECODE": "1"}, tracing)
        self.wait_until(lambda: ask(self.port, "GET", "/ready"), "answer")


def names_posted(collector):
    return collections.Counter(span.name for span in spans_posted(collector))


WORKERS = 2


def ask_all_workers(server, collector, prefix):
    """Asks until each worker has answered something that it has posted, too. What a post says of
    the worker is surely known once the same thread posts again."""
    workers, number = set(), 0
    while len(workers) < WORKERS:
        number += 1
        assert number < 500
        workers.add(ask(server.port, "GET", f"/{prefix}/{number}")[1])
    server.wait_until(lambda: all(names_posted(collector)[f"/{prefix}/{n + 1}"]
                                  for n in range(number)), "post of each")
    return number


def test_a_server_with_an_sdk_keeps_only_its_own_spans(directory, tracing, collector):
    run_of = tracing("sdk")
    with Application(directory, collector, run_of, WORKERS) as server:
        ask_all_workers(server, collector, "first")
        ask_all_workers(server, collector, "again")
        asked = ask_all_workers(server, collector, "then")
        server.wait_until(lambda: SAID.findall(server.log.read_text()), "message")
    said = server.log.read_text()
    assert names_posted(collector) >= collections.Counter(
        f"/then/{number + 1}" for number in range(asked))
    found = spans.read(run_of.file)
    assert not [path for path in paths(found) if path.startswith("/then/")], said
    assert [path for path in paths(found) if path.startswith("/first/")]
    assert not [span for span in found if span.kind == "CLIENT"], said
    assert SAID.findall(said) == ["OTLP"], said
    posts, left_out = counted(said)
    assert posts == len(collector.posts) and left_out >= asked, said


def test_a_server_with_an_sdk_may_keep_both(directory, tracing, collector):
    run_of = tracing("sdk", OTEL_AGENT_WITH_SDK="both")
    with Application(directory, collector, run_of, WORKERS) as server:
        asked = [ask_all_workers(server, collector, prefix) for prefix in ("first", "then")]
    said = server.log.read_text()
    found = spans.read(run_of.file)
    assert sorted(paths(found)) == sorted(
        f"/{prefix}/{number + 1}" for prefix, count in zip(("first", "then"), asked)
        for number in range(count)), said
    assert not [span for span in found if span.kind == "CLIENT"], said
    assert not SAID.findall(said) and counted(said)[1] == 0


def test_a_script_with_an_sdk_sends_its_own_context(directory, tracing, collector, web):
    """Its first call is told by both, because only the post behind it shows the SDK."""
    run_of = tracing("script")
    done = run([servers.program("python3"), servers.PROGRAMS / "sdk_app.py", web.url, 3], directory,
               run_of, SDK_ENDPOINT=f"{collector.endpoint}/v1/traces", PYTHONPATH=str(SDK))
    assert names_posted(collector)["ask"] == 3
    assert [traceparent for _, _, traceparent in web.arrived] == done.stdout.split()
    found = spans.read(run_of.file)
    assert [(span.name, span.kind) for span in found] == [("GET", "CLIENT")], done.stderr
    assert SAID.findall(done.stderr) == ["OTLP"]
    assert counted(done.stderr) == (3, 2)
