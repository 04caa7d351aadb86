# SPDX-License-Identifier: Apache-2.0
"""What a server speaks that the agent can't read is said once, with the port."""

import contextlib
import re
import shutil
import socket
import ssl
import subprocess
import time

import pytest

import certificates
import servers
import spans

MESSAGES = {"tls": ("warn", "TLS"), "http2": ("warn", "HTTP/2"),
            "other": ("info", "another protocol")}
LINE = re.compile(r"otelagent\[\d+\]: (\w+): (port \d+|a unix socket) is served by "
                  r"(TLS|HTTP/2|another protocol)")
HELLO = bytes.fromhex("16030100050100000100")  # of TLS, or its beginning
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
SOON_SECONDS = 30
ROUNDS = 3


class Program(servers.Server):
    """Says its port in its first line of output; its log is both streams'."""

    exits = (*servers.Server.exits, 143)  # java's way to say 15

    def __init__(self, directory, arguments, tracing):
        super().__init__("program", arguments, directory, None, tracing)
        self.port = int(self.wait_until(self.ports, "port")[0])

    def ports(self):
        return re.findall(r"^\d+$", self.log.read_text(), re.M)


def said(server):
    error_log = server.log.parent / "nginx-error.log"
    text = server.log.read_text() + (error_log.read_text() if error_log.exists() else "")
    return LINE.findall(text)


def expected(server, kind):
    level, what = MESSAGES[kind]
    return [(level, f"port {server.port}", what)]


@pytest.fixture
def authority(directory):
    return certificates.Authority(directory / "certificates")


def ask_by_tls(server, authority):
    context = ssl.create_default_context(cafile=authority.file)
    with socket.create_connection(("127.0.0.1", server.port), servers.PATIENCE_SECONDS) as plain, \
            context.wrap_socket(plain, server_hostname="localhost") as connection:
        connection.sendall(b"GET /small.txt HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")


def talk(server, *pieces, answered=True):
    """Sends these pieces, each on its own, and waits for an answer."""
    with socket.create_connection(("127.0.0.1", server.port), servers.PATIENCE_SECONDS) as it:
        it.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            it.sendall(piece)
            time.sleep(0.01)
        with contextlib.suppress(ConnectionResetError):
            assert bool(it.recv(4096)) or not answered


def python(directory, traces, kind, how="", files=(), **variables):
    return Program(directory, [servers.program("python3"), servers.PROGRAMS / "unseen_app.py",
                               kind, how, *files], traces.of("unseen", **variables))


def java(directory, traces, authority, **variables):
    certificate, key = authority.sign("java")
    store = directory / "java.p12"
    subprocess.run([servers.program("openssl"), "pkcs12", "-export", "-in", certificate, "-inkey",
                    key, "-out", store, "-passout", "pass:changeit"], check=True)
    subprocess.run(["javac", "-d", directory, servers.PROGRAMS / "TlsServer.java"], check=True)
    return Program(directory, ["java", "-Xmx64m", "-XX:+UseSerialGC", "-cp", directory,
                               "TlsServer", store, "changeit"], traces.of("unseen", **variables))


NODE = """const fs = require('fs'), [, certificate, key] = process.argv;
const server = require('https').createServer(
  {cert: fs.readFileSync(certificate), key: fs.readFileSync(key)}, (_, answer) => answer.end('ok'));
server.listen(0, '127.0.0.1', () => console.log(server.address().port));"""


def tls_server(which, directory, traces, authority, **variables):
    if which == "java":
        return java(directory, traces, authority, **variables)
    certificate, key = authority.sign("server")
    if which == "node":
        return Program(directory, [servers.program("node"), "-e", NODE, certificate, key],
                       traces.of("unseen", **variables))
    if which == "python":
        return python(directory, traces, "tls", files=(certificate, key), **variables)
    port = servers.free_port()
    server = servers.Nginx(directory, tracing=traces.of("unseen", **variables), more=(
        f"listen 127.0.0.1:{port} ssl reuseport; ssl_certificate {certificate}; "
        f"ssl_certificate_key {key};"))
    server.port = port
    return server


def expect_soon(server, kind, again):
    """The message comes while the server runs, and once only."""
    server.wait_until(lambda: said(server), "message", SOON_SECONDS)
    again()
    time.sleep(1.5)
    server.stop()
    assert said(server) == expected(server, kind), server.log.read_text()


@pytest.mark.parametrize("which", ["java", "node", "python", "nginx"])
def test_a_server_of_tls_is_said_once(directory, traces, authority, which):
    """By default, that is at warn, and in several workers."""
    with tls_server(which, directory, traces, authority) as server:
        def ask():
            for _ in range(ROUNDS):
                ask_by_tls(server, authority)

        ask()
        expect_soon(server, "tls", ask)


def test_http2_without_tls_is_said_once(directory, traces):
    port = servers.free_port()
    with servers.Nginx(directory, tracing=traces.of("unseen"),
                       more=f"listen 127.0.0.1:{port} http2 reuseport;") as server:
        server.port = port

        def ask():
            for _ in range(ROUNDS):
                subprocess.run(["curl", "-sSf", "--http2-prior-knowledge", "-o", "/dev/null",
                                f"http://127.0.0.1:{port}/small.txt"], check=True)

        ask()
        expect_soon(server, "http2", ask)


@pytest.mark.parametrize("kind, pieces, answer", [
    ("http2", [PREFACE], "http2"),
    ("http2", [PREFACE[i:i + 1] for i in range(len(PREFACE))], "http2"),
    ("settings", [PREFACE], "http2"),
    ("echo", [b"*1\r\n$4\r\nPING\r\n"], "other"),
    ("echo", [b"\x01\x01\x00\x01\x00\x08\x00\x00" + bytes(8)], "other"),  # FastCGI
    ("greeting", [b"EHLO me\r\n"], "other"),
    ("hello", [b"PROXY UNKNOWN\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"], "other")],
    ids=["http2", "http2-by-bytes", "http2-speaks-first", "redis", "fastcgi", "smtp",
         "proxy-protocol"])
def test_other_protocols_are_said_once(directory, traces, kind, pieces, answer):
    with python(directory, traces, kind, OTEL_LOG_LEVEL="info") as server:
        def ask():
            for _ in range(ROUNDS):
                talk(server, *pieces)

        ask()
        expect_soon(server, answer, ask)
    assert not traces.read("unseen")


def test_others_are_not_said_at_warn(directory, traces):
    with python(directory, traces, "echo") as server:
        talk(server, b"*1\r\n$4\r\nPING\r\n")
        time.sleep(2)
        server.stop()
        assert "otelagent" not in server.log.read_text()


def test_who_ends_at_once_says_it_too(directory, traces, authority):
    with python(directory, traces, "tls", "once", authority.sign("server")) as server:
        ask_by_tls(server, authority)
        server.process.wait(servers.PATIENCE_SECONDS)
        assert server.process.returncode == 0
        assert said(server) == expected(server, "tls"), server.log.read_text()


def test_children_for_a_connection_each_say_it_once_in_all(directory, traces, authority):
    with python(directory, traces, "tls", "forking", authority.sign("server")) as server:
        for _ in range(8):
            ask_by_tls(server, authority)
        server.wait_until(lambda: said(server), "message", SOON_SECONDS)
        server.stop()
        assert said(server) == expected(server, "tls"), server.log.read_text()


@pytest.mark.parametrize("which", ["nginx", "python"])
def test_a_server_of_http_says_nothing_whatever_it_is_asked(directory, traces, which):
    """Scanners say TLS, HTTP/2 and anything to any port."""
    server = (python(directory, traces, "http", OTEL_LOG_LEVEL="info") if which == "python" else
              servers.Nginx(directory, tracing=traces.of("unseen", OTEL_LOG_LEVEL="info")))
    with server:
        assert servers.answers(server.port, "/small.txt")
        for pieces in ([HELLO], [PREFACE], [b"\x00\x01\x02\x03\r\n\r\n"]):
            talk(server, *pieces, answered=False)
        assert servers.answers(server.port, "/small.txt")
        time.sleep(1.5)
        server.stop()
        assert not said(server)
    assert spans.by_request(traces.read("unseen"))[servers.READY_ID]


@pytest.mark.parametrize("kind, answered", [("http", True), ("page", True), ("silent", False)])
def test_nor_does_one_that_strangers_find_first(directory, traces, kind, answered):
    """Before its first request nobody knows that it is a server of HTTP."""
    with python(directory, traces, kind, OTEL_LOG_LEVEL="info") as server:
        for pieces in ([HELLO], [b"\x03\x00\x00\x13\x0e\xe0\r\n\r\n"], [b"EHLO me\r\n"]):
            talk(server, *pieces, answered=answered)
        time.sleep(2.5)
        assert servers.answers(server.port, "/small.txt")
        server.wait_until(
            lambda: spans.by_request(traces.read("unseen"))[servers.READY_ID], "span", SOON_SECONDS)
        server.stop()
        assert not said(server), server.log.read_text()


def test_a_client_of_tls_says_nothing(directory, traces, authority):
    """Nor is anything said of connections that the program made itself."""
    certificate, key = authority.sign("server")
    plain = directory / "plain"
    plain.mkdir()
    with Program(plain, [servers.program("python3"), servers.PROGRAMS / "unseen_app.py", "tls", "",
                         certificate, key], None) as server:
        result = subprocess.run(
            [shutil.which("curl"), "-sSf", "--cacert", authority.file,
             f"https://localhost:{server.port}/", "--ipv4"], capture_output=True, text=True,
            check=True, env={"PATH": "/usr/bin:/bin", **traces.of("client").environment()})
    assert result.stdout == "ok"
    assert "is served by" not in result.stderr


def test_standard_output_is_the_programs(directory, traces, authority):
    arguments = [servers.program("python3"), servers.PROGRAMS / "unseen_app.py", "tls", "once",
                 *authority.sign("server")]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env={"PATH": "/usr/bin:/bin", **traces.of("unseen").environment()}) as it:
        first = it.stdout.readline()
        it.port = int(first)
        ask_by_tls(it, authority)
        out, error = it.communicate(timeout=servers.PATIENCE_SECONDS)
    assert out == ""
    assert LINE.findall(error) == [("warn", f"port {it.port}", "TLS")]
