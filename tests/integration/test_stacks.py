# SPDX-License-Identifier: Apache-2.0
"""How much of the program's stack the agent takes: tests/programs/stacks.c paints a thread's stack
before each step and looks how far it has changed, once without the agent and once with it."""

import http.server
import os
import resource
import socket
import subprocess
import threading

import pytest

import servers
from memcached_server import Memcached
from redis_server import Redis

BOUND = 1024  # bytes more than untraced, the first request included
SERVED = {"serve", "missing", "named", "parts", "message", "messages", "file", "unanswered",
          "pieces", "spliced", "answer-spliced", "passed", "killed", "open", "small-thread",
          "signal-stack", "refuse"}
STEPS = ["serve", "serve", "missing", "named", "parts", "message", "messages", "file",
         "unanswered", "refuse", "pieces", "spliced", "answer-spliced", "passed", "ended", "killed",
         "serve", "listen", "+", "serve", "serve", "fork", "serve", "serve", "ended", "killed",
         "serve"]
CURL = ["curl-make", "curl-set", "curl-go", "curl-go", "curl-copy", "multi-add", "multi-go",
        "multi-read", "multi-remove", "multi-add", "multi-remove", "curl-set-s3", "multi-add",
        "multi-go", "multi-read", "multi-remove", "curl-go", "curl-forget", "curl-set-nowhere",
        "curl-go", "multi-add", "multi-go", "multi-read", "multi-remove", "curl-end"]
ASK = ["ask", "ask", "ask-pieces", "ask-leave", "ask-else", "ask"]
MYSQL = ["my-make", "my-connect", "my-query", "my-query", "my-real-query", "my-fail", "my-use",
         "my-send", "my-read", "my-send", "my-query", "my-transact", "my-stmt-make", "my-prepare",
         "my-execute", "my-execute", "my-stmt-close", "my-stmt-make", "my-prepare", "my-execute",
         "my-close"]
REDIS = ["redis-connect", "redis-set", "redis-set", "redis-fail", "redis-select", "redis-set",
         "redis-many", "redis-transact", "redis-pieces", "redis-large", "redis-secret",
         "redis-close", "redis-connect", "redis-many", "redis-quit"]
MEMCACHED = ["mc-connect", "mc-set", "mc-set", "mc-fail", "mc-get", "mc-many", "mc-quiet", "mc-pieces",
             "mc-large", "mc-secret", "mc-close", "mc-connect", "mc-many", "mc-quit"]

PLAIN = b"GET /some/path HTTP/1.1\r\nHost: stacks\r\nUser-Agent: test\r\n\r\n"
LOADED = (
    b"GET /a/%41/123456789//b;x=1/0123456789abcdef0123?token=abc&page=2 HTTP/1.1\r\n"
    b"Host: stacks:80\r\n"
    b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
    b"tracestate: " + b",".join(b"k%d=%s" % (i, b"v" * 30) for i in range(30)) + b"\r\n"
    b"tracestate: z=1\r\nbaggage: a=b,c=d\r\nbaggage: e=f\r\n"
    b"Forwarded: for=192.0.2.1;proto=https;host=example.org\r\nX-Forwarded-For: 192.0.2.1\r\n"
    b"X-Link: http://user:secret@host/p?token=1&a=b&c=%2574oken%3D1&d=e:f@%2570assword\r\n"
    b"X-Word: hello\r\n"
    b"User-Agent: test/1 (http://host/?token=1)\r\n\r\n")


def head(*lines, start=b"GET /some/path HTTP/1.1"):
    return b"\r\n".join([start, *lines]) + b"\r\n\r\n"


TRACEPARENT = b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NODE = b'Forwarded: for="[2001:db8::192.0.2.1]:1";proto=https;host="[::ffff:192.0.2.1]:8"'
LINK = (b"http://user:secret@[::ffff:192.0.2.1]:8/p/a=b;x:y@z;%2574oken=x/?token=1&a=b"
        b"&c=%2574oken%3D1&d=e:f@%2570assword;x=1#token=1")
HEADS = {
    "v6": head(b'Forwarded: for="[2001:db8::1]"'),
    "v6-port": head(b'Forwarded: for="[::ffff:192.0.2.1]:1"'),
    "v6-everywhere": head(NODE, b"Host: [::ffff:192.0.2.1]:8"),
    "v6-bare": head(b"Forwarded: for=2001:db8::192.0.2.1;host=[::1%eth0]:8"),
    "hidden-port": head(b'Forwarded: for="[2001:db8::192.0.2.1]:_port"'),
    "quoted": head(b'Forwarded: for="[2001:db8::\\1]";by="\\"x";host="a\\"b";for=_hidden'),
    "malformed": head(b"Forwarded: for=[2001:db8::192.0.2.1];for=x", b"X-Forwarded-For: [::zz]"),
    "lists": head(b"X-Forwarded-For: " + b", ".join([b"[2001:db8::192.0.2.1]:1"] * 50),
                  b"X-Forwarded-Host: [::ffff:192.0.2.1]:8", b"X-Forwarded-Proto: HTTPS, http",
                  start=b"OPTIONS * HTTP/1.1"),
    "several-lines": head(b"Forwarded:", NODE, b"X-Forwarded-For:", b"X-Forwarded-For: [::1]:8",
                          b"X-Forwarded-Host:", b"X-Forwarded-Host: [::ffff:192.0.2.1]:8",
                          b"X-Forwarded-Proto:", b"X-Forwarded-Proto: https"),
    "absolute": head(NODE, b"Content-Length: 0", start=b"POST " + LINK + b" HTTP/1.1"),
    "authority": head(NODE, start=b"CONNECT [::ffff:192.0.2.1]:443 HTTP/1.1"),
    "pipelined": head(NODE, TRACEPARENT, b"baggage: a=b") * 20,
    "carried": head(NODE, TRACEPARENT,
                    *[b"tracestate: k%d=%s,t@v%d=x" % (i, b"v" * 40, i) for i in range(8)],
                    *[b"baggage: k%d=v;p=%%41;q , x=%s" % (i, b"y" * 600) for i in range(8)]),
    "not-carried": head(TRACEPARENT, b"tracestate: " + b"=," * 200, b"baggage: " + b"a=b;," * 300),
    "framing": head(b"Transfer-Encoding: identity", b"Content-Length: 3",
                    b"Transfer-Encoding:", b"transfer-encoding: chunked", b"Content-Length: 3,3",
                    start=b"POST / HTTP/1.1") + b"3;x=\"y\"\r\nabc\r\n0\r\nT: x\r\n\r\n",
    "secrets": head(NODE, b"X-Link: " + LINK, b"X-Word: user:pass@host %2570assword=x",
                    b"Cookie: a=b; token=1; %2570assword=x", b"Authorization: Basic dTpw",
                    b"User-Agent: " + LINK, start=b"GET /p:q@r/" + LINK[7:] + b" HTTP/1.1"),
    "names": head(b"Host: bucket.s3.dualstack.eu-central-1.amazonaws.com:443",
                  start=b"GET /%41/" + b"/".join(b"%x" % (i * 99991) for i in range(200))
                  + b" HTTP/1.1"),
}
CAPTURED = {"OTEL_AGENT_CAPTURE_REQUEST_HEADERS": "x-link,x-word,cookie,authorization,forwarded",
            "OTEL_AGENT_CAPTURE_RESPONSE_HEADERS": "x-answer,content-length"}
HASHED = {"OTEL_AGENT_CAPTURE_REQUEST_HEADERS": "x-link,x-word",
          "OTEL_AGENT_CAPTURE_RESPONSE_HEADERS": "x-answer", "OTEL_AGENT_REDACT_MODE": "hash"}


def compiled(output, *arguments):
    return subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror",
                           "-Wno-unused-result", "-O2", "-pthread", "-Wl,-z,now", "-o", output,
                           servers.PROGRAMS / "stacks.c", *arguments], check=False).returncode == 0


@pytest.fixture(scope="module")
def program(run_directory):
    output = run_directory / "stacks"
    assert compiled(output)
    return output


@pytest.fixture(scope="module")
def clients(run_directory):
    output = run_directory / "stacks-clients"
    if not compiled(output, "-DCLIENTS", "-lcurl", "-lmariadb", "-I/usr/include/mariadb"):
        pytest.fail("libcurl or libmariadb is missing: scripts/bootstrap --test")
    return output


def ask(listener, request, times):
    for _ in range(times):
        try:
            with socket.create_connection(listener.getsockname(), 20) as client:
                client.settimeout(20)
                client.sendall(request)
                while client.recv(65536):
                    pass
        except OSError:
            pass  # what the program did shows in its output


def depths(program, steps, request, environment=None, limit=None):
    """[(step, bytes)], and how the program ended."""
    inherited = {name: value for name, value in os.environ.items()
                 if not name.startswith(("OTEL_", "LD_PRELOAD"))
                 and not name.lower().endswith("_proxy")}
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        asking = threading.Thread(target=ask, daemon=True, args=(
            listener, request, sum(step in SERVED for step in steps)))
        process = subprocess.Popen([program, str(listener.fileno()), *steps], text=True,
                                   pass_fds=[listener.fileno()], stdout=subprocess.PIPE,
                                   preexec_fn=lambda: limit and resource.setrlimit(
                                       resource.RLIMIT_AS, (limit, limit)),
                                   env={**inherited, **(environment or {})})
        asking.start()
        said = process.communicate(timeout=60)[0]
    *lines, ended = [line.split() for line in said.splitlines()]
    return [(step, int(depth)) for step, depth in lines], ended


def traced(library, directory, **variables):
    tracing = servers.Tracing(library, directory, "stacks", {
        "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
        "OTEL_AGENT_LOG_LEVEL": "none", **variables})
    return tracing.environment()


def check(program, steps, request, environment, bound, told=None, limit=None):
    """At most `bound` bytes more than untraced; `told` are variables of both runs, `limit` the
    bytes of address space."""
    told = told or {}
    plain, plain_end = depths(program, steps, request, told, limit)
    found, end = depths(program, steps, request, {**environment, **told}, limit)
    assert end == plain_end == ["ended", "0"]
    assert [step for step, _ in found] == [step for step, _ in plain]
    more = [(step, with_us - without) for (step, with_us), (_, without) in zip(found, plain)]
    assert max(bytes for _, bytes in more) <= bound, more


@pytest.mark.parametrize("variables", [
    {}, {"OTEL_TRACES_SAMPLER": "always_off"}, {"OTEL_TRACES_EXPORTER": "console"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://127.0.0.1:1"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.invalid:4318"}],
    ids=["http", "unsampled", "console", "https", "by-name"])
def test_a_request_takes_little_of_the_stack(directory, library, program, variables):
    check(program, STEPS, PLAIN, traced(library, directory, **variables), BOUND)


@pytest.mark.parametrize("variables", [
    {}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://127.0.0.1:1"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.invalid:4318"}, HASHED],
    ids=["http", "https", "by-name", "hashed"])
@pytest.mark.parametrize("where", ["small-thread", "signal-stack"])
def test_the_first_request_may_come_to_a_small_stack(directory, library, program, where, variables):
    """PTHREAD_STACK_MIN, and 8 KB for a handler."""
    _, end = depths(program, [where, where, "serve"], LOADED,
                    traced(library, directory, **variables))
    assert end == ["ended", "0"]


@pytest.mark.parametrize("last", ["exit", "_exit", "exec", "execv"])
@pytest.mark.parametrize("before", [["serve"], ["serve", "fork"], ["serve", "fork", "serve"]],
                         ids=["own", "child", "busy-child"])
def test_the_end_takes_little_of_the_stack(directory, library, program, before, last):
    check(program, [*before, last], PLAIN, traced(library, directory), BOUND)


@pytest.mark.parametrize("variables", [{}, HASHED], ids=["plain", "hashed"])
def test_a_request_with_much_to_say_takes_little_more(directory, library, program, variables):
    check(program, STEPS, LOADED, traced(library, directory, **variables), BOUND)


@pytest.mark.parametrize("variables", [
    {}, CAPTURED, {**CAPTURED, "OTEL_AGENT_REDACT_MODE": "hash"},
    {"OTEL_AGENT_HTTP_ROUTES": "/a*b/*,/{x}/**,/s*e/*p*h,/{id}/*/{id}"}],
    ids=["plain", "captured", "hashed", "routes"])
@pytest.mark.parametrize("name", HEADS)
def test_no_head_takes_more_of_the_stack(directory, library, program, name, variables):
    steps = ["serve", "missing", "named", "parts", "message", "messages", "pieces"]
    check(program, [*steps, "+", *steps], HEADS[name], traced(library, directory, **variables),
          BOUND)


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(404 if "missing" in self.path else 200)
        self.send_header("x-amz-request-id", "THE-REQUEST")
        self.end_headers()

    do_PUT = do_GET

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def web():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    with servers.serving(server):
        yield server.server_address[1]


def for_requests(steps):
    """Without a request, within one, and within one on another thread."""
    return [*steps, "open", *steps, "close", "+", "open", *steps, "close"]


@pytest.mark.parametrize("variables", [{}, {"OTEL_TRACES_SAMPLER": "always_off"}, HASHED,
                                       {"OTEL_AGENT_STACKTRACE": "true"}],
                         ids=["plain", "unsampled", "hashed", "stack-traces"])
@pytest.mark.parametrize("host", ["127.0.0.1", "[::ffff:127.0.0.1]"], ids=["v4", "v6"])
@pytest.mark.parametrize("path", ["/bucket/key", "/bucket/missing?token=1&password=%41bc&x=y",
                                  "/b/" + "%41a" * 500 + "?" + "&a=%2574oken%3D1" * 100],
                         ids=["plain", "secret", "long"])
def test_calls_of_libcurl_take_little_of_the_stack(directory, library, clients, web, path, host,
                                                   variables):
    told = {"LD_BIND_NOW": "1", "STACKS_URL": f"http://user:password@{host}:{web}{path}",
            "STACKS_NOWHERE": f"http://{host}:1{path}"}
    environment = traced(library, directory, OTEL_AGENT_S3_ENDPOINTS=f"{host}:{web}", **variables)
    check(clients, for_requests(CURL), LOADED, environment, BOUND, told)


@pytest.mark.parametrize("variables", [{}, {"OTEL_TRACES_SAMPLER": "always_off"}, HASHED],
                         ids=["plain", "unsampled", "hashed"])
@pytest.mark.parametrize("asked", [
    b"GET /bucket/key HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    head(b"Host: [::ffff:192.0.2.1]:8", NODE, start=b"GET /missing" + LINK[7:] + b" HTTP/1.1"),
    head(start=b"GET " + LINK + b" HTTP/1.1"),
    head(start=b"GET /b/" + b"%41a" * 500 + b"?" + b"&a=%2574oken%3D1" * 100 + b" HTTP/1.0"),
    head(b"Transfer-Encoding: identity", b"Content-Length: 3", b"Transfer-Encoding: chunked",
         b"Connection: close", start=b"PUT / HTTP/1.1") + b"3;x=y\r\nabc\r\n0\r\nT: x\r\n\r\n"],
    ids=["plain", "secret", "absolute", "long", "framing"])
def test_requests_on_a_socket_take_little_of_the_stack(directory, library, clients, web, asked,
                                                       variables):
    told = {"LD_BIND_NOW": "1", "STACKS_ASKED": asked.decode(), "STACKS_PORT": str(web)}
    check(clients, for_requests(ASK), LOADED, traced(library, directory, **variables), BOUND, told)


@pytest.mark.parametrize("variables", [{}, {"OTEL_TRACES_SAMPLER": "always_off"},
                                       {"OTEL_AGENT_SLOW_QUERY_MS": "1"},
                                       {"OTEL_AGENT_STACKTRACE": "true"}],
                         ids=["plain", "unsampled", "slow", "stack-traces"])
def test_calls_of_libmariadb_take_little_of_the_stack(directory, library, clients, mariadb,
                                                      variables):
    told = {"LD_BIND_NOW": "1", "STACKS_MYSQL_PORT": str(mariadb.port),
            "STACKS_MYSQL_PASSWORD": servers.DB_PASSWORD}
    check(clients, for_requests(MYSQL), LOADED, traced(library, directory, **variables), BOUND,
          told)


@pytest.mark.parametrize("variables", [{}, {"OTEL_TRACES_SAMPLER": "always_off"}, HASHED,
                                       {"OTEL_AGENT_STACKTRACE": "true"}],
                         ids=["plain", "unsampled", "hashed", "stack-traces"])
def test_what_is_asked_of_redis_takes_little_of_the_stack(directory, library, clients, variables):
    with Redis(directory, password="") as redis:
        check(clients, for_requests(REDIS), LOADED, traced(library, directory, **variables), BOUND,
              {"STACKS_REDIS_PORT": str(redis.port)})


@pytest.mark.parametrize("variables", [{}, {"OTEL_TRACES_SAMPLER": "always_off"}, HASHED,
                                       {"OTEL_AGENT_STACKTRACE": "true"}],
                         ids=["plain", "unsampled", "hashed", "stack-traces"])
def test_what_is_asked_of_memcached_takes_little_of_the_stack(directory, library, clients,
                                                              variables):
    with Memcached(directory) as memcached:
        check(clients, for_requests(MEMCACHED), LOADED, traced(library, directory, **variables),
              BOUND, {"STACKS_MEMCACHED_PORT": str(memcached.port)})


def test_requests_that_find_no_room_take_little_of_the_stack(directory, library, program):
    """In so much address space there is room for some 250 at a time."""
    check(program, ["serve", "crowd", "serve", "crowd"], PLAIN, traced(library, directory), BOUND,
          limit=64 << 20)
