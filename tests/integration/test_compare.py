# SPDX-License-Identifier: Apache-2.0
"""`otelagent compare` with nginx and wrk: both arms measured, nothing left running, and clear words
where something is missing. What it understands of load tools that may not be installed is tried
on lines of their output."""
import os
import re
import subprocess
import sys
import xml.etree.ElementTree

import pytest

import servers

sys.path.insert(0, str(servers.TREE / "scripts"))
from measure import collector, load_tools, processes, report  # noqa: E402

OTELAGENT = servers.TREE / "scripts" / "otelagent"


def compare(library, *options, **variables):
    clean = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    return subprocess.run([OTELAGENT, "compare", *[str(option) for option in options]],
                          env={**clean, "OTELAGENT_LIBRARY": str(library),
                               "OTEL_BSP_MAX_QUEUE_SIZE": "20000", **variables},
                          capture_output=True, text=True, timeout=120)


@pytest.fixture
def nginx(directory):
    """(command, address, port) of an nginx that is not running."""
    (directory / "static").mkdir()
    (directory / "static" / "small.txt").write_text("a small file\n")
    port = servers.free_port()
    configuration = directory / "nginx.conf"
    configuration.write_text(servers.NGINX_CONF.format(
        user="user www-data;" if os.geteuid() == 0 else "", workers=2, directory=directory,
        port=port, upstreams="", locations="").replace("daemon off;", ""))
    command = f"{servers.program('nginx')} -e stderr -p {directory} -c {configuration}"
    return command, f"http://127.0.0.1:{port}/small.txt", port


def row(output, title):
    found = re.search(rf"^{re.escape(title)}, \S+ +(.*)$", output, re.MULTILINE)
    assert found, f"no row {title} in:\n{output}"
    return found.group(1)


@pytest.mark.parametrize("daemon", ["on", "off"])
def test_both_are_measured_and_nothing_stays(directory, nginx, library, daemon):
    command, address, port = nginx
    picture = directory / "picture.svg"
    done = compare(library, "--rounds", 2, "--server", f"{command} -g 'daemon {daemon};'",
                   "--load", f"{servers.program('wrk')} -t1 -c4 -d1 --latency {address}",
                   "--plot", picture)
    assert done.returncode == 0, done.stderr
    for title in ("throughput", "CPU per request", "memory, resident", "latency p99"):
        row(done.stdout, title)
    # wrk leaves the requests under way at its end uncounted.
    assert re.search(r"^spans: [\d,]+ a run, 1(\.0\d)? a request$", done.stdout, re.MULTILINE)
    assert done.stderr.count("untraced") == 2
    assert re.search(r"^verdict: CPU a request: .* too few to tell \(5 at least\); p99: too few",
                     done.stdout, re.MULTILINE)
    dots = xml.etree.ElementTree.parse(picture).findall("{http://www.w3.org/2000/svg}circle")
    assert len(dots) == 4 * 4  # throughput, p50, p99, CPU; two runs of two arms
    servers.socket.create_server(("127.0.0.1", port)).close()  # free again


def test_an_unknown_load_is_counted_by_hand(nginx, library):
    command, address, _ = nginx
    curl = f"curl -s -o /dev/null {address} -o /dev/null {address}"
    server = f"{command} -g 'daemon off;'"
    done = compare(library, "--rounds", 1, "--server", server, "--load", curl)
    assert "spans: 2 a run\n" in done.stdout
    assert "--requests N" in done.stdout
    row(done.stdout, "CPU of the run")
    done = compare(library, "--rounds", 1, "--server", server, "--load", curl, "--requests", 2)
    assert "spans: 2 a run, 1 a request\n" in done.stdout
    row(done.stdout, "CPU per request")


@pytest.mark.parametrize("variables", [{}, {"OTEL_BSP_SCHEDULE_DELAY": "2s"}])
def test_a_server_that_its_signal_ends_has_all_its_spans(directory, library, variables):
    """SIGTERM kills python3 -m http.server: what it has not exported by then would be told by the
    next round's, and after the last round by nobody."""
    port = servers.free_port()
    address = f"http://127.0.0.1:{port}/"
    curl = "curl -s " + " ".join([f"-o /dev/null {address}"] * 20)
    server = f"{sys.executable} -m http.server -b 127.0.0.1 -d {directory} {port}"
    done = compare(library, "--rounds", 1, "--server", server, "--load", curl, "--requests", 20,
                   **variables, OTEL_AGENT_STATE_DIR=str(directory))
    assert done.returncode == 0, done.stderr
    assert "spans: 20 a run, 1 a request\n" in done.stdout, done.stdout + done.stderr


def test_a_server_that_fails_is_quoted(library):
    done = compare(library, "--server", "sh -c 'echo no such luck; exit 3'",
                   "--load", "true", "--url", f"http://127.0.0.1:{servers.free_port()}/")
    assert done.returncode == 1
    assert "status 3" in done.stderr and "no such luck" in done.stderr


def test_a_load_that_fails_is_quoted(nginx, library):
    command, address, port = nginx
    done = compare(library, "--server", f"{command} -g 'daemon off;'", "--url", address,
                   "--load", "sh -c 'echo bad luck; exit 4'")
    assert done.returncode == 1
    assert "status 4" in done.stderr and "bad luck" in done.stderr
    assert not servers.socket.socket().connect_ex(("127.0.0.1", port)) == 0


def test_a_port_in_use_is_refused(nginx, library):
    command, address, port = nginx
    with servers.socket.create_server(("127.0.0.1", port)):
        done = compare(library, "--server", command, "--load", f"true {address}")
    assert done.returncode == 1
    assert f"127.0.0.1:{port} already" in done.stderr


@pytest.mark.parametrize("options, word", [
    (["--server", "true", "--load", "true"], "--url is needed"),
    (["--server", "", "--load", "x"], "--server is empty"),
    (["--server", "true", "--load", "x 'y"], "--load"),
    (["--server", "true", "--load", "x", "--url", "ftp://a/"], "--url ftp://a/"),
    (["--server", "true", "--load", "x http://a/", "--rounds", "0"], "--rounds"),
    (["--server", "true", "--load", "x http://a/", "--plot", "/nowhere/p.svg"], "--plot /nowhere"),
])
def test_wrong_options_are_named(library, options, word):
    done = compare(library, *options)
    assert done.returncode == 2
    assert word in done.stderr


def test_what_is_no_program_is_named(library):
    done = compare(library, "--server", "PORT=8 no-such-server", "--load", "true",
                   "--url", f"http://127.0.0.1:{servers.free_port()}/")
    assert done.returncode == 1
    assert "PORT=8: No such file" in done.stderr


# --- what load tools print ---

WRK = """Running 2s test @ http://127.0.0.1:8080/
  1 threads and 8 connections
  Latency Distribution
     50%  217.00us
     99%    3.67ms
  58110 requests in 2.00s, 27.65MB read
  Socket errors: connect 0, read 3, write 0, timeout 1
  Non-2xx or 3xx responses: 7
Requests/sec:  29020.28
"""
AB = """
Complete requests:      300
Failed requests:        2
Non-2xx responses:      5
Requests per second:    21490.57 [#/sec] (mean)
Time per request:       0.186 [ms] (mean)

Percentage of the requests served within a certain time (ms)
  50%      1
  99%      4
"""
HEY = """
Summary:
  Total:\t0.0712 secs
  Requests/sec:\t2809.4561

Latency distribution:
  50%% in 0.0151 secs
  99%% in 0.0382 secs

Status code distribution:
  [200]\t190 responses
  [503]\t10 responses

Error distribution:
  [4]\tGet "http://127.0.0.1:1/": connection refused
"""
OHA = """Summary:
  Success rate:\t100.00%
  Requests/sec:\t22711.1111

Response time distribution:
  50.00% in 1.2345 ms
  99.00% in 0.0045 secs

Status code distribution:
  [200] 200 responses
"""
K6 = """
     http_req_duration..............: avg=1.35ms min=210µs med=650.5µs max=1.2s p(99)=9.5ms
     http_req_failed................: 1.50%  ✓ 3        ✗ 197
     http_reqs......................: 200    99.5/s
"""


@pytest.mark.parametrize("text, tool, expected", [
    (WRK, "wrk", (58110, 29020.28, 0.217, 3.67, 11)),
    (AB, "ab", (300, 21490.57, 1, 4, 7)),
    (HEY, "hey or oha", (200, 2809.4561, 15.1, 38.2, 14)),
    (OHA, "hey or oha", (200, 22711.1111, 1.2345, 4.5, 0)),
    (K6, "k6", (200, 99.5, 0.6505, 9.5, 3)),
])
def test_load_tools_are_understood(text, tool, expected):
    found, said = load_tools.read(text)
    keys = ("requests", "requests_per_second", "p50_ms", "p99_ms", "failures")
    assert found == tool
    assert tuple(said[key] for key in keys) == pytest.approx(expected)


def test_an_unknown_text_says_nothing():
    assert load_tools.read("1000 requests, all well\n") == (None, {})


# --- the parts ---


def test_spans_are_counted_at_their_place_only():
    def field(number, payload):
        assert len(payload) < 128
        return bytes([number << 3 | 2, len(payload)]) + payload

    span = field(5, b"GET") + field(2, b"1234")
    scope = field(1, b"\x0a\x01x") + field(2, span) * 2
    request = field(1, field(1, b"res") + field(2, scope) + field(2, scope))
    assert collector.count_messages(request, 0, len(request),
                                    collector.TRACE_REQUEST_TO_SPANS) == 4


def test_quartiles_and_paired_changes():
    assert report.quartiles([3]) == (3, 3, 3)
    assert report.quartiles([5, 1, 2, 4, 3]) == (2, 3, 4)
    assert report.paired_change([10, 20, 0], [11, 18, 5]) == pytest.approx([0.1, -0.1])


def test_a_process_in_the_background_still_belongs_to_its_server(directory):
    processes.adopt_orphans()
    with processes.Server(["sh", "-c", "setsid sleep 60 & exit 0"], directory / "out") as server:
        server.process.wait()
        assert len(server.processes()) == 1
        assert server.stop()
        assert server.processes() == []
