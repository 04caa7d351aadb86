# SPDX-License-Identifier: Apache-2.0
"""Routes: patterns, the heuristic, and its bound whatever clients ask for."""

import collections
import re
import socket

import accounts
import flood
import ledger
import load
import servers
import sink
import spans

ANY_PATH = 'location / { return 200 "ok\\n"; }'
# By the first the queue has been written all over.
EARLY, ALL = 250_000, 1_000_000
MOST = 200  # OTEL_AGENT_HTTP_ROUTES_MAX
GROWTH_BYTES = 256 << 10


def word(number):
    """Letters only, so that no shape tells it from a word of the program."""
    letters = bytearray()
    while True:
        letters.append(ord("g") + number % 16)
        number //= 16
        if not number:
            return bytes(letters)


def path(number):
    """A path of its own for each number, of four kinds; only the first kind has a value in it."""
    kind = number % 4
    if kind == 0:
        return b"/products/%d/image" % number
    if kind == 1:
        return b"/" + word(number)
    if kind == 2:
        return b"/shop//" + word(number) + b"/" + word(number % 7) + b"?page=" + word(number % 5)
    return b"/files/" + word(number) + b".png"


class Tally:
    """A step of the collector that counts routes in the bytes of a post, and forgets the bytes:
    to decode a million spans would take minutes."""

    ROUTE = re.compile(rb"\x0a\x0ahttp\.route\x12.\x0a(.)", re.DOTALL)  # KeyValue, AnyValue
    NAMED_GET = b"\x2a\x03GET"  # Span.name

    def __init__(self):
        self.routes = collections.Counter()
        self.named_get = 0

    def __call__(self, connection, post):
        body = post.body
        for match in self.ROUTE.finditer(body):
            self.routes[body[match.end():match.end() + match.group(1)[0]]] += 1
        self.named_get += body.count(self.NAMED_GET)
        post.wire = b""
        return sink.accept(connection, post)


def test_a_million_paths_leave_few_routes_and_flat_memory(directory, library):
    tally = Tally()
    with sink.Collector(tally) as collector:
        tracing = servers.Tracing(library, directory, "nginx", {
            "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "OTEL_AGENT_HTTP_ROUTES_MAX": str(MOST), "OTEL_SEMCONV_STABILITY_OPT_IN": "http",
            "OTEL_LOG_LEVEL": "info"})
        with servers.Nginx(directory, tracing=tracing, workers=1, more=ANY_PATH) as nginx:
            worker, = servers.children(nginx.process.pid)
            sent = 1  # the one that waited for the server
            sent += flood.send(nginx.port, map(path, range(EARLY)))
            early = servers.resident_bytes(worker)
            sent += flood.send(nginx.port, map(path, range(EARLY, ALL)))
            late = servers.resident_bytes(worker)
    said = accounts.read((directory / "nginx" / "nginx-error.log").read_text())
    print(f"{sent} requests, {said}; {len(tally.routes)} routes; resident {early >> 10} KiB after "
          f"{EARLY}, {(late - early) >> 10} KiB more after {ALL}")
    accounts.balance(said, sent)
    assert late - early < GROWTH_BYTES
    assert len(tally.routes) <= MOST
    assert sum(tally.routes.values()) == said.exported and not tally.named_get
    for route in (b"/products/{id}/image", b"/{id}", b"/files/*"):
        assert tally.routes[route] > said.exported / 5, route


def test_each_worker_has_a_bound_of_its_own(directory, traces):
    tracing = traces.of("answering", OTEL_AGENT_HTTP_ROUTES_MAX="25")
    asked = [load.Request("GET", f"/{word(number).decode()}", f"w{number}", close=number % 10 == 0)
             for number in range(3000)]
    with servers.Answering(directory, tracing, workers=2) as answering:
        answers = load.run(answering.port, asked, connections=32)
    ledger.expect_none(ledger.unexpected_answers(asked, answers))
    of_worker = collections.defaultdict(set)
    common = 0
    for span in traces.read("answering"):
        route = span.attributes.get("http.route")
        of_worker[span.resource["service.instance.id"]].add(route)
        assert span.name == f"GET {route}"
        common += route == "/{id}"
    assert len(of_worker) == 2
    for routes in of_worker.values():
        assert 5 < len(routes) <= 25
    assert common > 2500


def ask(port, head):
    """The answer's first bytes to a request head, as it is."""
    with socket.create_connection(("127.0.0.1", port), timeout=servers.PATIENCE_SECONDS) as connection:
        connection.sendall(head)
        return connection.recv(65536)


PATTERNS = "/products/new,/products/{id}/image,/products/{slug},/static/*,/v{n}/{a}-{b}"
# target, its route, and what nginx takes it for
TARGETS = [
    ("/products/new", "/products/new", "/products/new"),
    ("/products/old", "/products/{slug}", "/products/old"),
    ("/products/4/image?size=2", "/products/{id}/image", "/products/4/image"),
    ("/products/old/", "/products/old/", "/products/old/"),
    ("/products/a%2Fb/image", "/products/{id}/image", "/products/a/b/image"),
    ("//products//old", "/products/{slug}", "/products/old"),
    ("/%70roducts/old", "/products/{slug}", "/products/old"),
    ("/static/", "/static/*", "/static/"),
    ("/static/a/b/c.js", "/static/*", "/static/a/b/c.js"),
    ("/static", "/static", "/static"),
    ("/v2/a-b-c", "/v{n}/{a}-{b}", "/v2/a-b-c"),
    ("/static/../admin", None, "/admin"),
    ("/static/./a", None, "/static/a"),
    ("/static/%2e%2e/admin", None, "/admin"),
    ("/static/..%2fadmin", None, "/admin"),
    ("/products/../image", None, "/image"),
    ("/reports/2024-01-31", "/reports/{id}", "/reports/2024-01-31"),
    ("http://shop.example/products/old", "/products/{slug}", "/products/old"),
    ("http://shop.example:81", "/", "/"),
    ("http://user:sesame@shop.example/static/a", "/static/*", None),
]


def test_patterns_hold_for_every_form_of_target(directory, traces):
    tracing = traces.of("nginx", OTEL_AGENT_HTTP_ROUTES=PATTERNS)
    with servers.Nginx(directory, tracing=tracing, workers=1,
                       more='location / { return 200 "($uri)"; }') as nginx:
        for number, (target, _, taken_for) in enumerate(TARGETS):
            answer = ask(nginx.port, b"GET %s HTTP/1.1\r\nHost: h\r\nX-Request-ID: t%d\r\n"
                         b"Connection: close\r\n\r\n" % (target.encode(), number))
            assert not taken_for or answer.endswith(f"({taken_for})".encode()), (target, answer)
        for line in (b"OPTIONS *", b"CONNECT h:443"):
            ask(nginx.port, line + b" HTTP/1.1\r\nHost: h\r\nX-Request-ID: other\r\n\r\n")
    by_id = spans.by_request(traces.read("nginx"))
    for number, (target, route, _) in enumerate(TARGETS):
        span, = by_id[f"t{number}"]
        assert (target, span.attributes.get("http.route")) == (target, route)
        assert span.name == (f"GET {route}" if route else "GET")
    assert {span.name for span in by_id["other"]} <= {"OPTIONS", "CONNECT"}
    assert len(by_id["other"]) == 2


def test_bad_patterns_are_named_once(directory, traces):
    patterns = "/a/{x},products/{id},/b/{y,/c//d,/e?f,/g#h"
    tracing = traces.of("nginx", OTEL_AGENT_HTTP_ROUTES=patterns)
    with servers.Nginx(directory, tracing=tracing, workers=2, more=ANY_PATH) as nginx:
        ask(nginx.port, b"GET /a/1 HTTP/1.1\r\nHost: h\r\nX-Request-ID: a\r\nConnection: close\r\n\r\n")
    log = (directory / "nginx" / "nginx-error.log").read_text() + nginx.log.read_text()
    warnings = [line for line in log.splitlines() if "otelagent" in line]
    said = [line.partition(": warn: OTEL_AGENT_HTTP_ROUTES: ")[2] for line in warnings]
    beginnings = ["'products/{id}' is not used: ", "'/b/{y' is not used: ", "'/c//d' is not used: ",
                  "2 more entries are not used"]
    assert len(said) == len(beginnings), warnings
    assert all(one.startswith(beginning) for one, beginning in zip(said, beginnings)), warnings
    span, = spans.by_request(traces.read("nginx"))["a"]
    assert span.attributes["http.route"] == "/a/{x}"
