# SPDX-License-Identifier: Apache-2.0
"""Every field of what is posted, read by an independent decoder.

A field is taken out of its message when it is checked; at the end nothing may be left, so that
no field goes unjudged."""

import dataclasses
import os
import re
import socket
import time

import pytest

import load
import otlp
import servers
import sink

VERSION = re.search(r"project\(otelagent VERSION (\S+)",
                    (servers.TREE / "CMakeLists.txt").read_text()).group(1)
SCHEMA_URL = re.compile(r"https://opentelemetry\.io/schemas/1\.\d+\.\d+$")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
SERVER, CLIENT = 2, 3
UNSET, ERROR = 0, 2
SAMPLED, RANDOM, HAS_REMOTE, IS_REMOTE = 0x01, 0x02, 0x100, 0x200
CLOCK_SLACK_NS = 1_000_000  # the agent's clock is the monotonic one, moved to the client's
SMALL_BYTES = 260

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT_ID = "b7ad6b7169203331"
STABLE_OF_OLDER = {
    "http.method": "http.request.method", "http.scheme": "url.scheme",
    "net.host.port": "server.port", "http.host": "server.address",
    "http.remote_addr": "client.address", "http.client_ip": "client.address",
    "net.sock.peer.addr": "network.peer.address", "net.sock.peer.port": "network.peer.port",
    "http.flavor": "network.protocol.version", "http.user_agent": "user_agent.original",
    "http.status_code": "http.response.status_code",
    "http.request_content_length": "http.request.body.size",
    "http.response_content_length": "http.response.body.size"}


class Taker:
    """Takes fields out of a message."""

    def __init__(self, message):
        self.message = type(message)()
        self.message.CopyFrom(message)

    def __call__(self, field):
        value = getattr(type(self.message).FromString(self.message.SerializeToString()), field)
        self.message.ClearField(field)
        return value

    def nothing_left(self):
        left = [field.name for field, _ in self.message.ListFields()]
        assert not left, f"nobody expected {left} in {self.message}"


@dataclasses.dataclass
class Traced:
    """A span as it was posted and decoded, with what encloses it."""

    span: object
    resource: dict
    scope: object

    @property
    def attributes(self):
        return otlp.attributes_of(self.span.attributes)


class Capture:
    """nginx with one worker under the agent, and what it posts for requests sent one by one."""

    def __init__(self, directory, library, **variables):
        self.collector = sink.Collector()
        self.collector.start()
        self.dead_port = servers.free_port()
        self.tracing = servers.Tracing(library, directory, "nginx", {
            "OTEL_TRACES_EXPORTER": "otlp,file",
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.collector.endpoint, **variables})
        try:
            self.nginx = servers.Nginx(directory, {"dead": self.dead_port}, self.tracing, workers=1)
            self.collector.wait_for_spans(1)  # of the request that waited for the server
        except BaseException:
            self.collector.stop()
            raise
        self.earlier = set(self.collector.stored())

    def ask(self, method="GET", path="/small.txt", body=None, chunked=False, **headers):
        """Sends a request; returns the client's interval around it."""
        connection = servers.http.client.HTTPConnection("127.0.0.1", self.nginx.port, timeout=30)
        before = time.time_ns()
        connection.request(method, path, body, {name.replace("_", "-"): value
                                                for name, value in headers.items()},
                           encode_chunked=chunked)
        connection.getresponse().read()
        after = time.time_ns()
        connection.close()
        return before, after

    def spans(self, count=1):
        """The spans of `count` requests, without the one that waited for the server."""
        self.collector.wait_for_spans(count + 1)
        found = [Traced(span, otlp.attributes_of(resource.attributes), scope)
                 for post in self.collector.posts
                 for resource, scope, span in otlp.spans(post.request)]
        return [each for each in found if each.span.span_id not in self.earlier]

    def stop(self):
        self.nginx.stop(check=False)
        self.collector.stop()


@pytest.fixture
def capture(directory, library):
    captures = []

    def start(place=directory, **variables):
        captures.append(Capture(place, library, **variables))
        return captures[-1]

    yield start
    for each in captures:
        each.stop()


def check_resource(resource, pid_of):
    """Takes out what is always there; returns the rest."""
    rest = dict(resource)
    assert UUID.match(rest.pop("service.instance.id"))
    pid, parent = rest.pop("process.pid"), rest.pop("process.parent_pid")
    assert parent == pid_of and pid != parent
    assert rest.pop("host.name") == socket.gethostname()
    assert rest.pop("host.arch") == "amd64"
    assert rest.pop("os.type") == "linux"
    rest.pop("os.description", None)
    rest.pop("container.id", None)
    path = os.path.realpath(servers.program("nginx"))
    assert rest.pop("process.executable.path") == path
    assert rest.pop("process.executable.name") == "nginx"
    assert rest.pop("process.command") == servers.program("nginx")
    for kind in ("telemetry.sdk", "telemetry.distro"):
        assert rest.pop(f"{kind}.name") == "otelagent"
        assert rest.pop(f"{kind}.version") == VERSION
    assert rest.pop("telemetry.sdk.language") == "cpp"
    return rest


def take_times(take, interval):
    start, end = take("start_time_unix_nano"), take("end_time_unix_nano")
    assert interval[0] - CLOCK_SLACK_NS <= start <= end <= interval[1] + CLOCK_SLACK_NS
    return start, end


def test_a_request_is_told_field_by_field(capture):
    nginx = capture(OTEL_RESOURCE_ATTRIBUTES="team=a%20team,service.version=1.2,host.id=h%2C1",
                    OTEL_AGENT_CAPTURE_REQUEST_HEADERS="X-Two,Authorization",
                    OTEL_AGENT_CAPTURE_RESPONSE_HEADERS="ETag,Content-Type",
                    OTEL_AGENT_HEADER_USER_ID="X-User", ENVIRONMENT="test",
                    OTEL_AGENT_CAPTURE_THREAD="true",
                    OTEL_EXPORTER_OTLP_HEADERS="x-tenant=a%20b,api-key=k")
    interval = nginx.ask(
        path="/small.txt?password=hunter2&page=3", traceparent=f"00-{TRACE_ID}-{PARENT_ID}-03",
        tracestate="a=1,b=2", X_Two="v", Authorization="Bearer hunter2", X_Request_ID="r1",
        X_Correlation_ID="c1", X_User="u1", User_Agent="t/1", X_Forwarded_For="203.0.113.9")
    nginx.spans()
    post = next(post for post in nginx.collector.posts if TRACE_ID in str(
        [span.trace_id.hex() for _, _, span in otlp.spans(post.request)]))

    assert post.target == "/v1/traces"
    assert post.headers["content-type"] == "application/x-protobuf"
    assert post.headers["user-agent"] == f"otelagent/{VERSION}"
    assert post.headers["x-tenant"] == "a b"
    assert post.headers["api-key"] == "k"
    assert "content-encoding" not in post.headers  # a loopback address
    assert b"hunter2" not in post.body

    request = Taker(post.request)
    (of_resource,) = request("resource_spans")
    request.nothing_left()
    of_resource = Taker(of_resource)
    assert SCHEMA_URL.match(of_resource("schema_url"))
    resource = Taker(of_resource("resource"))
    rest = check_resource(otlp.attributes_of(resource("attributes")), nginx.nginx.process.pid)
    assert rest == {"service.name": "nginx", "service.version": "1.2", "team": "a team",
                    "host.id": "h,1", "deployment.environment.name": "test",
                    "deployment.environment": "test"}
    resource.nothing_left()

    (of_scope,) = of_resource("scope_spans")
    of_resource.nothing_left()
    of_scope = Taker(of_scope)
    assert SCHEMA_URL.match(of_scope("schema_url"))
    scope = Taker(of_scope("scope"))
    assert scope("name") == "otelagent.http"
    assert scope("version") == VERSION
    scope.nothing_left()
    spans = of_scope("spans")
    of_scope.nothing_left()

    span = Taker(next(span for span in spans if span.trace_id.hex() == TRACE_ID))
    assert span("trace_id").hex() == TRACE_ID
    span_id = span("span_id")
    assert len(span_id) == 8 and any(span_id) and span_id.hex() != PARENT_ID
    assert span("parent_span_id").hex() == PARENT_ID
    assert span("trace_state") == "a=1,b=2"
    assert span("flags") == SAMPLED | RANDOM | HAS_REMOTE | IS_REMOTE
    assert span("name") == "GET /small.txt"
    assert span("kind") == SERVER
    take_times(span, interval)
    assert span("status").code == UNSET
    attributes = otlp.attributes_of(span("attributes"))
    span.nothing_left()  # no events, links, dropped counts

    port = nginx.nginx.port
    peer_port = attributes.pop("network.peer.port")
    assert 0 < peer_port < 65536 and attributes.pop("net.sock.peer.port") == peer_port
    # The worker is one thread, and so its number is the process's.
    assert attributes.pop("thread.id") == nginx.spans()[0].resource["process.pid"]
    etag, = attributes.pop("http.response.header.etag")
    assert etag.startswith('"')
    target = "/small.txt?password=REDACTED&page=3"
    expected = {
        "http.request.method": "GET", "url.path": "/small.txt", "url.scheme": "http",
        "security.data_masked": True, "url.query": "password=REDACTED&page=3", "http.target": target,
        "http.url": f"http://127.0.0.1:{port}{target}", "http.route": "/small.txt",
        "http.response.status_code": 200, "http.response.body.size": SMALL_BYTES,
        "user_agent.original": "t/1", "server.address": "127.0.0.1", "server.port": port,
        "client.address": "203.0.113.9", "network.peer.address": "127.0.0.1",
        "network.protocol.version": "1.1", "user.id": "u1", "request.id": "r1",
        "correlation.id": "c1", "http.content_type": "text/plain",
        "http.response.header.content-type": "text/plain", "thread.name": "nginx",
        "http.request.header.x-two": ["v"], "http.request.header.authorization": ["REDACTED"]}
    expected.update({older: expected[stable] for older, stable in STABLE_OF_OLDER.items()
                     if stable in expected})
    assert attributes == expected


def test_a_root_has_a_random_trace_id_and_no_parent(capture):
    nginx = capture()
    for _ in range(20):
        nginx.ask()
    spans = [traced.span for traced in nginx.spans(20)]
    assert len({span.trace_id for span in spans}) == len({span.span_id for span in spans}) == 20
    for span in spans:
        assert len(span.trace_id) == 16 and len(span.span_id) == 8
        assert span.parent_span_id == b"" and span.trace_state == ""
        assert span.flags == SAMPLED | RANDOM | HAS_REMOTE


def test_only_stable_names_where_those_are_asked_for(capture):
    nginx = capture(OTEL_SEMCONV_STABILITY_OPT_IN="http,database")
    nginx.ask("POST", "/small.txt?a=b", body=b"12345", User_Agent="t/1", Accept_Encoding="identity")
    (traced,) = nginx.spans()
    attributes = traced.attributes
    port = nginx.nginx.port
    for name in ("network.peer.port", "http.response.body.size"):
        assert attributes.pop(name) > 0
    assert attributes == {
        "http.request.method": "POST", "url.path": "/small.txt", "url.query": "a=b",
        "url.scheme": "http", "http.route": "/small.txt", "http.response.status_code": 405,
        "http.request.body.size": 5, "user_agent.original": "t/1",
        "server.address": "127.0.0.1", "server.port": port, "client.address": "127.0.0.1",
        "network.peer.address": "127.0.0.1", "network.protocol.version": "1.1",
        "http.response.header.content-type": "text/html"}


def test_an_error_has_its_status_and_type(capture):
    nginx = capture()
    nginx.ask(path="/dead/")
    (traced,) = nginx.spans()
    assert traced.span.status.code == ERROR
    assert traced.span.status.message == ""  # the number says it
    assert traced.attributes["http.response.status_code"] == 502
    assert traced.attributes["error.type"] == "502"
    assert traced.attributes["error"] is True


def test_a_client_error_is_none_unless_asked_for(capture):
    nginx = capture(OTEL_AGENT_HTTP_SERVER_ERROR_STATUSES="405")
    nginx.ask(path="/missing")
    nginx.ask("DELETE")
    missing, refused = sorted(nginx.spans(2), key=lambda each: each.span.start_time_unix_nano)
    assert missing.span.status.code == UNSET and "error" not in missing.attributes
    assert missing.attributes["http.response.status_code"] == 404
    assert refused.span.status.code == ERROR and refused.attributes["error"] is True


def test_a_method_nobody_knows_is_named_apart(capture):
    nginx = capture()
    nginx.ask("BREW")
    (traced,) = nginx.spans()
    assert traced.span.name.split(" ")[0] == "HTTP"
    assert traced.attributes["http.request.method"] == "_OTHER"
    assert traced.attributes["http.request.method_original"] == "BREW"


def test_attributes_beyond_the_limit_are_counted(capture, directory):
    spans = []
    for limit in ("128", "7"):
        (directory / limit).mkdir()
        nginx = capture(directory / limit, OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=limit)
        nginx.ask()
        spans += nginx.spans()
    whole, limited = (traced.span for traced in spans)
    assert whole.dropped_attributes_count == 0
    assert len(limited.attributes) == 7
    assert limited.dropped_attributes_count == len(whole.attributes) - 7


def test_values_are_cut_to_their_limit_between_characters(capture):
    nginx = capture(OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT="4",
                    OTEL_AGENT_CAPTURE_REQUEST_HEADERS="X-Two")
    nginx.ask(X_Two="a\u00e9\u00e8bcd".encode(), User_Agent="agent/1")
    (traced,) = nginx.spans()
    attributes = traced.attributes
    assert attributes["user_agent.original"] == "agen"
    assert attributes["url.path"] == "/sma"
    assert attributes["http.request.header.x-two"] == ["a\u00e9\u00e8b"]
    assert attributes["http.response.status_code"] == 200


def test_a_value_that_is_no_utf8_is_text_all_the_same(capture):
    nginx = capture(OTEL_AGENT_CAPTURE_REQUEST_HEADERS="X-Two")
    nginx.ask(X_Two=b"a\xff\xfeb")
    (traced,) = nginx.spans()  # the decoder refuses text that is no UTF-8
    (value,) = traced.attributes["http.request.header.x-two"]
    assert value[0] == "a" and value[-1] == "b"


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_a_body_is_packed_where_asked_for(capture, compression):
    nginx = capture(OTEL_EXPORTER_OTLP_COMPRESSION=compression)
    nginx.ask()
    assert nginx.spans()[0].span.name == "GET /small.txt"
    for post in nginx.collector.posts:
        assert post.headers.get("content-encoding") == ("gzip" if compression == "gzip" else None)


def test_the_file_has_what_was_posted(capture):
    nginx = capture(OTEL_RESOURCE_ATTRIBUTES='quote="\\%0A%E2%82%AC',
                    OTEL_AGENT_CAPTURE_REQUEST_HEADERS="X-Two")
    for number in range(30):
        nginx.ask(path=f"/small.txt?n={number}&email=a@b", X_Two='"\\\t\u20ac'.encode(),
                  tracestate="a=1", traceparent=f"00-{TRACE_ID}-{PARENT_ID}-0{number % 2}")
    nginx.ask(path="/dead/")
    nginx.ask("POST", "/small.txt", body=b"x")
    nginx.collector.wait_for_spans(15 + 2 + 1)
    nginx.nginx.stop()
    lines = [otlp.from_json(line) for line in nginx.tracing.file.read_text().splitlines()]
    for request in lines:
        for _, _, span in otlp.spans(request):
            if not span.status.ListFields():
                span.ClearField("status")  # OTLP/JSON writers show an unset status as {}
    posted = [post.request for post in nginx.collector.posts]
    assert lines == posted  # batch by batch


# --- The database's spans: a child, an event ---


@pytest.fixture
def broken(directory, library, mariadb, s3, shop_program):
    """The spans of a request to the shop whose statement fails: (server's, client's)."""
    def ask(**variables):
        with sink.Collector() as collector:
            tracing = servers.Tracing(library, directory, "shop", {
                "OTEL_TRACES_EXPORTER": "otlp",
                "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, **variables})
            with servers.Shop(directory, mariadb, s3, shop_program, tracing) as shop:
                plan = load.Plan("b")
                plan.add("GET", "/broken", status=500)
                plan.requests[0].traceparent = f"00-{TRACE_ID}-{PARENT_ID}-01"
                before = time.time_ns()
                load.run(shop.port, plan.requests, connections=1)
                after = time.time_ns()
            spans = [Traced(span, otlp.attributes_of(resource.attributes), scope)
                     for post in collector.posts
                     for resource, scope, span in otlp.spans(post.request)
                     if span.trace_id.hex() == TRACE_ID]
        server, = [each for each in spans if each.span.kind == SERVER]
        client, = [each for each in spans if each.span.kind == CLIENT]
        return server, client, (before, after)
    return ask


def test_a_failed_statement_is_a_child_with_an_event(broken, mariadb):
    server, client, interval = broken()
    assert server.span.status.code == ERROR
    assert client.scope.name == "otelagent.mysql" and client.scope.version == VERSION
    span = Taker(client.span)
    assert span("trace_id").hex() == TRACE_ID
    assert len(span("span_id")) == 8
    assert span("parent_span_id") == server.span.span_id
    # The parent is of this process, whoever the root's was.
    assert span("flags") & ~RANDOM == SAMPLED | HAS_REMOTE
    assert span("name") == "SELECT missing"
    assert span("kind") == CLIENT
    start, end = take_times(span, interval)
    assert server.span.start_time_unix_nano <= start <= end <= server.span.end_time_unix_nano
    status = Taker(span("status"))
    assert status("code") == ERROR
    assert "missing" not in status("message")
    status.nothing_left()
    (event,) = map(Taker, span("events"))
    assert event("name") == "exception"
    assert start <= event("time_unix_nano") <= end
    exception = otlp.attributes_of(event("attributes"))
    assert exception["exception.type"] == "42S02"
    assert exception["exception.message"] == "Table ? doesn't exist"
    event.nothing_left()
    attributes = otlp.attributes_of(span("attributes"))
    span.nothing_left()
    assert attributes.pop("db.duration_ms") >= 0
    statement = "SELECT id FROM missing AS r_b00000 WHERE secret = ?"
    assert attributes == {
        "db.system.name": "mariadb", "db.system": "mariadb", "db.namespace": "shop",
        "db.name": "shop", "db.user": "shop", "server.address": str(mariadb.socket),
        "net.peer.name": str(mariadb.socket), "network.transport": "unix",
        "db.connection_string": "mysql://localhost/shop", "db.query.text": statement,
        "db.statement": statement, "db.query.summary": "SELECT missing",
        "db.operation.name": "SELECT", "db.operation": "SELECT", "db.collection.name": "missing",
        "db.sql.table": "missing", "db.table": "missing", "db.response.status_code": "1146",
        "error.type": "42S02", "error.message": "Table ? doesn't exist", "error": True}


def test_events_beyond_the_limit_are_counted(broken):
    _, client, _ = broken(OTEL_SPAN_EVENT_COUNT_LIMIT="0")
    assert len(client.span.events) == 0
    assert client.span.dropped_events_count == 1


def test_attributes_of_events_beyond_the_limit_are_counted(broken):
    _, client, _ = broken(OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT="1", OTEL_AGENT_STACKTRACE="false")
    (event,) = client.span.events
    assert len(event.attributes) == 1
    assert event.dropped_attributes_count == 1
