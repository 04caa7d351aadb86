# SPDX-License-Identifier: Apache-2.0
"""How much of the program's stack the agent takes: tests/programs/stacks.c paints a thread's stack
before each step and looks how far it has changed, once without the agent and once with it."""

import os
import socket
import subprocess
import threading

import pytest

import servers

BOUND = 1024  # bytes more than untraced, the first request included
RARE_BOUND = 2048  # where values of headers are hashed
SERVED = {"serve", "missing", "named", "parts", "message", "file", "unanswered",
          "small-thread", "signal-stack"}
STEPS = ["serve", "serve", "missing", "named", "parts", "message", "file", "unanswered", "listen",
         "+", "serve", "serve", "fork", "serve", "serve"]

PLAIN = b"GET /some/path HTTP/1.1\r\nHost: stacks\r\nUser-Agent: test\r\n\r\n"
LOADED = (
    b"GET /a/%41/123456789//b;x=1/0123456789abcdef0123?token=abc&page=2 HTTP/1.1\r\n"
    b"Host: stacks:80\r\n"
    b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
    b"tracestate: " + b",".join(b"k%d=%s" % (i, b"v" * 30) for i in range(30)) + b"\r\n"
    b"tracestate: z=1\r\nbaggage: a=b,c=d\r\nbaggage: e=f\r\n"
    b"Forwarded: for=192.0.2.1;proto=https;host=example.org\r\nX-Forwarded-For: 192.0.2.1\r\n"
    b"X-Link: http://user:secret@host/p?token=1&a=b\r\nX-Word: hello\r\n"
    b"User-Agent: test/1 (http://host/?token=1)\r\n\r\n")
HASHED = {"OTEL_AGENT_CAPTURE_REQUEST_HEADERS": "x-link,x-word",
          "OTEL_AGENT_CAPTURE_RESPONSE_HEADERS": "x-answer", "OTEL_AGENT_REDACT_MODE": "hash"}


@pytest.fixture(scope="module")
def program(run_directory):
    output = run_directory / "stacks"
    subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror",
                    "-Wno-unused-result", "-O2", "-pthread", "-Wl,-z,now", "-o", output,
                    servers.PROGRAMS / "stacks.c"], check=True)
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


def depths(program, steps, request, environment=None):
    """[(step, bytes)], and how the program ended."""
    inherited = {name: value for name, value in os.environ.items()
                 if not name.startswith(("OTEL_", "LD_PRELOAD"))}
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        asking = threading.Thread(target=ask, daemon=True, args=(
            listener, request, sum(step in SERVED for step in steps)))
        process = subprocess.Popen([program, str(listener.fileno()), *steps], text=True,
                                   pass_fds=[listener.fileno()], stdout=subprocess.PIPE,
                                   env={**inherited, **(environment or {})})
        asking.start()
        said = process.communicate(timeout=120)[0]
    *lines, ended = [line.split() for line in said.splitlines()]
    return [(step, int(depth)) for step, depth in lines], ended


def traced(library, directory, **variables):
    tracing = servers.Tracing(library, directory, "stacks", {
        "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
        "OTEL_AGENT_LOG_LEVEL": "none", **variables})
    return tracing.environment()


def check(program, steps, request, environment, bound):
    plain, plain_end = depths(program, steps, request)
    found, end = depths(program, steps, request, environment)
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


@pytest.mark.parametrize("last", ["exit", "_exit", "exec"])
def test_the_end_takes_little_of_the_stack(directory, library, program, last):
    check(program, ["serve", last], PLAIN, traced(library, directory), BOUND)


@pytest.mark.parametrize("variables,bound", [({}, BOUND + 256), (HASHED, RARE_BOUND)],
                         ids=["plain", "hashed"])
def test_a_request_with_much_to_say_takes_little_more(directory, library, program, variables,
                                                      bound):
    check(program, STEPS, LOADED, traced(library, directory, **variables), bound)
