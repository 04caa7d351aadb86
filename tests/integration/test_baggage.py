# SPDX-License-Identifier: Apache-2.0
"""What strangers send along with a traceparent, through an application that passes requests on by
libcurl: gunicorn with pycurl, and behind it nginx, which refuses a field of more than 8 KiB."""

import socket

import pytest

import servers

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"traceparent: 00-{TRACE_ID}-b7ad6b7169203331-01"
STATE = "tracestate: congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"
TOLD = r'''location = /told {
    return 200 "$http_traceparent\n$http_tracestate\n$http_baggage\n";
}'''
SHELLSHOCK = "() { :;}; echo vulnerable"


@pytest.fixture
def relay(directory, library):
    tracing = servers.Tracing(library, directory, "relay")
    with servers.Nginx(directory, workers=1, more=TOLD) as upstream, \
            servers.Relay(directory, upstream.port, tracing) as relay:
        yield relay


def carried(relay, *lines):
    """The status of the answer, and the traceparent's trace id, tracestate and baggage that came
    to nginx."""
    head = ["GET /told HTTP/1.1", "Host: a", "Connection: close", *lines, "", ""]
    with socket.create_connection(("127.0.0.1", relay.port), timeout=servers.PATIENCE_SECONDS) as connection:
        connection.sendall("\r\n".join(head).encode())
        answer = b""
        while some := connection.recv(65536):
            answer += some
    start, _, body = answer.partition(b"\r\n\r\n")
    status = int(start.split()[1])
    if status != 200:
        return status, None, None, None
    parent, state, baggage = body.decode().split("\n")[:3]
    return status, parent.split("-")[1], state, baggage


def member(length, key="k"):
    return f"{key}={'x' * (length - len(key) - 1)}"


def test_baggage_from_outside_does_not_make_a_call_fail(relay):
    lines = [f"baggage: {member(4095)}", f"baggage: {member(4095)}"]
    assert carried(relay, PARENT, STATE, *lines) == (
        200, TRACE_ID, STATE.partition(" ")[2], "")
    assert carried(relay, *lines)[0::3] == (200, "")


def test_what_is_no_baggage_stays_here(relay):
    for baggage in (SHELLSHOCK, f"a={SHELLSHOCK}", f"a=1, {SHELLSHOCK}", f"a=1;p={SHELLSHOCK}",
                    "a=1;${IFS}", 'a=1,b=<script>alert("1")</script>', "a=10%", "a=\x01", "a=\xe9"):
        assert carried(relay, PARENT, STATE, f"baggage: {baggage}") == (
            200, TRACE_ID, STATE.partition(" ")[2], ""), baggage


def test_baggage_goes_on_as_it_came(relay):
    assert carried(relay, PARENT, STATE, "Baggage: userId=alice;p;q = 1 , ", "baggage:",
                   "baggage: node=DF%2028") == (
        200, TRACE_ID, STATE.partition(" ")[2], "userId=alice;p;q = 1,node=DF%2028")
    whole = ",".join(member(63, f"k{number}") for number in range(64))  # 4,095 bytes
    assert carried(relay, f"baggage: {whole}")[0::3] == (200, whole)
    assert carried(relay, f"baggage: {whole},")[0::3] == (200, whole)
    assert carried(relay, f"baggage: {whole}xx")[0::3] == (200, "")
    assert carried(relay, PARENT, "tracestate: a=1", f"baggage: {whole[:-2]}") == (
        200, TRACE_ID, "a=1", whole[:-2])
    assert carried(relay, PARENT, "tracestate: a=1", f"baggage: {whole[:-1]}") == (
        200, TRACE_ID, "a=1", "")
