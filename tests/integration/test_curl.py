# SPDX-License-Identifier: Apache-2.0
"""Spans of libcurl and the headers it sends: every call of tests/programs/curl_calls.c, both builds
in one process, the curl command and pycurl, against a server that writes down what arrives."""

import collections
import http.server
import os
import pathlib
import re
import subprocess
import time

import pytest

import accounts
import servers
import spans

OWN = "00-11111111111111111111111111111111-2222222222222222-01"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def respond(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.arrived.append((self.command, self.path, dict(self.headers)))
        if self.path == "/slow":
            time.sleep(0.5)
        if self.path.partition("?")[0] in ("/cut", "/stuck"):
            self.send_response(200)
            self.send_header("Content-Length", "10")
            self.end_headers()
            self.wfile.write(b"abc")
            self.close_connection = True
            if self.path.startswith("/stuck"):
                self.rfile.read(1)  # until the client goes
            return
        status = re.match(r"/status/(\d+)", self.path)
        self.send_response(302 if self.path == "/redirect" else int(status[1]) if status else 200)
        if self.path == "/redirect":
            self.send_header("Location", "/target")
        body = b"" if self.path == "/redirect" else b"hello"
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-amz-request-id", "THE-REQUEST")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = respond

    def log_message(self, *_arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_arguments):
        pass  # clients that give up


@pytest.fixture
def web():
    server = Server(("127.0.0.1", 0), Handler)
    server.arrived = []
    server.port = server.server_address[1]
    with servers.serving(server):
        yield server


def run(arguments, directory, tracing=None):
    inherited = {key: value for key, value in os.environ.items()
                 if not key.startswith("OTEL_") and not key.lower().endswith("_proxy")}
    return subprocess.run([str(argument) for argument in arguments], capture_output=True, text=True,
                          cwd=directory, timeout=60, check=False,
                          env={**inherited, **(tracing.environment() if tracing else {})})


def both(arguments, library, directory, web):
    """Runs untraced, then traced; the spans of the second run and what arrived then."""
    tracing = servers.Tracing(library, directory, "curl")
    plain = run(arguments, directory)
    untraced, web.arrived = web.arrived, []
    traced = run(arguments, directory, tracing)
    assert (traced.stdout, traced.returncode) == (plain.stdout, plain.returncode)
    assert sorted(request[:2] for request in untraced) == sorted(
        request[:2] for request in web.arrived)
    assert not any("traceparent" in headers for _, path, headers in untraced if path != "/own")
    assert "hunter2" not in tracing.file.read_text()
    return plain, sorted(spans.read(tracing.file), key=lambda span: span.start_ns)


def path_of(span):
    return re.sub(r"^http://[^/]*", "", span.attributes["url.full"])


def headers_name_spans(found, web):
    """Each request that arrived names the span with its URL, or the one that was redirected."""
    ids = {(span.trace_id, span.span_id): span for span in found}
    for _, path, headers in web.arrived:
        if path == "/own":
            assert headers.get("TraceParent") == OWN and "traceparent" not in headers
            continue
        version, trace, parent, flags = headers["traceparent"].split("-")
        assert version == "00" and int(flags, 16) & 1
        assert path_of(ids[trace, parent]).startswith(
            "/redirect" if path == "/target" else path.partition("?")[0])


@pytest.fixture(scope="module")
def programs():
    build = os.environ.get("OTELAGENT_BUILD") or servers.TREE / "build" / "release"
    return pathlib.Path(build) / "tests" / "programs"


def test_every_call_once_and_both_builds(programs, library, directory, web):
    plugins = [programs / f"libcurl_{name}.so" for name in ("openssl", "gnutls")]
    assert all(plugin.exists() for plugin in plugins)
    plain, found = both([programs / "curl_calls", web.port, *plugins], library, directory, web)
    assert plain.returncode == 0, plain.stdout + plain.stderr
    assert plain.stdout.count("plugin: 0") == 2
    assert [path for _, path, _ in web.arrived if path.startswith("/plugin")] == [
        "/plugin/openssl", "/plugin/gnutls"]
    headers_name_spans(found, web)
    assert {(span.kind, span.scope) for span in found} == {("CLIENT", "otelagent.curl")}
    told = sorted(((span.name, path_of(span), span.attributes.get("http.response.status_code"),
                   span.attributes.get("error.type")) for span in found), key=repr)
    assert told == sorted([
        ("GET", "/get?password=REDACTED", 200, None), ("POST", "/get?password=REDACTED", 200, None),
        ("POST", "/get?password=REDACTED", 200, None), ("GET", "/get?password=REDACTED", 200, None),
        ("GET", "/own", 200, None), ("GET", "/redirect", 200, None),
        ("GET", "/status/404", 404, "404"), ("GET", "/status/404", 404, "404"),
        ("GET", "/slow", None, "timeout"), ("GET", "/", None, "ECONNREFUSED"),
        ("GET", "/", None, "name_resolution"),
        ("GET", "/multi/a", 200, None), ("GET", "/multi/a", 200, None),
        ("GET", "/multi/b", 200, None), ("GET", "/status/500", 500, "500"),
        ("GET", "/slow", None, "cancelled"),
        ("GET", "/plugin/openssl", 200, None), ("GET", "/plugin/gnutls", 200, None)],
        key=repr)


def test_both_builds_come_and_go(programs, library, directory, web):
    """A hundred times each, in two threads: no call reaches one that has gone, or the other one."""
    plugins = [programs / f"libcurl_{name}.so" for name in ("openssl", "gnutls")]
    plain, found = both([programs / "plugins", web.port, 50, *plugins], library, directory, web)
    assert plain.stdout == "has gone\n" * 2, plain.stdout + plain.stderr
    headers_name_spans(found, web)
    told = collections.Counter((path_of(span), span.attributes.get("http.response.status_code"))
                               for span in found)
    assert told == {("/plugin/openssl", 200): 100, ("/plugin/gnutls", 200): 100}


def test_redirects_and_timings_are_told(library, directory, web):
    _, found = both(["curl", "-sL", f"http://127.0.0.1:{web.port}/redirect"], library, directory,
                    web)
    span, = found
    assert span.attributes["http.request.resend_count"] == 1
    assert span.attributes["network.peer.address"] == "127.0.0.1"
    assert span.attributes["network.peer.port"] == web.port
    assert span.attributes["network.protocol.version"] == "1.1"
    assert [name for name, _ in span.events] == ["dns.done", "connect.done", "first_byte"]
    headers_name_spans(found, web)


def test_the_curl_command_in_parallel(library, directory, web):
    urls = [f"http://127.0.0.1:{web.port}/{name}" for name in "abcdef"]
    _, found = both(["curl", "-sZ", "--output", "/dev/null", *urls], library, directory, web)
    assert sorted(path_of(span) for span in found) == [f"/{name}" for name in "abcdef"]
    headers_name_spans(found, web)


def test_an_upload_to_s3(library, directory, web):
    body = directory / "body"
    body.write_text("x" * 1000)
    _, found = both(["curl", "-s", "-T", body, "--aws-sigv4", "aws:amz:eu-west-3:s3", "--user",
                     "id:hunter2", f"http://127.0.0.1:{web.port}/images/a%20cat.png"],
                    library, directory, web)
    span, = found
    assert span.name == "S3.PutObject"
    told = {name: span.attributes.get(name) for name in (
        "rpc.method", "aws.s3.bucket", "aws.s3.key", "aws.s3.object_size", "aws.request_id",
        "cloud.region")}
    assert told == {"rpc.method": "PutObject", "aws.s3.bucket": "images",
                    "aws.s3.key": "a cat.png", "aws.s3.object_size": 1000,
                    "aws.request_id": "THE-REQUEST", "cloud.region": "eu-west-3"}


CREDENTIAL = "AKIAHUNTER2/20261130/%ss3/aws4_request"
V4A = "Authorization: AWS4-ECDSA-P256-SHA256 Credential=" + CREDENTIAL % "" + ", Signature=f"
SIGNED = {  # host, path, curl's arguments: operation, bucket, key, region
    "multi-region": ("alias.mrap.accesspoint.s3-global.amazonaws.com", "/a/k", ["-H", V4A],
                     ("GetObject", "alias.mrap", "a/k", None)),
    "r2, bucket in front": ("images.0123abcd.r2.cloudflarestorage.com", "/k",
                            ["--aws-sigv4", "aws:amz:auto:s3", "--user", "id:hunter2"],
                            ("GetObject", "images", "k", "auto")),
    "r2, bucket in the path": ("0123abcd.eu.r2.cloudflarestorage.com", "/images?list-type=2",
                               ["--aws-sigv4", "aws:amz:auto:s3", "--user", "id:hunter2"],
                               ("ListObjectsV2", "images", None, "auto")),
    "spaces, presigned": ("images.nyc3.digitaloceanspaces.com",
                          "/k?X-Amz-Signature=hunter2&X-Amz-Credential="
                          + (CREDENTIAL % "nyc3/").replace("/", "%2F"), [],
                          ("GetObject", "images", "k", "nyc3")),
    **{name: (host, path, ["--aws-sigv4", "aws:amz:there:s3", "--user", "id:hunter2"],
              ("GetObject", bucket, "k", "there")) for name, host, path, bucket in (
                  ("spaces, cdn", "images.nyc3.cdn.digitaloceanspaces.com", "/k", "images"),
                  ("cos", "images-125.cos.ap-paris.myqcloud.com", "/k", "images-125"),
                  ("cos, path", "cos.ap-paris.myqcloud.com", "/images/k", "images"),
                  ("obs", "my.images.obs.cn-north-4.myhuaweicloud.com", "/k", "my.images"),
                  ("oracle", "ns.compat.objectstorage.eu-paris-1.oraclecloud.com", "/images/k",
                   "images"))},
    "minio": ("minio.example.com", "/images/k",
              ["-H", "Authorization: AWS4-HMAC-SHA256 Credential=" + CREDENTIAL % "us-east-1/"],
              ("GetObject", "images", "k", "us-east-1")),
    "service in the host": ("s3.fr-par.scw.cloud", "/images/k",
                            ["--aws-sigv4", "aws:amz", "--user", "id:hunter2"],
                            ("GetObject", "images", "k", "fr-par")),
}


@pytest.mark.parametrize("name", SIGNED)
def test_whoever_speaks_s3_is_recognised_by_the_signature(library, directory, web, name):
    host, path, arguments, wanted = SIGNED[name]
    _, found = both(["curl", "-s", "--connect-to", f"::127.0.0.1:{web.port}", *arguments,
                     f"http://{host}{path}"], library, directory, web)
    span, = found
    assert span.name == "S3." + wanted[0]
    assert tuple(span.attributes.get(key) for key in (
        "rpc.method", "aws.s3.bucket", "aws.s3.key", "cloud.region")) == wanted
    assert "HUNTER2" not in repr(span)


PYCURL = """
import io, pycurl, select, sys
base = "http://127.0.0.1:" + sys.argv[1]
def handle(path):
    curl = pycurl.Curl()
    curl.setopt(curl.URL, base + path)
    curl.setopt(curl.HTTPHEADER, ["X-One: 1"])
    curl.setopt(curl.WRITEDATA, io.BytesIO())
    return curl
one = handle("/easy")
one.perform()
multi = pycurl.CurlMulti()
several = [handle(f"/multi/{i}") for i in range(3)]
for curl in several:
    multi.add_handle(curl)
running = 3
while running:
    _, running = multi.perform()
    multi.select(1)
print(len(multi.info_read()[1]))
for curl in several:
    multi.remove_handle(curl)
watched = {}
multi.setopt(pycurl.M_SOCKETFUNCTION, lambda event, fd, *_: watched.__setitem__(fd, event))
multi.setopt(pycurl.M_TIMERFUNCTION, lambda timeout: None)
one.setopt(one.URL, base + "/action")
multi.add_handle(one)
_, running = multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
while running:
    readable, writable, _ = select.select([fd for fd, event in watched.items() if event & 1],
                                          [fd for fd, event in watched.items() if event & 2], [],
                                          0.05)
    for fd in set(readable + writable) or {pycurl.SOCKET_TIMEOUT}:
        _, running = multi.socket_action(fd, 0)
print(len(multi.info_read()[1]))
multi.remove_handle(one)
"""


def test_pycurl_with_gnutls(library, directory, web):
    plain, found = both(["/usr/bin/python3", "-c", PYCURL, web.port], library, directory, web)
    assert plain.stdout == "3\n1\n", plain.stderr
    assert sorted(path_of(span) for span in found) == [
        "/action", "/easy", "/multi/0", "/multi/1", "/multi/2"]
    headers_name_spans(found, web)
    assert all(headers["X-One"] == "1" for _, _, headers in web.arrived)


MULTI = """
import pycurl, select, sys, time
how, port = sys.argv[1], sys.argv[2]
def handle(path, port=port):
    curl = pycurl.Curl()
    curl.setopt(curl.URL, f"http://127.0.0.1:{port}{path}")
    curl.setopt(curl.WRITEFUNCTION, lambda some: None)
    return curl
def turn(multi, watched):
    if how == "perform":
        multi.select(0.05)
        return multi.perform()[1]
    readable, writable, _ = select.select([fd for fd, event in watched.items() if event & 1],
                                          [fd for fd, event in watched.items() if event & 2], [],
                                          0.01)
    running = 0
    for fd in set(readable + writable) | {pycurl.SOCKET_TIMEOUT}:
        running = multi.socket_action(fd, 0)[1]
    return running
def make():
    multi, watched = pycurl.CurlMulti(), {}
    def watch(event, fd, *_):
        watched.pop(fd, None) if event == pycurl.POLL_REMOVE else watched.__setitem__(fd, event)
    if how == "socket_action":
        multi.setopt(pycurl.M_SOCKETFUNCTION, watch)
        multi.setopt(pycurl.M_TIMERFUNCTION, lambda timeout: None)
    return multi, watched
def say(curl):
    print(curl.getinfo(pycurl.EFFECTIVE_URL).rpartition("/")[2], curl.getinfo(pycurl.TOTAL_TIME))
"""

LOOKS_LATE = MULTI + """
multi, watched = make()
several = [handle(path) for path in ("/redirect", "/slow", "/cut")] + [handle("/refused", 1)]
several[0].setopt(pycurl.FOLLOWLOCATION, 1)
for curl in several:
    multi.add_handle(curl)
time.sleep(0.4)
begun_ns = time.time_ns()
while turn(multi, watched): pass
time.sleep(0.4)
multi.info_read()
print("begun", begun_ns)
for curl in several:
    say(curl)
    multi.remove_handle(curl)
"""

NEVER_LOOKS = MULTI + """
multi, watched = make()
ended = [handle(path) for path in ("/a", "/slow", "/status/404", "/cut")] + [handle("/refused", 1)]
ended[2].setopt(pycurl.FAILONERROR, 1)
for curl in ended:
    multi.add_handle(curl)
while turn(multi, watched): pass
time.sleep(0.4)
for curl in ended:
    say(curl)
    multi.remove_handle(curl)
stuck = [handle("/stuck"), handle("/stuck")]
for curl in stuck:
    multi.add_handle(curl)
while not all(curl.getinfo(pycurl.SIZE_DOWNLOAD) for curl in stuck): turn(multi, watched)
multi.add_handle(ended[0])
multi.remove_handle(ended[0])
multi.remove_handle(stuck[0])
stuck[1].close()
multi.close()
"""


SOME_GO_ON = MULTI + """
for first in ("ended", "running"):
    multi, watched = make()
    ended = [handle("/cut?" + first), handle("/refused?" + first, 1), handle("/b?" + first)]
    stuck = handle("/stuck?" + first)
    for curl in ended + [stuck]:
        multi.add_handle(curl)
    while turn(multi, watched) > 1: pass
    while not stuck.getinfo(pycurl.SIZE_DOWNLOAD): turn(multi, watched)
    time.sleep(0.4)
    for curl in ended + [stuck] if first == "ended" else [stuck] + ended:
        say(curl)
        multi.remove_handle(curl)
"""


def took_as_told(found, output):
    """A span is as long as libcurl says the transfer was; late looks do not count."""
    told = dict(line.split() for line in output.splitlines())
    for path, seconds in told.items():
        span = next(span for span in found if path_of(span).endswith(
            "redirect" if path == "target" else path))
        took = (span.end_ns - span.start_ns) / 1e9
        assert abs(took - float(seconds)) < 0.001, (path, took, seconds)


@pytest.mark.parametrize("how", ["perform", "socket_action"])
def test_a_multis_transfer_takes_its_time_not_the_programs(library, directory, web, how):
    tracing = servers.Tracing(library, directory, "late")
    ran = run(["/usr/bin/python3", "-c", LOOKS_LATE, how, web.port], directory, tracing)
    assert ran.returncode == 0, ran.stderr
    begun, _, output = ran.stdout.partition("\n")
    found = spans.read(tracing.file)
    took_as_told(found, output)
    assert all(span.start_ns >= int(begun.split()[1]) - 1000000 for span in found)
    assert {(path_of(span), span.attributes.get("error.type")) for span in found} == {
        ("/redirect", None), ("/slow", None), ("/cut", "CURLE_PARTIAL_FILE"),
        ("/refused", "ECONNREFUSED")}


@pytest.mark.parametrize("how", ["perform", "socket_action"])
def test_a_multis_transfer_that_nobody_looked_at_says_what_is_known(library, directory, web, how):
    tracing = servers.Tracing(library, directory, "never")
    ran = run(["/usr/bin/python3", "-c", NEVER_LOOKS, how, web.port], directory, tracing)
    assert ran.returncode == 0, ran.stderr
    found = spans.read(tracing.file)
    told = sorted(((path_of(span), span.attributes.get("http.response.status_code"),
                    span.attributes.get("error.type")) for span in found), key=repr)
    assert told == sorted([
        ("/a", 200, None), ("/slow", 200, None), ("/status/404", 404, "404"),
        ("/cut", 200, "_OTHER"), ("/refused", None, "ECONNREFUSED"),
        ("/stuck", 200, "cancelled"), ("/stuck", 200, "cancelled"), ("/a", None, "cancelled")],
        key=repr)
    took_as_told([span for span in found if span.attributes.get("error.type") != "cancelled"],
                 ran.stdout)


@pytest.mark.parametrize("how", ["perform", "socket_action"])
def test_a_multis_failed_transfer_is_not_cancelled_while_others_go_on(library, directory, web, how):
    tracing = servers.Tracing(library, directory, "some")
    ran = run(["/usr/bin/python3", "-c", SOME_GO_ON, how, web.port], directory, tracing)
    assert ran.returncode == 0, ran.stderr
    found = spans.read(tracing.file)
    told = {path_of(span): span.attributes.get("error.type") for span in found}
    assert told == {f"/{path}?{first}": error for first in ("ended", "running") for path, error in
                    (("cut", "_OTHER"), ("refused", "_OTHER"), ("b", None), ("stuck", "_OTHER"))}
    took_as_told(found, ran.stdout)


LEAVES = MULTI + """
import os
multi, watched = make()
several = [handle(path) for path in ("/a", "/stuck")] + [handle("/refused", 1)]
for curl in several:
    multi.add_handle(curl)
while turn(multi, watched) > 1: pass
if sys.argv[3] == "fork" and os.fork() == 0:
    for curl in several:
        multi.remove_handle(curl)
    sys.exit()
if sys.argv[3] == "fork":
    os.wait()
    for curl in several:
        multi.remove_handle(curl)
else:
    import ctypes
    ctypes.CDLL(None).exit(0)  # what Python would clean up stays
"""


@pytest.mark.parametrize("how", ["exit", "fork"])
def test_transfers_that_are_never_taken_out_are_counted(library, directory, web, how):
    tracing = servers.Tracing(library, directory, how, {"OTEL_LOG_LEVEL": "info"})
    ran = run(["/usr/bin/python3", "-c", LEAVES, "perform", web.port, how], directory, tracing)
    assert ran.returncode == 0, ran.stderr
    counted = accounts.read(ran.stderr)
    accounts.balance(counted, 3)
    assert counted.abandoned == (3 if how == "exit" else 0), ran.stderr
    assert len(spans.read(tracing.file)) == (0 if how == "exit" else 3)


def test_a_sampled_out_program_passes_its_context_on(library, directory, web):
    tracing = servers.Tracing(library, directory, "off", {"OTEL_TRACES_SAMPLER": "always_off"})
    run(["curl", "-s", f"http://127.0.0.1:{web.port}/x"], directory, tracing)
    (_, _, headers), = web.arrived
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-0[02]", headers["traceparent"])
    assert tracing.file.read_text() == ""


def test_no_propagators_no_headers(library, directory, web):
    tracing = servers.Tracing(library, directory, "none", {"OTEL_PROPAGATORS": "none"})
    run(["curl", "-s", f"http://127.0.0.1:{web.port}/x"], directory, tracing)
    (_, _, headers), = web.arrived
    assert "traceparent" not in headers
    assert len(spans.read(tracing.file)) == 1
