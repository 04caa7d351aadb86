# SPDX-License-Identifier: Apache-2.0
"""Does the client matrix find what it is to find? A right record passes; with one thing wrong it
does not."""

import dataclasses

import pytest

from clients import judge
from clients.origin import Request
from spans import Span

PORT = 8080
REQUEST = Request(number=7, connection=0, first=True, method="POST", target="/echo?r=7",
                  host=f"127.0.0.1:{PORT}", minor=1, headers={}, head=b"", came_ns=2_000_000_000,
                  body_bytes=100, status=404, answer_bytes=9, sent_ns=2_000_000_100)
SAID = {"http.request.method": "POST", "url.full": f"http://127.0.0.1:{PORT}/echo?r=7",
        "server.address": "127.0.0.1", "server.port": PORT, "network.peer.address": "127.0.0.1",
        "network.peer.port": PORT, "network.protocol.version": "1.1",
        "http.response.status_code": 404, "error.type": "404", "http.request.body.size": 100,
        "http.response.body.size": 9}


def span(attributes=None, **more):
    known = {"name": "POST", "kind": "CLIENT", "trace_id": "1" * 32, "span_id": "2" * 16,
             "parent_id": "", "start_ns": 1_999_000_000, "end_ns": 2_001_000_000,
             "status": "ERROR", "status_message": "", "flags": 0, "links": [], "resource": {},
             "scope": judge.SCOPE, "events": [("connect.done", {}), ("first_byte", {})]}
    return Span(**{**known, "attributes": {**SAID, **(attributes or {})}, **more})


def faults(*spans, **more):
    return judge.spans([dataclasses.replace(REQUEST, **more)], spans, PORT)


def test_a_right_span_has_no_faults():
    assert faults(span()) == ([], [])


def test_a_missing_span_is_missing():
    missing, wrong = faults()
    assert (len(missing), wrong) == (1, [])


def test_a_second_span_is_wrong():
    missing, wrong = faults(span(), span(span_id="3" * 16))
    assert (missing, len(wrong)) == ([], 1)


def test_a_span_of_what_nobody_asked_is_wrong():
    stranger = span({"url.full": f"http://127.0.0.1:{PORT}/echo?r=8"})
    missing, wrong = faults(span(), stranger)
    assert (missing, len(wrong)) == ([], 1)


@pytest.mark.parametrize("name", SAID)
def test_a_wrong_attribute_is_wrong(name):
    other = f"http://localhost:{PORT}/echo?r=7" if name == "url.full" else "other"
    _, wrong = faults(span({name: other}))
    assert len(wrong) == 1 and name in wrong[0]


@pytest.mark.parametrize("more", [
    {"kind": "INTERNAL"}, {"name": "GET"}, {"scope": "other"}, {"status": "UNSET"},
    {"end_ns": 1_998_000_000}, {"start_ns": 2_000_900_000, "end_ns": 1_990_000_000},
    {"start_ns": 2_000_000_000 + 2_000_000, "end_ns": 2_005_000_000}, {"events": []},
    {"events": [("first_byte", {}), ("first_byte", {})]}], ids=str)
def test_what_else_is_wrong_is_found(more):
    assert faults(span(**more))[1]


def test_a_kept_connection_was_not_connected_for_a_request():
    assert faults(span(), first=False)[1]


def parent(number, **more):
    return span(kind="SERVER", attributes={"url.query": f"r={number}"}, span_id="9" * 16, **more)


def test_a_parent_is_the_request_with_the_same_number():
    call = span(parent_id="9" * 16)
    assert judge.parents([call, parent(7)]) == (1, [])
    assert judge.parents([span()]) == (0, [])
    for strangers in ([call, parent(8)], [call, parent(77)], [call],
                      [call, parent(7, trace_id="4" * 32)]):
        right, wrong = judge.parents(strangers)
        assert (right, len(wrong)) == (0, 1)


def test_a_byte_that_differs_is_found():
    assert not [*judge.wires([b"GET / HTTP/1.1"], [b"GET / HTTP/1.1"])]
    for other in ([b"GET / HTTP/1.0"], [b"GET / HTTP/1.1\r"], [b"GET / HTTP/1.1", b""], []):
        assert [*judge.wires([b"GET / HTTP/1.1"], other)]
