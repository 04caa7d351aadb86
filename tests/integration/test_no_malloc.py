# SPDX-License-Identifier: Apache-2.0
"""Between request and span nothing allocates, locks, logs or does I/O on the request's thread.

A server brings a heap of its own (tests/programs/heap_guard.c) that aborts when the thread that
serves touches it, and strace compares the thread's system calls, traced and untraced."""

import os
import re
import subprocess

import pytest

import servers
import small

WARM_UP = 3
SECRET = "hunter2"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def guarded(run_directory):
    return small.compile_server(run_directory / "guarded-server", "heap_guard.c")


@pytest.fixture(scope="module")
def plain_server(run_directory):
    return small.compile_server(run_directory / "plain-server")


def variables(**more):
    return {"OTEL_LOG_LEVEL": "info", "OTEL_TRACES_SAMPLER": "always_on",
            "OTEL_AGENT_CAPTURE_REQUEST_HEADERS": "Authorization,X-Two,X-Missing",
            "OTEL_AGENT_CAPTURE_RESPONSE_HEADERS": "Content-Type",
            "OTEL_AGENT_HEADER_USER_ID": "X-User", **more}


def exercise(connection):
    """Each way of asking that the agent treats differently; returns their number."""
    small.ask(connection)
    small.ask(connection, path=f"/products/7?token={SECRET}&page=2&X-Amz-Signature={SECRET}")
    small.ask(connection, path="/products/0af7651916cd43dd8448eb211c80319c/" + "x" * 3000)
    small.ask(connection, traceparent=TRACEPARENT, tracestate="a=1,b=2", baggage="k=v",
              Authorization=f"Bearer {SECRET}", X_Two="two", X_User="u", X_Request_ID="r",
              X_Forwarded_For="203.0.113.9, 10.0.0.1", Forwarded='for="[2001:db8::1]";proto=https')
    assert small.ask(connection, "POST", "/upload", b"x" * 100000) == 100000
    assert small.ask(connection, "POST", "/upload", iter([b"abc"] * 500), chunked=True) == 1500
    small.ask(connection, "BREW", "/pot")
    small.ask(connection, path="/" + "%41" * 500)
    return 8


@pytest.mark.parametrize("redaction", ["text", "hash"])
@pytest.mark.parametrize("exporter", ["file", "otlp"])
def test_nothing_allocates_between_request_and_span(directory, library, guarded, redaction,
                                                    exporter):
    tracing = servers.Tracing(library, directory, "server", variables(
        OTEL_AGENT_REDACT_MODE=redaction, OTEL_TRACES_EXPORTER=exporter,
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{servers.free_port()}"))
    count = 0
    with small.Small(directory, guarded, tracing, warm_up=WARM_UP) as server:
        connection = server.connect()
        for _ in range(WARM_UP):
            small.ask(connection)
            count += 1
        for _ in range(30):  # connections of their own, too
            count += exercise(connection)
            connection.close()
    accounts = server.said[-1]
    assert f"spans ended {count}," in accounts
    if exporter == "file":
        assert SECRET not in tracing.file.read_text()
        assert tracing.file.read_text().count('"traceId"') == count


def test_the_guard_guards(directory, guarded):
    """A preload that allocates in recv() is caught, or the test above would prove nothing."""
    source = directory / "careless.c"
    source.write_text("""
        #include <stdlib.h>
        #include <sys/syscall.h>
        #include <unistd.h>
        long recv(int fd, void *buffer, unsigned long bytes, int flags)
        {
            free(malloc(bytes));
            return syscall(SYS_recvfrom, fd, buffer, bytes, flags, 0, 0);
        }""")
    careless = directory / "careless.so"
    subprocess.run(["cc", "-w", "-shared", "-fPIC", "-o", careless, source], check=True)
    tracing = servers.Tracing(careless, directory, "server")
    server = small.Small(directory, guarded, tracing, warm_up=WARM_UP)
    with pytest.raises((OSError, servers.http.client.HTTPException)):
        connection = server.connect()
        for _ in range(WARM_UP + 2):
            small.ask(connection)
    assert server.process.wait(servers.PATIENCE_SECONDS) == -6
    server.stop(check=False)
    assert "malloc was called" in server.said[-1]


def steady_calls(directory, server, name, tracing):
    """The server thread's system calls while it answers, after the first requests."""
    log = directory / f"{name}.strace"
    strace = [servers.program("strace"), "-o", log, "-f", "-qq"]
    if tracing:  # the server's environment, not strace's
        for variable, value in tracing.environment().items():
            strace += ["-E", f"{variable}={value}"]
    # strace ignores SIGTERM while it runs a program, and so the server is ended by its own number.
    with small.Small(directory, [*strace, server], name=name) as running:
        connection = running.connect()
        for _ in range(WARM_UP):
            small.ask(connection)
        for _ in range(5):
            exercise(connection)
        connection.close()
        pid = int(log.read_text().split(None, 1)[0])
        os.kill(pid, 15)
        running.process.wait(servers.PATIENCE_SECONDS)
        lines = log.read_text().splitlines()
        running.stop(check=False)
    mine = [line.split(None, 1)[1] for line in lines if line.startswith(f"{pid} ")]
    calls = [line.split("(")[0] for line in mine if not line.startswith(("---", "<..."))]
    answers = [at for at, call in enumerate(calls) if call == "sendto"]
    return calls[answers[WARM_UP - 1] + 1:answers[-1] + 1]


def test_between_requests_the_thread_makes_no_system_call_but_its_own(directory, library, plain_server):
    tracing = servers.Tracing(library, directory, "server", variables(
        OTEL_TRACES_EXPORTER="file", OTEL_BSP_SCHEDULE_DELAY="60000"))
    plain = steady_calls(directory, plain_server, "plain", None)
    traced = steady_calls(directory, plain_server, "traced", tracing)
    assert tracing.file.read_text().count('"traceId"') == WARM_UP + 5 * 8
    # How many pieces a body comes in is chance; that there are no other calls is not.
    assert set(traced) == set(plain) == {"recvfrom", "sendto"}
    assert traced.count("sendto") == plain.count("sendto")


def test_the_library_has_no_lock_to_take(library):
    """Nor could one creep in unseen: what it imports would name it."""
    imports = subprocess.run(["nm", "-D", "--undefined-only", library], check=True,
                             capture_output=True, text=True).stdout
    assert not re.findall(r"pthread_(?:mutex|rwlock|spin|cond)\w*|sem_wait|mtx_lock", imports)
