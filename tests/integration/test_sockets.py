# SPDX-License-Identifier: Apache-2.0
"""Connections that were not accepted by who serves them, or have more than one descriptor, or an
address of another kind: real programs, and tests/programs/sockets.c for each way there is.

Each run is compared with the same without the agent: same answers, one span a request, the right
peer, one instance a process, accounts that balance."""

import contextlib
import http.client
import os
import pathlib
import socket
import subprocess
import time

import pytest

import accounts
import ledger
import load
import servers
import spans

COUNT = 60


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def plan(close=False):
    """Requests that are answered with their path, each on a connection of its own if wanted."""
    made = load.Plan("s", seed=7)
    for number in range(COUNT):
        method = ("GET", "POST", "HEAD")[number % 3]
        made.add(method, f"/products/{number}", route="/products/{id}",
                 body=made.body(9000) + b"." if method == "POST" else None)
    for request in made.requests:
        request.close = request.close or close
    return made.requests


class Place:
    """Where a server of a test listens: a free port or a unix socket, and how to get there."""

    def __init__(self, directory, host="127.0.0.1", path=None):
        self.directory = directory
        self.host, self.path = host, path
        self.port = 0 if path else servers.free_port()

    def connect(self):
        if self.path:
            return UnixConnection(self.path)
        return http.client.HTTPConnection(self.host, self.port, timeout=30)

    def answers(self):
        connection = self.connect()
        connection.request("GET", "/products/0", headers={"X-Request-ID": servers.READY_ID,
                                                          "Connection": "close"})
        connection.getresponse().read()
        connection.close()
        return True

    def listen(self):
        """A listening socket, for a program to inherit."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.host, self.port))
        listener.listen(64)
        listener.setblocking(False)  # or one of nginx's workers waits in accept() for ever
        return listener


def run(directory, place, start, requests, tracing, name, connections=8, staying=2):
    """The answers, and what stands in the program's log when it has ended. `start(name, tracing)`
    makes the server; `staying`: how many of its children end only with it."""
    with start(name, tracing) as server:
        if not place.port and not place.path:
            place.port = int(server.wait_until(lambda: first_number(server.log), "port"))
        else:
            server.wait_until(place.answers, "answer")
        answers = load.run(place.port, requests, connections, connect=place.connect)
        if tracing:
            wait_for_children(server, tracing, len(requests), staying)
    ledger.expect_none(ledger.unexpected_answers(requests, answers))
    return answers, server.log.read_text(errors="replace")


def asked(tracing):
    """The spans but for those of waiting for the server."""
    return [span for span in spans.read(tracing.file)
            if span.attributes.get("request.id") != servers.READY_ID]


def wait_for_children(server, tracing, count, staying, seconds=30):
    """A child that serves a connection sends its spans, and says what became of them, when it
    ends; whoever is left when the server ends is killed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if len(asked(tracing)) >= count and len(descendants(server.process.pid)) <= staying:
            return
        time.sleep(0.05)


def descendants(pid):
    """Those that have not ended."""
    found = []
    with contextlib.suppress(OSError):
        for child in servers.children(pid):
            state = pathlib.Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]
            found += ([child] if state != "Z" else []) + descendants(child)
    return found


def first_number(log):
    return next((line for line in log.read_text().splitlines() if line.isdigit()), None)


def compare(directory, library, place, start, requests=None, processes=1, connections=8,
            staying=2):
    """Untraced and traced; the spans of the latter, which are what was asked."""
    requests = requests or plan()
    plain, _ = run(directory, place, start, requests, None, "plain", connections)
    tracing = servers.Tracing(library, directory, "sockets", {
        "OTEL_LOG_LEVEL": "info",
        "OTEL_BSP_MAX_QUEUE_SIZE": "200"})  # or each child writes a state file of 34 MB to the disk
    traced, said = run(directory, place, start, requests, tracing, "traced", connections,
                       staying)
    ledger.expect_none(ledger.differences(plain, traced))
    found = spans.read(tracing.file)
    ledger.expect_none(ledger.server_spans(requests, traced, found))
    ledger.expect_none(ledger.instances(found))
    if processes:
        total = accounts.read(said, processes)
        accounts.balance(total, len(found))
        # What children left to a parent that was killed later counts in no account of its own.
        assert len(found) - total.left <= total.exported <= len(found)
        assert "not traced" not in said
    return found


def assert_peer(found, address):
    for span in found:
        assert span.attributes.get("network.peer.address") == address
        assert span.attributes.get("client.address") == address
        assert (address is None) == ("network.peer.port" not in span.attributes)


# --- Every way there is: tests/programs/sockets.c ---


@pytest.fixture(scope="session")
def program(run_directory):
    output = run_directory / "sockets"
    subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O2", "-o",
                    output, servers.PROGRAMS / "sockets.c"], check=True)
    return output


def starter(directory, *arguments):
    return lambda name, tracing: servers.Server(name, arguments, directory, tracing=tracing)


class Announced(Place):
    """The server says its port."""

    def __init__(self, directory):
        super().__init__(directory)
        self.port = 0


@pytest.mark.parametrize("mode, staying", [
    ("fork", 0), ("duplicates", 0), ("pass", 1), ("later", 1)])
def test_a_connection_is_followed_to_who_serves_it(directory, library, program, mode, staying):
    """accept() in the parent and work in the child; copies of descriptors; another process, from
    the first byte on or between two requests."""
    requests = plan(close=mode not in ("duplicates", "later"))
    if mode == "later":  # one on each side of the hand-over
        requests = [request for request in requests if not request.close]
    place = Announced(directory)

    def start(name, tracing):
        place.port = 0
        return servers.Server(name, [program, mode], directory, tracing=tracing)

    if mode in ("duplicates",):
        connections = 1
    else:
        connections = 2 if mode == "pass" else 8
    found = compare(directory, library, place, start, requests, 1 if mode == "duplicates" else 2,
                    connections, staying)
    assert_peer(found, "127.0.0.1")
    serving = {span.resource["process.pid"] for span in found}
    assert len(serving) == 1 if mode == "duplicates" else len(serving) > 1


def test_a_request_that_another_process_answers_is_incomplete_and_no_error(directory, library,
                                                                           program):
    """Its head is read here, its answer is written there: neither process saw both."""
    requests = [request for request in plan(close=True) if request.method == "GET"]
    place = Announced(directory)
    answers = {}
    for traced in (False, True):
        place.port = 0
        tracing = servers.Tracing(library, directory, "middle", {"OTEL_LOG_LEVEL": "info"})
        answers[traced], said = run(
            directory, place, starter(directory, program, "middle"), requests,
            tracing if traced else None, "traced" if traced else "plain", 4, staying=1)
    ledger.expect_none(ledger.differences(answers[False], answers[True]))
    found = spans.read(tracing.file)
    assert (sorted(span.attributes["request.id"] for span in found) ==
            sorted(request.id for request in requests))
    for span in found:
        assert span.attributes["otelagent.incomplete"] is True
        assert span.status == "UNSET" and "error.type" not in span.attributes
        assert "http.response.status_code" not in span.attributes
    accounts.balance(accounts.read(said), len(found))
    assert f"spans of requests lost from view {len(requests)};" in said


def test_a_program_is_served_by_inetd(directory, library, program):
    """The connection is the program's standard input, output and error: what the agent has to say
    must not be sent to the client. (So there are no accounts either.)"""
    place = Announced(directory)

    def start(name, tracing):
        place.port = 0
        return servers.Server(name, [program, "exec"], directory, tracing=tracing)

    found = compare(directory, library, place, start, plan(close=True), processes=0)
    assert_peer(found, "127.0.0.1")


def test_a_pair_of_sockets_carries_requests_too(directory, library, program):
    tracing = servers.Tracing(library, directory, "pair", {"OTEL_LOG_LEVEL": "info"})
    done = subprocess.run([program, "pair", "20"], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **tracing.environment()}, check=True)
    both = spans.read(tracing.file)
    found = [span for span in both if span.kind == "SERVER"]
    assert ([span.attributes["request.id"] for span in found] ==
            [f"p{number}" for number in range(20)])
    assert_peer(found, None)
    # Whoever is at the other end asks.
    assert len([span for span in both if span.kind == "CLIENT"]) == 20
    accounts.balance(accounts.read(done.stderr, 2), 40)


# --- Numbers that were closed unseen ---


def request_file(directory):
    path = directory / "request.http"
    path.write_text("GET /products/666 HTTP/1.1\r\nHost: a\r\n\r\n")
    return path


def test_a_file_under_a_number_that_was_closed_by_syscall_is_no_request(directory, library,
                                                                        program):
    place = Announced(directory)
    file = request_file(directory)

    def start(name, tracing):
        place.port = 0
        return servers.Server(name, [program, "stale", file], directory, tracing=tracing)

    compare(directory, library, place, start, plan(close=True), connections=1)


def test_files_of_node_are_no_requests(directory, library):
    place = Place(directory)
    file = request_file(directory)
    with place.listen() as listener:
        def start(name, tracing):
            return servers.Server(name, [servers.program("node"), servers.PROGRAMS / "sockets.js",
                                         listener.fileno(), file], directory, tracing=tracing,
                                  descriptors=[listener.fileno()])

        found = compare(directory, library, place, start, plan(close=True), processes=0)
    assert_peer(found, "127.0.0.1")


# --- Inherited listening sockets ---


def activated(place, *program, accept=()):
    """The program under systemd's launcher for socket activation, whose own environment it does
    not pass on."""
    def start(name, tracing):
        variables = {"PATH": os.environ["PATH"], **(tracing.environment() if tracing else {})}
        settings = [part for key, value in variables.items() for part in ("-E", f"{key}={value}")]
        return servers.Server(name, [
            servers.program("systemd-socket-activate"), "-l", f"{place.host}:{place.port}",
            *accept, *settings, *program], place.directory)
    return start


def test_gunicorn_activated_by_its_socket(directory, library):
    place = Place(directory)
    found = compare(directory, library, place, activated(
        place, servers.program("gunicorn"), "--workers", "1", "--threads", "4", "--chdir",
        servers.PROGRAMS, "wsgi_app:application"))
    assert_peer(found, "127.0.0.1")


def test_a_program_for_each_connection_by_systemd(directory, library, program):
    place = Place(directory)
    found = compare(directory, library, place, activated(
        place, program, "stdio", accept=("--accept", "--inetd")), plan(close=True), processes=0)
    assert_peer(found, "127.0.0.1")


def test_busybox_as_inetd_starts_it(directory, library):
    """A real server on standard input and output."""
    place = Place(directory)
    (directory / "products").mkdir()
    (directory / "products" / "0").write_text("zero")
    requests = load.Plan("b")
    for _ in range(10):
        requests.add("GET", "/products/0", route="/products/{id}")
    for request in requests.requests:
        request.close = True

    def start(name, tracing):
        if tracing:
            tracing.variables["OTEL_AGENT_EXECUTABLES_DENY"] = "none"
        return activated(place, servers.program("busybox"), "httpd", "-i", "-h", directory,
                         accept=("--accept", "--inetd"))(name, tracing)

    plain, _ = run(directory, place, start, requests.requests, None, "plain")
    tracing = servers.Tracing(library, directory, "busybox")
    traced, _ = run(directory, place, start, requests.requests, tracing, "traced")
    ledger.expect_none(ledger.differences(plain, traced))
    found = asked(tracing)
    assert len(found) == len(requests.requests)
    assert_peer(found, "127.0.0.1")


def test_uvicorn_on_an_inherited_socket(directory, library):
    place = Place(directory)
    with place.listen() as listener:
        def start(name, tracing):
            return servers.Server(name, [
                servers.program("python3"), "-m", "uvicorn", "--no-access-log", "--app-dir",
                servers.PROGRAMS, "--fd", listener.fileno(), "asgi_app:application"], directory,
                {"PYTHONDONTWRITEBYTECODE": "1"}, tracing, [listener.fileno()])

        found = compare(directory, library, place, start)
    assert_peer(found, "127.0.0.1")


def test_nginx_on_an_inherited_socket(directory, library):
    """As nginx hands its sockets to its successor."""
    place = Place(directory)
    with place.listen() as listener:
        found = compare(directory, library, place, nginx(
            place, f"{place.host}:{place.port}", {"NGINX": f"{listener.fileno()};"},
            [listener.fileno()]))
    assert_peer(found, "127.0.0.1")


def nginx(place, address, environment=None, descriptors=()):
    def start(name, tracing):
        directory = place.directory / name
        directory.mkdir()
        configuration = directory / "nginx.conf"
        user = "user www-data;" if os.geteuid() == 0 else ""
        configuration.write_text(f"""
            {user}
            worker_processes 2; daemon off; pid {directory}/nginx.pid;
            events {{ worker_connections 100; }}
            http {{
                access_log off;
                client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
                fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi;
                scgi_temp_path {directory}/scgi;
                server {{ listen {address}; return 200 $uri; }}
            }}""")
        return servers.Server(name, [servers.program("nginx"), "-e", "stderr", "-p", directory,
                                     "-c", configuration], place.directory, environment, tracing,
                              descriptors)
    return start


# --- Unix sockets ---


def test_nginx_on_a_unix_socket(directory, library):
    place = Place(directory, path=directory / "n.sock")
    found = compare(directory, library, place, nginx(place, f"unix:{place.path}"))
    assert_peer(found, None)


def test_gunicorn_on_a_unix_socket(directory, library):
    place = Place(directory, path=directory / "g.sock")
    found = compare(directory, library, place, starter(
        directory, servers.program("gunicorn"), "--workers", "1", "--bind", f"unix:{place.path}",
        "--chdir", servers.PROGRAMS, "wsgi_app:application"))
    assert_peer(found, None)


# --- Children, IPv6 ---


@pytest.mark.parametrize("listens, asked, peer", [
    ("127.0.0.1", "127.0.0.1", "127.0.0.1"), ("::", "::1", "::1"),
    ("::", "127.0.0.1", "127.0.0.1")], ids=["ipv4", "ipv6", "mapped"])
def test_python_forks_for_each_connection(directory, library, listens, asked, peer):
    """IPv4 that comes through an IPv6 socket is called by its IPv4 address."""
    place = Place(directory, asked)
    found = compare(directory, library, place, starter(
        directory, servers.program("python3"), servers.PROGRAMS / "forking_server.py", listens,
        place.port), plan(close=True), processes=COUNT, staying=0)
    assert_peer(found, peer)
    assert len({span.resource["service.instance.id"] for span in found}) > COUNT
