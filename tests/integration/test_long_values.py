# SPDX-License-Identifier: Apache-2.0
"""However long what a client sends, a server answers or a database is asked: a span says its name,
its status, its error, who asked and who answered. What is too long is cut, or left out and
counted."""

import http.server
import os
import socket
import subprocess

import pytest

import servers
import spans

STATUSES = (200, 404, 503)
LOCATIONS = "\n".join([
    "large_client_header_buffers 8 64k;",
    *(f"location /s/{status}/ {{ add_header X-Said $http_x_say always; return {status} said; }}"
      for status in STATUSES)])
LONG = {
    "nothing": {},
    "path": {"path": "a" * 2300},
    "segments": {"path": "item/" * 1500},
    "query": {"path": "?q=" + "b" * 20000},
    "all of a URL": {"path": "a" * 6000 + "?password=" + "secret" * 100 + "&q=" + "c" * 30000},
    "agent": {"User-Agent": "u" * 7000},
    "agent, two bytes a letter": {"User-Agent": "\u00e9" * 15000},
    "agent that is no UTF-8": {"User-Agent": b"\x80" * 7000},
    "header": {"X-Tenant": "h" * 7000},
    "headers": {"X-Tenant": "h" * 3000, "X-Other": "i" * 40000, "X-Request-ID": "r" * 9000},
    "answered header": {"X-Say": "y" * 7000},
    "host": {"Host": "o" * 6000},
    "forwarded": {"X-Forwarded-Host": "f" * 7000,
                  "X-Forwarded-For": "192.0.2.7" + ", 192.0.2.8" * 900},
    "tracestate": {"traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01",
                   "tracestate": "a=" + "t" * 256 + ",b=" + "t" * 200, "X-Tenant": "h" * 7000},
    "everything": {"path": "a" * 3000 + "?" + "b" * 3000, "User-Agent": "u" * 7000,
                   "X-Tenant": "h" * 7000, "Host": "o" * 3000, "X-Say": "y" * 7000},
}
CAPTURED = {"OTEL_AGENT_CAPTURE_REQUEST_HEADERS": "x-tenant,x-other",
            "OTEL_AGENT_CAPTURE_RESPONSE_HEADERS": "x-said",
            "OTEL_AGENT_CAPTURE_THREAD": "true",
            "OTEL_AGENT_HTTP_ROUTES": "/s/200/*,/s/404/*,/s/503/*"}
STABLE = {"http.request.method": str, "http.response.status_code": int, "network.peer.address": str,
          "network.peer.port": int, "client.address": str, "server.address": str,
          "network.protocol.version": str, "http.route": str, "http.response.body.size": int,
          "url.path": str, "url.scheme": str, "http.response.header.content-type": str}
OLDER = {"http.method": str, "http.status_code": int, "net.sock.peer.addr": str,
         "net.sock.peer.port": int, "http.client_ip": str, "http.host": str, "http.flavor": str,
         "http.route": str, "http.scheme": str}


def head(status, marker, path="", **fields):
    lines = [f"GET /s/{status}/{marker}/{path} HTTP/1.1".encode()]
    for name, value in {"Host": "shop.example:8080", **fields}.items():
        value = value if isinstance(value, bytes) else value.encode()
        lines.append(name.encode() + b": " + value)
    return b"\r\n".join([*lines, b"Connection: close", b"", b""])


def ask(port, request):
    with socket.create_connection(("127.0.0.1", port), timeout=servers.PATIENCE_SECONDS) as asking:
        asking.sendall(request)
        answer = b""
        while more := asking.recv(65536):
            answer += more
    return int(answer.split(b" ", 2)[1])


@pytest.fixture
def traced(directory, library):
    """The spans of all requests of LONG, by what was long and the status."""
    def run(**variables):
        tracing = servers.Tracing(library, directory, "long", {**CAPTURED, **variables})
        got = {}
        with servers.Nginx(directory, tracing=tracing, workers=1, more=LOCATIONS) as nginx:
            for number, (what, fields) in enumerate(LONG.items()):
                for status in STATUSES:
                    marker = f"n{number}"
                    assert ask(nginx.port, head(status, marker, **fields)) == status, what
                    got[f"/s/{status}/{marker}/"] = what, status
        found = {}
        for span in spans.read(tracing.file):
            path = span.attributes.get("url.path", "")
            for prefix, key in got.items():
                if path.startswith(prefix):
                    found[key] = span
        assert len(found) == len(got), (
            sorted(set(got.values()) - set(found)),
            [(span.name, sorted(span.attributes)) for span in spans.read(tracing.file)
             if "url.path" not in span.attributes])
        return found
    return run


def describe(what, span):
    return (f"{what}: {span.name!r} {span.status} dropped {span.dropped_attributes}, has "
            f"{ {name: str(value)[:20] for name, value in span.attributes.items()} }")


def assert_tells(what, status, span, names):
    said = describe((what, status), span)
    error = {503: "503"}.get(status)
    for name, kind in names.items():
        assert isinstance(span.attributes.get(name), kind), (name, said)
        if name.endswith("status_code"):
            assert span.attributes[name] == status, said
    assert span.name == f"GET /s/{status}/*", said
    assert span.attributes.get("error.type") == error, said
    assert span.status == ("ERROR" if error else "UNSET"), said
    assert span.attributes.get("error", False) == bool(error), said


@pytest.mark.parametrize("opt_in, names", [
    ("http,database", STABLE), ("http/dup,database/dup", {**STABLE, **OLDER}),
    ("", {**STABLE, **OLDER})],
    ids=["stable", "both", "unset"])
def test_a_long_request_takes_nothing_from_its_span(traced, opt_in, names):
    for (what, status), span in traced(OTEL_SEMCONV_STABILITY_OPT_IN=opt_in).items():
        assert_tells(what, status, span, names)
        said = describe((what, status), span)
        assert "secretsecret" not in str(span.attributes), said
        for value in span.attributes.values():
            assert "\ufffd\ufffd" not in str(value) or "no UTF-8" in what, said
        wanted = {"agent": "user_agent.original", "header": "http.request.header.x-tenant",
                  "answered header": "http.response.header.x-said", "query": "url.query",
                  "agent, two bytes a letter": "user_agent.original",
                  "agent that is no UTF-8": "user_agent.original"}.get(what)
        if wanted:  # alone, it has room for more than its beginning
            assert len("".join(span.attributes[wanted])) > 1000, said
        if what == "everything":
            assert span.dropped_attributes > 0, said
        if what in ("nothing", "agent", "header"):
            assert span.dropped_attributes == 0, said


def test_a_limit_of_texts_leaves_room_for_all_of_them(traced):
    for (what, status), span in traced(OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT="100").items():
        said = describe((what, status), span)
        assert_tells(what, status, span, {**STABLE, **OLDER})
        assert span.dropped_attributes == 0, said
        for value in span.attributes.values():
            texts = value if isinstance(value, list) else [str(value)]
            assert all(len(text) <= 100 for text in texts), said
        if what == "everything":
            for name in ("url.query", "user_agent.original", "http.request.header.x-tenant",
                         "http.response.header.x-said"):
                assert len("".join(span.attributes[name])) == 100, (name, said)


def test_a_limit_of_attributes_leaves_out_long_texts_first(traced):
    found = traced(OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT="20", OTEL_SEMCONV_STABILITY_OPT_IN="http")
    for (what, status), span in found.items():
        assert len(span.attributes) <= 20
        assert_tells(what, status, span, STABLE)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(503 if "/503/" in self.path else 200)
        self.send_header("Content-Length", "2")
        self.send_header("x-amz-request-id", "r" * 30000)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def web():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with servers.serving(server):
        yield server.server_address[1]


def run(arguments, directory, tracing, text=None):
    inherited = {key: value for key, value in os.environ.items()
                 if not key.startswith("OTEL_") and not key.lower().endswith("_proxy")}
    done = subprocess.run([str(argument) for argument in arguments], capture_output=True,
                          input=text, text=True, cwd=directory, timeout=60, check=False,
                          env={**inherited, **tracing.environment()})
    return done, spans.read(tracing.file)


@pytest.mark.parametrize("store", [False, True], ids=["plain", "s3"])
@pytest.mark.parametrize("status", [200, 503])
def test_a_long_url_takes_nothing_from_a_client_span(library, directory, web, status, store):
    tracing = servers.Tracing(library, directory, "curl", {
        "OTEL_AGENT_S3_ENDPOINTS": f"127.0.0.1:{web}"} if store else {})
    url = (f"http://127.0.0.1:{web}/bucket/{status}/" + "a" * 20000 + "?token=" + "s" * 9000 +
           "&b=" + "c" * 30000)
    done, (span,) = run(["curl", "-sS", url], directory, tracing)
    assert done.stdout == "ok", done.stderr
    said = describe(status, span)
    assert span.name == ("S3.GetObject" if store else "GET"), said
    for name, value in (("http.response.status_code", status), ("http.status_code", status),
                        ("http.request.method", "GET"), ("server.address", "127.0.0.1"),
                        ("server.port", web), ("network.peer.address", "127.0.0.1"),
                        ("network.peer.port", web), ("network.protocol.version", "1.1"),
                        ("http.response.body.size", 2),
                        ("error.type", "503" if status == 503 else None)):
        assert span.attributes.get(name) == value, (name, said)
    assert span.attributes["url.full"].startswith(url[:1000]), said
    assert "sssss" not in str(span.attributes), said
    assert span.status == ("ERROR" if status == 503 else "UNSET"), said
    assert "first_byte" in [name for name, _ in span.events], span.events


def test_a_long_url_that_fails_says_so(library, directory):
    tracing = servers.Tracing(library, directory, "curl")
    port = servers.free_port()
    _, (span,) = run(["curl", "-sS", f"http://127.0.0.1:{port}/" + "a" * 60000], directory, tracing)
    said = describe("refused", span)
    assert span.status == "ERROR" and span.attributes["error.type"] == "ECONNREFUSED", said
    assert ("exception", "ECONNREFUSED") in [
        (name, event.get("exception.type")) for name, event in span.events], span.events


PYTHON = """
import MySQLdb, sys
db = MySQLdb.connect(unix_socket=sys.argv[1], user="shop", passwd=sys.argv[2], db="shop")
many = ", ".join("c%d AS a%d" % (i, i) for i in range(8000))
assert len(many) > 100000
for statement in ("SELECT name FROM products WHERE name = '%s'" % ("x" * 100000),
                  "SELECT %s FROM products" % many,
                  "SELECT %s FROM `%s`" % (many, "t" * 5000)):
    try:
        db.cursor().execute(statement)
    except MySQLdb.Error as error:
        print(error.args[0])
"""


def test_a_long_statement_takes_nothing_from_a_database_span(library, directory, mariadb):
    tracing = servers.Tracing(library, directory, "database")
    done, found = run(["/usr/bin/python3", "-c", PYTHON, mariadb.socket, servers.DB_PASSWORD],
                      directory, tracing)
    assert done.returncode == 0, done.stderr
    found = [span for span in found if span.attributes.get("db.operation.name") == "SELECT"]
    numbers = [None, *done.stdout.split()]
    assert len(found) == len(numbers) == 3, [span.name for span in found]
    for span, number in zip(sorted(found, key=lambda span: span.start_ns), numbers):
        said = describe(number, span)
        assert span.name.startswith("SELECT"), said
        for name in ("db.system.name", "db.system", "db.namespace", "server.address",
                     "db.operation.name", "db.operation", "db.query.text", "db.statement"):
            assert span.attributes.get(name), (name, said)
        assert span.attributes.get("db.response.status_code") == number, said
        assert ("error.type" in span.attributes) == bool(number), said
        assert span.status == ("ERROR" if number else "UNSET"), said
        kinds = [event.get("exception.type") for name, event in span.events if name == "exception"]
        assert kinds == ([span.attributes["error.type"]] if number else []), said
