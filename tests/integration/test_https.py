# SPDX-License-Identifier: Apache-2.0
"""Collectors that speak TLS: whom the agent believes, what it says of the others, and that neither
a proxy nor a changed root directory nor another thread's OpenSSL comes in between."""

import base64
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request

import pytest

import accounts
import certificates
import load
import otlp
import servers
import sink
import small
import tunnel

ALLOCATOR = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"
LONG_AGO = ("20200101000000Z", "20200201000000Z")


@pytest.fixture(scope="module")
def authority(run_directory):
    return certificates.Authority(run_directory / "authority")


@pytest.fixture(scope="module")
def stranger(run_directory):
    return certificates.Authority(run_directory / "stranger", "stranger")


@pytest.fixture(scope="module")
def server_program(run_directory):
    return small.compile_server(run_directory / "https-server")


def settings(collector, authority, **more):
    return {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "OTEL_LOG_LEVEL": "info",
            **({"OTEL_EXPORTER_OTLP_CERTIFICATE": str(authority.file)} if authority else {}),
            **more}


def descriptors_of(pid):
    """Descriptor → what /proc says of it. One that is closed meanwhile is none: the agent's
    thread may be in the middle of a post, or giving up one."""
    found = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found[int(fd)] = pathlib.Path(f"/proc/{pid}/fdinfo/{fd}").read_text()
    return found


class Run:
    """The smallest server under the agent, with COUNT requests behind it."""

    COUNT = 5

    def __init__(self, directory, library, program, variables, wait=None):
        tracing = servers.Tracing(library, directory, "server", variables)
        with small.Small(directory, program, tracing) as server:
            connection = server.connect()
            for _ in range(self.COUNT):
                small.ask(connection)
            connection.close()
            if wait:
                wait()
            self.objects = open(f"/proc/{server.process.pid}/maps", encoding="utf-8").read()
            self.descriptors = descriptors_of(server.process.pid)
        self.said = "\n".join(server.said)
        self.warnings = [line for line in server.said if ": warn: " in line or ": error: " in line]
        self.accounts = accounts.read(self.said)
        accounts.balance(self.accounts, self.COUNT)


@pytest.fixture
def run(directory, library, server_program):
    return lambda variables, wait=None: Run(directory, library, server_program, variables, wait)


def arrives(run, collector, variables):
    """All spans get there, and nothing is said of it."""
    done = run(variables, lambda: collector.wait_for_spans(Run.COUNT))
    assert done.warnings == []
    assert done.accounts.exported == Run.COUNT
    assert set(collector.stored().values()) == {1}
    return done


def is_refused(run, variables, *words):
    """No span gets there, which is said once, with the address, the cause and what to look at."""
    done = run(variables)
    assert done.accounts.failed == Run.COUNT
    assert len(done.warnings) == 1, done.said
    endpoint = variables["OTEL_EXPORTER_OTLP_ENDPOINT"] + "/v1/traces"
    assert f"can't export spans to {endpoint}: " in done.warnings[0]
    for word in words:
        assert word in done.warnings[0]
    return done


# --- Whom it believes ---


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_private_authority_is_believed(run, authority, host):
    with sink.Collector(tls=authority.serve()) as collector:
        variables = settings(collector, authority, OTEL_EXPORTER_OTLP_HEADERS="x-key=open%20sesame")
        variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"https://{host}:{collector.port}"
        done = arrives(run, collector, variables)
        assert "libcurl.so.4" in done.objects
        for post in collector.posts:
            assert post.target == "/v1/traces"
            assert post.headers["content-type"] == "application/x-protobuf"
            assert post.headers["x-key"] == "open sesame"
            assert post.headers["user-agent"].startswith("otelagent/")
            assert not set(post.headers) & {"traceparent", "expect", "accept", "transfer-encoding"}


USER, PASSWORD = "shop", "pa:ss%w0rd@ü"


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("own", [None, "AUTHORIZATION=Bearer%20of-the-headers"])
def test_the_user_in_the_address_is_authorized(run, authority, scheme, own):
    tls = authority.serve() if scheme == "https" else None
    with sink.Collector(tls=tls) as collector:
        variables = settings(collector, authority,
                             **({"OTEL_EXPORTER_OTLP_HEADERS": own} if own else {}))
        escaped = urllib.parse.quote(PASSWORD, safe="")
        variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = (
            f"{scheme}://{USER}:{escaped}@127.0.0.1:{collector.port}")
        done = arrives(run, collector, variables)
        basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        assert {post.headers.get("authorization") for post in collector.posts} == {
            "Bearer of-the-headers" if own else f"Basic {basic}"}
        assert {post.headers["host"] for post in collector.posts} == {f"127.0.0.1:{collector.port}"}
        for secret in (PASSWORD, escaped, basic, USER + ":"):
            assert secret not in done.said


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_user_that_is_refused_or_cant_be_sent_stays_secret(run, authority, scheme):
    tls = authority.serve() if scheme == "https" else None
    with sink.Collector(sink.refuse(401), tls=tls) as collector:
        variables = settings(collector, authority)
        variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = (
            f"{scheme}://shop:hunter2@127.0.0.1:{collector.port}")
        done = run(variables)
        assert "the user in the collector's address" in done.said and "hunter2" not in done.said
        variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = (
            f"{scheme}://shop:hunter2%0aX-Evil:1@127.0.0.1:{collector.port}")
        done = run(variables)
        assert "its user information can't be sent" in done.said and "hunter2" not in done.said
        assert not any("x-evil" in post.headers for post in collector.posts)


def test_its_descriptors_are_high_and_not_handed_on(run, authority):
    with sink.Collector(tls=authority.serve()) as collector:
        done = arrives(run, collector, settings(collector, authority))
        ours = {fd: info for fd, info in done.descriptors.items() if fd > 3}  # 3: the listener
        assert ours and min(ours) > 100
        for info in ours.values():
            assert int(re.search(r"flags:\s+(\d+)", info).group(1), 8) & os.O_CLOEXEC


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_a_thousand_spans_arrive_whole(directory, library, server_program, authority, compression):
    with sink.Collector(sink.accept, sink.refuse("503 No", "Retry-After: 0"), sink.lose_answer,
                        sink.accept, tls=authority.serve()) as collector:
        tracing = servers.Tracing(library, directory, "server", settings(
            collector, authority, OTEL_EXPORTER_OTLP_COMPRESSION=compression,
            OTEL_BSP_MAX_EXPORT_BATCH_SIZE="100"))
        with small.Small(directory, server_program, tracing) as server:
            connection = server.connect()
            for number in range(1000):
                small.ask(connection, path=f"/products/{number}")
            connection.close()
            collector.wait_for_spans(1000)
        total = accounts.read("\n".join(server.said))
        accounts.balance(total, 1000)
        assert total.exported == 1000
        assert {key for key, times in collector.stored().items() if times > 1} <= collector.lost()
        assert all((post.headers.get("content-encoding") == "gzip") == (compression == "gzip")
                   for post in collector.posts)


@pytest.fixture
def gnutls(directory):
    """Variables under which the other flavour of libcurl is the one that can be loaded."""
    (directory / "broken").mkdir()
    (directory / "broken" / "libcurl.so.4").write_text("no library\n")
    return {"LD_LIBRARY_PATH": str(directory / "broken")}


def test_libcurl_with_gnutls_will_do(run, authority, stranger, gnutls):
    certificate, key = stranger.sign("client")
    with sink.Collector(tls=authority.serve(clients=stranger)) as collector:
        done = arrives(run, collector, settings(
            collector, authority, OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=str(certificate),
            OTEL_EXPORTER_OTLP_CLIENT_KEY=str(key), **gnutls))
        assert "libcurl-gnutls.so.4" in done.objects


@pytest.mark.parametrize("wrong, advice", [
    ({"names": "DNS:other.example"}, "check the host in OTEL_EXPORTER_OTLP_ENDPOINT"),
    ({"dates": LONG_AGO}, "check the dates"), (None, "check OTEL_EXPORTER_OTLP_CERTIFICATE")],
    ids=["host", "dates", "authority"])
def test_with_gnutls_the_same_is_refused(run, authority, stranger, gnutls, wrong, advice):
    tls = authority.serve("wrong", **wrong) if wrong else stranger.serve()
    with sink.Collector(tls=tls) as collector:
        is_refused(run, settings(collector, authority, **gnutls), advice)
        assert collector.posts == []


def cut_body(connection, post):
    post.stored = True
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
    return False


def test_a_status_holds_though_its_body_is_cut(run, authority):
    with sink.Collector(cut_body, tls=authority.serve()) as collector:
        arrives(run, collector, settings(collector, authority))


def test_a_client_certificate_is_shown_where_one_is_asked_for(run, authority, stranger):
    certificate, key = stranger.sign("client")
    with sink.Collector(tls=authority.serve(clients=stranger)) as collector:
        arrives(run, collector, settings(collector, authority,
                                         OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=str(certificate),
                                         OTEL_EXPORTER_OTLP_CLIENT_KEY=str(key)))


# --- What it says of the others ---


def test_a_client_certificate_that_is_missing_is_asked_for(run, authority, stranger):
    with sink.Collector(tls=authority.serve(clients=stranger)) as collector:
        done = run(settings(collector, authority))
        assert done.accounts.exported == 0
        assert "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE" in done.warnings[0], done.said


def test_a_key_with_a_pass_phrase_is_refused_and_nobody_is_asked_for_it(run, authority, stranger):
    certificate, key = stranger.sign("secretive")
    locked = key.with_suffix(".locked")
    stranger.openssl("ec", "-in", str(key), "-aes128", "-passout", "pass:abcdef", "-out",
                     str(locked))
    with sink.Collector(tls=authority.serve(clients=stranger)) as collector:
        is_refused(run, settings(collector, authority,
                                 OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=str(certificate),
                                 OTEL_EXPORTER_OTLP_CLIENT_KEY=str(locked)),
                   "OTEL_EXPORTER_OTLP_CLIENT_KEY")


def test_another_hosts_certificate_is_refused(run, authority):
    with sink.Collector(tls=authority.serve("other", names="DNS:other.example")) as collector:
        is_refused(run, settings(collector, authority), "certificate",
                   "check the host in OTEL_EXPORTER_OTLP_ENDPOINT")
        assert collector.posts == []


def test_an_expired_certificate_is_refused(run, authority):
    with sink.Collector(tls=authority.serve("expired", dates=LONG_AGO)) as collector:
        is_refused(run, settings(collector, authority), "certificate has expired", "check the dates")
        assert collector.posts == []


def test_an_authority_of_no_repute_is_refused(run, stranger):
    """The system's own authorities are believed where none is named, and no others."""
    with sink.Collector(tls=stranger.serve()) as collector:
        is_refused(run, settings(collector, None), "issuer", "OTEL_EXPORTER_OTLP_CERTIFICATE")
        assert collector.posts == []


def test_an_authority_of_another_name_is_refused(run, authority, stranger):
    with sink.Collector(tls=stranger.serve()) as collector:
        is_refused(run, settings(collector, authority), "OTEL_EXPORTER_OTLP_CERTIFICATE")
        assert collector.posts == []


@pytest.mark.parametrize("variable", ["CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"])
@pytest.mark.parametrize("file, cause", [
    pytest.param("/missing.pem", "no such file or directory", id="missing"),
    pytest.param("/dev/null", "empty", id="empty"),
    pytest.param("/etc", "is a directory", id="directory")])
def test_a_file_that_cant_be_read_is_named(run, authority, variable, file, cause):
    with sink.Collector(tls=authority.serve()) as collector:
        is_refused(run, settings(collector, authority,
                                 **{f"OTEL_EXPORTER_OTLP_{variable}": file}),
                   f"can't read {file}: {cause}", f"check OTEL_EXPORTER_OTLP_{variable}")
        assert collector.posts == []


def test_a_file_of_no_certificates_is_refused(run, authority, directory):
    (directory / "nonsense.pem").write_text("nonsense\n")
    with sink.Collector(tls=authority.serve()) as collector:
        is_refused(run, settings(collector, authority, OTEL_EXPORTER_OTLP_CERTIFICATE=str(
            directory / "nonsense.pem")), "OTEL_EXPORTER_OTLP_CERTIFICATE")


def test_a_collector_without_tls_is_told_apart(run, authority, directory):
    """nginx answers a handshake in HTTP, as most servers do."""
    with servers.Nginx(directory, workers=1) as plain:
        is_refused(run, {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_LOG_LEVEL": "info",
                         "OTEL_EXPORTER_OTLP_ENDPOINT": f"https://127.0.0.1:{plain.port}",
                         "OTEL_EXPORTER_OTLP_CERTIFICATE": str(authority.file)},
                   "check OTEL_EXPORTER_OTLP_ENDPOINT: a receiver with TLS")


def test_nobody_listens_behind_https(run, authority):
    done = run({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_LOG_LEVEL": "info",
                "OTEL_EXPORTER_OTLP_ENDPOINT": f"https://127.0.0.1:{servers.free_port()}",
                "OTEL_EXPORTER_OTLP_CERTIFICATE": str(authority.file)})
    assert done.accounts.left == Run.COUNT
    assert "connection refused; check that a collector listens" in done.warnings[0]


def test_a_redirect_is_not_followed(run, authority):
    with sink.Collector(tls=authority.serve("elsewhere")) as elsewhere:
        step = sink.refuse("307 Moved", f"Location: {elsewhere.endpoint}/v1/traces")
        with sink.Collector(step, tls=authority.serve()) as collector:
            is_refused(run, settings(collector, authority), "HTTP status 307")
            assert elsewhere.posts == []


# --- Proxies ---


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
def test_a_proxy_is_used_and_looks_names_up(run, authority, variable):
    """The name exists nowhere but in the certificate."""
    with sink.Collector(tls=authority.serve("remote", names="DNS:collector.invalid")) as collector:
        with tunnel.Proxy(collector.port) as proxy:
            variables = settings(collector, authority, OTEL_EXPORTER_OTLP_HEADERS="x-key=secret",
                                 **{variable: f"http://user:word@127.0.0.1:{proxy.port}"})
            variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = "https://collector.invalid:4318"
            arrives(run, collector, variables)
            assert proxy.heads[0].startswith("CONNECT collector.invalid:4318 HTTP/1.1\r\n")
            assert "Proxy-Authorization: Basic dXNlcjp3b3Jk" in proxy.heads[0]
            assert "secret" not in proxy.heads[0]
            assert collector.posts[0].headers["x-key"] == "secret"


@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
@pytest.mark.parametrize("hosts", ["*", "example.com,localhost", "127.0.0.1, .localhost"])
def test_a_host_without_proxy_is_reached_without(run, authority, variable, hosts):
    with sink.Collector(tls=authority.serve()) as collector:
        with tunnel.Proxy(collector.port) as proxy:
            variables = settings(collector, authority, https_proxy=f"http://127.0.0.1:{proxy.port}",
                                 **{variable: hosts})
            variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"https://localhost:{collector.port}"
            arrives(run, collector, variables)
            assert proxy.heads == []


def test_a_proxy_that_refuses_is_named(run, authority):
    with sink.Collector(tls=authority.serve()) as collector:
        with tunnel.Proxy(collector.port, "403 Forbidden") as proxy:
            is_refused(run, settings(collector, authority,
                                     https_proxy=f"http://127.0.0.1:{proxy.port}"),
                       "403", "check the proxy")
            assert collector.posts == []


# --- Real programs ---


def read_all(log):
    return "".join(path.read_text(errors="replace") for path in log)


def test_nginx_workers_without_an_environment_post(directory, library, authority):
    with sink.Collector(tls=authority.serve()) as collector:
        with tunnel.Proxy(collector.port) as proxy:
            tracing = servers.Tracing(library, directory, "nginx", settings(
                collector, authority, https_proxy=f"http://127.0.0.1:{proxy.port}"))
            plan = load.Plan("h")
            for _ in range(200):
                plan.add("GET", "/small.txt")
            with servers.Nginx(directory, tracing=tracing, workers=2) as nginx:
                load.run(nginx.port, plan.requests, connections=8)
                collector.wait_for_spans(201)
            assert proxy.heads
        log = (directory / "nginx" / "nginx-error.log").read_text()
        total = accounts.read(log)
        accounts.balance(total, 201)
        assert total.exported == 201
        assert " warn: " not in log


def test_gunicorn_and_the_shop_post(directory, library, authority, mariadb, s3, shop_program):
    """Both have a libcurl of their own, in the one flavour and the other."""
    mariadb.reset()
    with sink.Collector(tls=authority.serve()) as collector:
        def tracing(service):
            return servers.Tracing(library, directory, service, settings(
                collector, authority, OTEL_AGENT_S3_ENDPOINTS=s3.endpoint))

        shop = servers.Shop(directory, mariadb, s3, shop_program, tracing("shop"))
        gunicorn = servers.Gunicorn(directory, mariadb, s3, tracing("gunicorn"))
        uploads = load.Plan("u")
        for number in range(1000, 1020):
            uploads.add("POST", f"/products/{number}/image", body=uploads.body(), status=201)
        items = load.Plan("i")
        for number in range(1000, 1020):
            items.add("POST", f"/items/{number}/blob", body=items.body(), status=201)
        with shop, gunicorn:
            load.run(shop.port, uploads.requests, connections=4)
            load.run(gunicorn.port, items.requests, connections=4)
            collector.wait_for_spans(2 * 80)
        log = read_all([shop.log, gunicorn.log])
        total = accounts.read(log, 2)
        accounts.balance(total, total.exported)
        assert " warn: " not in log
        names = {span.name for post in collector.posts
                 for _, _, span in otlp.spans(post.request)}
        assert {"S3.PutObject", "UPDATE products", "UPDATE items"} <= names
        assert not [name for name in names if "traces" in name or name == "POST"]


NODE = """
const http = require('http'), tls = require('tls');
const server = http.createServer((request, response) => response.end(tls.rootCertificates[0]));
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.on('SIGTERM', () => process.exit(0));
"""


def test_node_posts_whoever_brings_its_openssl(directory, library, authority):
    (directory / "server.js").write_text(NODE)
    with sink.Collector(tls=authority.serve()) as collector:
        tracing = servers.Tracing(library, directory, "node", settings(collector, authority))
        command = [servers.program("node"), directory / "server.js"]
        with small.Small(directory, command, tracing, name="node") as node:
            for _ in range(20):
                with urllib.request.urlopen(f"http://127.0.0.1:{node.port}/") as answer:
                    assert b"BEGIN CERTIFICATE" in answer.read()
            collector.wait_for_spans(20)
        assert accounts.read("\n".join(node.said)).exported == 20


@pytest.fixture(scope="module")
def own_openssl(run_directory):
    """A program that exports an OpenSSL of its own, without versions, as node's builds do."""
    output = run_directory / "own-openssl"
    subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-o", output, "-rdynamic",
                    servers.PROGRAMS / "server.c", "-Wl,--whole-archive", "-l:libssl.a",
                    "-l:libcrypto.a", "-Wl,--no-whole-archive", "-ldl", "-pthread"], check=True)
    return output


def test_a_program_with_an_openssl_of_its_own_posts_with_another(directory, library, authority,
                                                                 own_openssl):
    with sink.Collector(tls=authority.serve()) as collector:
        done = Run(directory, library, own_openssl, settings(collector, authority),
                   lambda: collector.wait_for_spans(Run.COUNT))
        assert done.warnings == []
        assert "libssl.so" in done.objects


def test_where_libcurl_would_break_the_program_it_stays_out(directory, library, authority,
                                                            own_openssl):
    with sink.Collector(tls=authority.serve()) as collector:
        variables = settings(collector, authority, LD_PRELOAD=f"{library} {ALLOCATOR}")
        done = Run(directory, library, own_openssl, variables)
        assert len(done.warnings) == 1
        assert "its own OpenSSL and its own malloc" in done.warnings[0]
        assert "libcurl.so" not in done.objects
        assert done.accounts.failed == Run.COUNT


HAPROXY = """
global
    chroot {root}
    {user}
defaults
    mode http
    timeout client 10s
frontend all
    bind 127.0.0.1:{port}
    http-request return status 200 content-type text/plain string hello
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")
def test_after_a_change_of_root_it_goes_on(directory, library, authority):
    """haproxy then forbids itself all further processes, and so threads: ours is there by then."""
    root = directory / "root"
    root.mkdir()
    port = servers.free_port()
    (directory / "haproxy.cfg").write_text(HAPROXY.format(
        root=root, port=port, user="user nobody"))
    with sink.Collector(tls=authority.serve()) as collector:
        variables = settings(collector, authority)
        variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"https://localhost:{collector.port}"
        tracing = servers.Tracing(library, directory, "haproxy", variables)
        haproxy = servers.Server("haproxy", [servers.program("haproxy"), "-f",
                                             directory / "haproxy.cfg"], directory, None, tracing)
        with haproxy:
            haproxy.wait_until(lambda: servers.answers(port, "/"), "answer")
            for _ in range(9):
                servers.answers(port, "/")
            collector.wait_for_spans(10)
        assert " warn: " not in haproxy.log.read_text()
        assert os.listdir(root) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")
def test_without_libcurl_it_says_what_to_install(directory, library, server_program, authority):
    root = directory / "root"
    root.mkdir()
    for path in re.findall(r"(/\S+) \(0x", os.popen(f"ldd {server_program}").read()):
        (root / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, root / path[1:])
    shutil.copy(server_program, root / "server")
    shutil.copy(library, root / "libotelagent.so")
    with sink.Collector(tls=authority.serve()) as collector:
        tracing = servers.Tracing("/libotelagent.so", directory, "slim",
                                  settings(collector, authority))
        command = [servers.program("env"), *(f"{name}={value}" for name, value
                                             in tracing.environment().items()),
                   servers.program("chroot"), root, "/server"]
        with small.Small(directory, command, name="slim") as server:
            connection = server.connect()
            small.ask(connection)
            connection.close()
        said = [line for line in server.said if ": warn: " in line]
        assert len(said) == 1
        assert "https needs libcurl" in said[0] and "Debian: libcurl4" in said[0]
        accounts.balance(accounts.read("\n".join(server.said)), 1)


CLOSER = """
import http.server, os, signal, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/close":
            kept = {0, 1, 2, self.server.fileno(), self.connection.fileno()}
            for fd in map(int, os.listdir("/proc/self/fd")):
                if fd not in kept:
                    try:
                        os.close(fd)
                    except OSError:
                        pass
            for _ in range(1100):
                os.open(sys.argv[1], os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *arguments):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print(server.server_port, flush=True)
server.serve_forever()
"""


def test_a_program_that_takes_our_numbers_finds_nothing_in_its_files(directory, library, authority):
    (directory / "closer.py").write_text(CLOSER)
    with sink.Collector(tls=authority.serve()) as collector:
        tracing = servers.Tracing(library, directory, "closer", settings(collector, authority))
        command = [servers.program("prlimit"), "--nofile=4096", "/usr/bin/python3",
                   directory / "closer.py", directory / "file"]
        with small.Small(directory, [*command], tracing, name="closer") as server:
            for number, path in enumerate(["/a", "/close", "/b"], start=1):
                connection = server.connect()
                connection.request("GET", path)
                assert connection.getresponse().status == 200
                connection.close()
                collector.wait_for_spans(number)
                time.sleep(0.3)  # the connection is kept
        assert (directory / "file").read_bytes() == b""
        total = accounts.read("\n".join(server.said))
        accounts.balance(total, 3)
        assert total.exported == 3


FORKER = """
import hashlib, json, os, ssl, sys, threading, time, urllib.request
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *arguments):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
def ask():
    while True:
        urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/").read()
threading.Thread(target=ask, daemon=True).start()
bad = 0
for _ in range(100):
    child = os.fork()
    if child == 0:
        ssl.create_default_context()
        ssl.RAND_bytes(16)
        os._exit(7)
    bad += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 7
print(json.dumps({"bad": bad}), flush=True)
"""


def test_children_forked_while_it_posts_can_use_their_openssl(directory, library, authority):
    """A child that inherited a lock of OpenSSL taken would wait for ever."""
    (directory / "forker.py").write_text(FORKER)
    with sink.Collector(sink.close, tls=authority.serve()) as collector:
        tracing = servers.Tracing(library, directory, "forker", settings(
            collector, authority, OTEL_BSP_SCHEDULE_DELAY="10", OTEL_LOG_LEVEL="error",
            OTEL_AGENT_EXPORT_RETRY="false",
            OTEL_EXPORTER_OTLP_CERTIFICATE=str(authority.among_many())))
        server = servers.Server("forker", ["/usr/bin/python3", directory / "forker.py"], directory,
                                tracing=tracing)
        assert server.process.wait(60) == 0
        assert json.loads(server.log.read_text().splitlines()[-1]) == {"bad": 0}
        assert len(collector.posts) > 10
