# SPDX-License-Identifier: Apache-2.0
"""The ledger itself: a perfect set of spans has no fault, and each kind of mistake is one. Without
this, a ledger that looks at nothing would call every run perfect."""

import copy

import pytest

import ledger
import load
import plans
import spans


def make(kind, name, number, parent=None, **attributes):
    return spans.Span(
        name=name, kind=kind, trace_id=parent.trace_id if parent else f"{number:032x}",
        span_id=f"{number:016x}", parent_id=parent.span_id if parent else "", start_ns=number,
        end_ns=number + 1, status="UNSET", status_message="", flags=0x101, attributes=attributes,
        events=[], links=[], scope="",
        resource={"process.pid": 7, "service.instance.id": "one", "service.name": "shop"})


def perfect():
    """Requests, answers and spans as they should be."""
    requests = plans.uploads("p", count=5)
    answers, found = {}, []
    for request in requests:
        answers[request.id] = load.Answer(status=201, body_bytes=3)
        request.traceparent = ""
        server = make("SERVER", "POST /products/{id}/image", len(found) + 1, **{
            "request.id": request.id, "http.request.method": "POST", "url.path": request.path,
            "http.response.status_code": 201, "network.protocol.version": "1.1",
            "http.response.body.size": 3, "http.request.body.size": len(request.body),
            "http.route": "/products/{id}/image"})
        found.append(server)
        for name in request.calls:
            more = ({"aws.s3.key": f"products/{request.path.split('/')[2]}/{request.id}",
                     "rpc.method": "PutObject"} if name.startswith("S3") else
                    {"db.system.name": "mariadb", "db.query.text": f"{name} AS r_{request.id}"})
            found.append(make("CLIENT", name, len(found) + 1, server, **more))
    return requests, answers, found


def faults(requests, answers, found):
    return ledger.service(requests, answers, found, plans.owners_of_keys(requests))


def lose_a_server_span(found):
    del found[0]


def double_a_server_span(found):
    found.append(copy.deepcopy(found[4]))


def lose_a_call(found):
    del found[2]


def invent_a_call(found):
    found.append(make("CLIENT", "SELECT products", 99, found[0], **{
        "db.system.name": "mariadb", "db.collection.name": "products"}))


def swap_two_statements(found):
    first, second = found[1], found[5]
    first.trace_id, first.parent_id, second.trace_id, second.parent_id = (
        second.trace_id, second.parent_id, first.trace_id, first.parent_id)


def swap_two_objects(found):
    first, second = found[2], found[6]
    first.trace_id, first.parent_id, second.trace_id, second.parent_id = (
        second.trace_id, second.parent_id, first.trace_id, first.parent_id)


def orphan_a_call(found):
    found[3].parent_id = ""


def change(name, value):
    def apply(found):
        found[8].attributes[name] = value
    apply.__name__ = f"change_{name}"
    return apply


def share_an_instance(found):
    found[0].resource = {**found[0].resource, "process.pid": 8}


def forget_the_remote_parent(found):
    found[0].parent_id = "00f067aa0ba902b7"


MISTAKES = [
    lose_a_server_span, double_a_server_span, lose_a_call, invent_a_call, swap_two_statements,
    swap_two_objects, orphan_a_call, share_an_instance, forget_the_remote_parent,
    change("http.route", "/products"), change("http.response.status_code", 200),
    change("http.request.body.size", 1), change("http.response.body.size", 4),
    change("http.request.method", "PUT"), change("request.id", "other"),
]


def test_a_perfect_account_has_no_fault():
    assert not faults(*perfect())


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_each_mistake_is_a_fault(mistake):
    requests, answers, found = perfect()
    mistake(found)
    assert faults(requests, answers, found)


def test_answers_differ_in_status_headers_and_body():
    first = {"a": load.Answer(200, (("x", "1"),), 3, "h")}
    for other in (load.Answer(201, (("x", "1"),), 3, "h"), load.Answer(200, (("x", "2"),), 3, "h"),
                  load.Answer(200, (("x", "1"),), 3, "i"), None):
        assert ledger.differences(first, {"a": other} if other else {})
    assert not ledger.differences(first, copy.deepcopy(first))
