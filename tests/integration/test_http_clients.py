# SPDX-License-Identifier: Apache-2.0
"""HTTP clients on plain sockets: what each of them asks a server that writes down every byte, plain
and traced; one span for each request that arrived, libcurl's not twice; proxies; and whose child
such a call is."""

import collections
import concurrent.futures
import http.client
import os
import re
import signal
import socket
import socketserver
import struct
import subprocess

import pytest

import servers
import spans

CALLS = servers.PROGRAMS / "http"
Asked = collections.namedtuple("Asked", "method url status error")


class Handler(socketserver.StreamRequestHandler):
    """Reads requests and answers them by hand; what arrives goes to the server's list."""

    def handle(self):
        try:
            while self.answer():
                pass
        except OSError:
            pass  # the client has gone

    def read_body(self, fields):
        if "chunked" not in fields.get("transfer-encoding", ""):
            body = self.rfile.read(int(fields.get("content-length", 0)))
            return body, body
        raw = content = b""
        while True:
            line = self.rfile.readline()
            part = self.rfile.read(int(line.split(b";")[0], 16) + 2)
            raw, content = raw + line + part, content + part[:-2]
            if line.split(b";")[0].strip(b"0\r\n") == b"":
                return raw, content

    def send(self, status, body=b"", fields=(), head=False):
        lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *fields]
        self.wfile.write(b"\r\n".join(lines) + b"\r\n\r\n" + (b"" if head else body))

    def answer(self):
        start = self.rfile.readline()
        lines = []
        while start and (line := self.rfile.readline()).strip():
            lines.append(line)
        if not start:
            return False
        fields = {name.strip().lower(): value.strip() for name, value in
                  (line.decode().split(":", 1) for line in lines)}
        raw, content = self.read_body(fields)
        self.server.arrived.append(start + b"".join(lines) + raw)
        method, target, _version = start.decode().split()
        path = re.sub(r"^http://[^/]*", "", target).partition("?")[0]
        return self.answer_to(method, path, content, "close" not in fields.get("connection", ""))

    def answer_to(self, method, path, content, keeps):
        if path == "/reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            return False
        if path == "/slow":
            self.rfile.read(1)  # until the client goes
            return False
        if path == "/close":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello")
            return False
        if path == "/chunked":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for part in (b"3\r\nhel\r\n", b"2\r\nlo\r\n", b"0\r\n\r\n"):
                self.wfile.write(part)
        elif method == "CONNECT":
            self.wfile.write(b"HTTP/1.1 200 Yes\r\n\r\n")
        elif path == "/redirect":
            self.send(b"302 Found", fields=[b"Location: /ok"])
        elif path in ("/missing", "/fail"):
            self.send(b"404 Not Found" if path == "/missing" else b"500 No", b"none")
        else:
            self.send(b"200 OK", content or b"hello", head=method == "HEAD")
        return keeps


class Web(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.arrived = []
        self.port = self.server_address[1]

    def shutdown_request(self, request):
        try:
            super().shutdown_request(request)
        except OSError:
            pass  # it was reset


@pytest.fixture
def web():
    with servers.serving(Web()) as server:
        yield server


def run(arguments, tracing=None, directory=None, **variables):
    inherited = {key: value for key, value in os.environ.items()
                 if not key.startswith(("OTEL_", "LD_PRELOAD"))
                 and not key.lower().endswith("_proxy")}
    return subprocess.run([str(argument) for argument in arguments], capture_output=True, text=True,
                          cwd=directory, timeout=servers.PATIENCE_SECONDS, check=False,
                          stdin=subprocess.DEVNULL,
                          env={**inherited, **variables,
                               **(tracing.environment() if tracing else {})})


@pytest.fixture
def both(web, library, directory):
    """Runs a program plain, then traced: the plain one's output, and the traced one's spans, by
    start. What it prints, how it ends and each byte that arrives are the same."""
    def run_both(arguments, **variables):
        tracing = servers.Tracing(library, directory, "calls")
        outcomes, arrived = [], []
        for how in (None, tracing):
            web.arrived = []
            outcomes.append(run(arguments, how, directory, **variables))
            arrived.append(web.arrived)
        plain, traced = outcomes
        assert (traced.stdout, traced.stderr, traced.returncode) == (
            plain.stdout, plain.stderr, plain.returncode)
        assert arrived[1] == arrived[0]
        assert "hunter2" not in tracing.file.read_text()
        return plain, sorted(spans.read(tracing.file), key=lambda span: span.start_ns)
    return run_both


STATUSES = {"/missing": 404, "/fail": 500, "/redirect": 302, "/reset": None, "/slow": None}
ERRORS = {"/missing": "404", "/fail": "500", "/reset": "ECONNRESET", "/slow": "timeout"}


def expected_of(request, port):
    """What the span of a request says that arrived so."""
    method, target, _version = request.split(b"\r\n")[0].decode().split()
    if method == "CONNECT":
        return Asked(method, None, 200, None)
    host = re.search(rb"(?i)\r\nHost: *([^\r]*)", request)[1].decode()
    path = re.sub("^http://[^/]*", "", target)
    url = (target if path != target else f"http://{host}{path}").replace("hunter2", "REDACTED")
    if path != target or host.startswith("127."):
        assert host in (f"127.0.0.1:{port}", "shop.example", "shop.example:80")
    path = path.partition("?")[0]
    return Asked(method, url, STATUSES.get(path, 200), ERRORS.get(path))


def asked_of(span):
    said = span.attributes.get
    return Asked(said("http.request.method"), said("url.full"),
                 said("http.response.status_code"), said("error.type"))


def check_attributes(span, port):
    said = span.attributes
    assert (span.kind, span.scope, span.name) == (
        "CLIENT", "otelagent.http", said["http.request.method"])
    assert (span.status == "ERROR") == ("error.type" in said), span
    host = re.match("http://([^:/]*):?([0-9]*)", said.get("url.full", "http://shop.example"))
    assert said["server.address"] == host[1]
    assert said["server.port"] == int(host[2] or 80)
    assert (said["network.peer.address"], said["network.peer.port"]) == ("127.0.0.1", port)
    assert said["network.protocol.version"] in ("1.0", "1.1")
    answered = "http.response.status_code" in said
    assert answered == ("http.response.body.size" in said)
    assert answered == ("first_byte" in [name for name, _ in span.events])


def check(found, arrived, port):
    """One span a request, in the order in which they began; within a tunnel, too."""
    assert [asked_of(span) for span in found] == [
        expected_of(request, port) for request in arrived]
    for span in found:
        check_attributes(span, port)


def java(how):
    return [servers.program("java"), "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            CALLS / "Calls.java", how]


# Interpreter and arguments; the port follows.
CLIENTS = {
    "http.client": lambda: ["/usr/bin/python3", CALLS / "calls.py"],
    "node-http": lambda: [servers.program("node"), CALLS / "calls.js"],
    "net-http": lambda: [servers.program("ruby"), CALLS / "calls.rb"],
    "php-streams": lambda: [servers.program("php"), CALLS / "calls.php"],
    "http-tiny": lambda: [servers.program("perl"), CALLS / "calls.pl", "tiny"],
    "lwp": lambda: [servers.program("perl"), CALLS / "calls.pl", "lwp"],
    "HttpURLConnection": lambda: java("url"),
    "HttpClient": lambda: java("client"),
}


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_has_a_span_for_each_request(client, both, web):
    plain, found = both([*CLIENTS[client](), web.port], PERL_HASH_SEED="0")
    assert plain.returncode == 0, plain.stdout + plain.stderr
    assert plain.stdout.count("200") >= 5, plain.stdout
    assert {b"/reset", b"/slow", b"http://shop.example/ok"} <= {
        request.split()[1] for request in web.arrived} | {b"/ok"}, web.arrived
    check(found, web.arrived, web.port)
    sizes = {asked_of(span)[:2]: span.attributes.get("http.request.body.size") for span in found
             if span.name == "POST"}
    assert set(sizes.values()) == {5}
    assert not any("parent" in span.attributes for span in found)


def test_wget_has_a_span_for_each_request(both, web):
    urls = [f"http://127.0.0.1:{web.port}/{path}" for path in (
        "ok?token=hunter2", "chunked", "missing", "fail", "redirect", "close", "reset", "slow")]
    _, found = both([servers.program("wget"), "-q", "--tries=1", "--read-timeout=0.5", "-O", "-",
                     *urls], OTEL_AGENT_EXECUTABLES_DENY="none")
    assert len(web.arrived) == 9  # one is redirected
    check(found, web.arrived, web.port)


@pytest.mark.parametrize("how", ["one", "parallel", "proxy"])
def test_libcurl_s_requests_are_not_told_twice(how, web, library, directory):
    """It sends a header of ours, so not each byte is the same."""
    base = f"http://127.0.0.1:{web.port}"
    options = {"one": [f"{base}/ok", f"{base}/chunked"],
               "parallel": ["--parallel", "--parallel-immediate", f"{base}/ok", f"{base}/ok"],
               "proxy": ["--proxy", base, "--proxytunnel", "http://shop.example/ok"]}[how]
    tracing = servers.Tracing(library, directory, "calls")
    outcome = run([servers.program("curl"), "-s", *options], tracing)
    assert outcome.stdout == "hello" * (1 if how == "proxy" else 2)
    found = spans.read(tracing.file)
    assert {span.scope for span in found} == {"otelagent.curl"}
    assert len(found) == (1 if how == "proxy" else 2)


def test_a_client_that_can_t_connect_has_no_span(library, directory):
    tracing = servers.Tracing(library, directory, "calls")
    outcome = run(["/usr/bin/python3", CALLS / "calls.py", servers.free_port()], tracing)
    assert "ConnectionRefusedError" in outcome.stdout
    assert spans.read(tracing.file) == []


DATAGRAMS = r"""
import http.client, socket, sys
REQUEST, ANSWER = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
def ask():
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
    connection.request("GET", "/ok")
    print(connection.getresponse().read())
def talk(one, other):
    for number in range(2):
        one.send(REQUEST % number)
        print(other.recv(8 if number else 100))
    other.send(ANSWER)
    print(one.recv(100))
ask()
for kind in socket.SOCK_DGRAM, socket.SOCK_SEQPACKET:
    talk(*socket.socketpair(socket.AF_UNIX, kind))
one, other = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
one.bind(("127.0.0.1", 0))
other.bind(("127.0.0.1", 0))
one.connect(other.getsockname())
other.connect(one.getsockname())
talk(one, other)
ask()
"""


def test_datagrams_are_no_requests(web, library, directory):
    tracing = servers.Tracing(library, directory, "datagrams")
    plain, traced = (run(["/usr/bin/python3", "-c", DATAGRAMS, web.port], how)
                     for how in (None, tracing))
    assert (traced.stdout, traced.stderr) == (plain.stdout, plain.stderr)
    assert traced.stdout.count("\n") == 11, traced.stderr
    assert [(span.kind, path_of(span)) for span in spans.read(tracing.file)] == [
        ("CLIENT", "/ok")] * 2


# --- servers that ask others ---

HAPROXY_CONF = """
global
    nbthread 2
defaults
    mode http
    timeout connect 20s
    timeout client 20s
    timeout server 20s
frontend f
    bind 127.0.0.1:{port}
    default_backend b
backend b
    server s 127.0.0.1:{upstream}
"""
APACHE_CONF = """
ServerRoot {folder}
PidFile {folder}/apache.pid
DefaultRuntimeDir {folder}
ErrorLog {folder}/error.log
Listen 127.0.0.1:{port}
ServerName proxy.test
{user}
{modules}
StartServers 2
MaxRequestWorkers 8
ProxyPass / http://127.0.0.1:{upstream}/
"""
APACHE_MODULES = ("mpm_prefork", "authz_core", "proxy", "proxy_http")


def apache(folder, port, upstream):
    (folder / "apache.conf").write_text(APACHE_CONF.format(
        folder=folder, port=port, upstream=upstream,
        user="User www-data\nGroup www-data" if os.geteuid() == 0 else "",
        modules="\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so"
                          for name in APACHE_MODULES)))
    return [servers.program("apache2"), "-D", "FOREGROUND", "-f", folder / "apache.conf"]


def haproxy(folder, port, upstream):
    (folder / "haproxy.cfg").write_text(HAPROXY_CONF.format(port=port, upstream=upstream))
    return [servers.program("haproxy"), "-f", folder / "haproxy.cfg"]


# How it is started, and how many requests it makes for one of its own.
RELAYS = {
    "apache": (apache, 1),
    "haproxy": (haproxy, 1),
    "threads": (lambda folder, *ports: ["/usr/bin/python3", CALLS / "relay.py", *ports], 2),
    "node": (lambda folder, *ports: [servers.program("node"), CALLS / "relay.js", *ports], 2),
}


def fetch_all(port, clients=4, requests=8):
    """A path of its own each; some on a kept connection."""
    def fetch(client):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=servers.PATIENCE_SECONDS)
        for i in range(requests):
            connection.request("GET", f"/asked/{client}/{i}")
            assert connection.getresponse().read() == b"hello"
        connection.close()
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        list(pool.map(fetch, range(clients)))
    return {f"/asked/{client}/{i}" for client in range(clients) for i in range(requests)}


def await_spans(server, tracing, count):
    """Not every server sends them at its end."""
    server.wait_until(lambda: sum(path_of(span).startswith("/asked/")
                                  for span in spans.read(tracing.file)) >= count, "spans")


def path_of(span):
    return span.attributes.get("url.path") or re.sub(
        "^http://[^/]*", "", span.attributes["url.full"])


def check_parents(found, paths, calls, sure):
    """Right or absent; with `sure`, there."""
    served = {path_of(span): span for span in found if span.kind == "SERVER"}
    asked = [span for span in found if span.kind == "CLIENT" and path_of(span) in paths]
    assert paths <= set(served)
    assert collections.Counter(map(path_of, asked)) == {path: calls for path in paths}
    wrong = [span for span in asked if span.parent_id not in ("", served[path_of(span)].span_id)]
    assert not wrong, wrong
    if sure:
        assert [span for span in asked if not span.parent_id] == []


@pytest.mark.parametrize("relay", RELAYS)
def test_a_call_is_its_request_s_child_or_nobody_s(relay, web, library, directory):
    start, calls = RELAYS[relay]
    tracing = servers.Tracing(library, directory, "relay")
    port = servers.free_port()
    directory.chmod(0o777)
    with servers.Server(relay, start(directory, port, web.port), directory,
                        tracing=tracing) as server:
        server.exits = (0, -signal.SIGTERM, 143)
        server.wait_until(lambda: servers.answers(port, "/ready"), "answer")
        paths = fetch_all(port)
        await_spans(server, tracing, len(paths) * (1 + calls))
    check_parents(spans.read(tracing.file), paths, calls, sure=relay in ("threads", "apache"))


def test_nginx_asks_its_upstream(web, library, directory):
    tracing = servers.Tracing(library, directory, "nginx")
    with servers.Nginx(directory, {}, tracing, workers=2, more=(
            f"location /asked/ {{ proxy_pass http://127.0.0.1:{web.port}; }}")) as server:
        paths = fetch_all(server.port)
        await_spans(server, tracing, len(paths) * 2)
    check_parents(spans.read(tracing.file), paths, 1, sure=False)
