# SPDX-License-Identifier: Apache-2.0
"""The shop under the agent: every request, statement and object accounted for."""

import pytest

import ledger
import load
import plans
import servers


def run(directory, mariadb, s3, program, tracing, name, **options):
    """Uploads, then the mixed list; the answers of both."""
    mariadb.reset()
    before, mixed = plans.uploads("u"), plans.shop("s")
    with servers.Shop(directory, mariadb, s3, program, tracing, name=name, **options) as shop:
        answers = load.run(shop.port, before, connections=8)
        answers.update(load.run(shop.port, mixed, connections=32))
    ledger.expect_none(ledger.unexpected_answers(before + mixed, answers))
    return before + mixed, answers


def test_the_shop_answers_as_planned_without_the_agent(directory, mariadb, s3, shop_program):
    seen = len(s3.requests())
    run(directory, mariadb, s3, shop_program, None, "shop")
    assert {request["status"] for request in s3.requests()[seen:]} == {200}


def test_s3_refuses_a_wrong_secret(directory, mariadb, s3, shop_program, monkeypatch):
    monkeypatch.setattr(s3, "secret_key", "wrong")
    mariadb.reset()
    upload = plans.uploads("w", count=1)
    with servers.Shop(directory, mariadb, s3, shop_program) as shop:
        answers = load.run(shop.port, upload, connections=1)
    assert answers[upload[0].id].status == 502
    assert s3.requests()[-1]["status"] == 403


@pytest.mark.parametrize("thread_per_connection", [False, True], ids=["pool", "thread"])
def test_two_thousand_requests_at_the_shop(directory, mariadb, s3, shop_program, traces,
                                           thread_per_connection):
    options = {"thread_per_connection": thread_per_connection}
    _, plain = run(directory, mariadb, s3, shop_program, None, "untraced", **options)
    seen = len(s3.requests())
    requests, answers = run(directory, mariadb, s3, shop_program, traces.of("shop"), "traced",
                            **options)
    spans = traces.read("shop")

    ledger.expect_none(ledger.differences(plain, answers))
    ledger.expect_none(ledger.s3_headers(spans, s3.requests()[seen:]))
    ledger.expect_none(ledger.service(requests, answers, spans, plans.owners_of_keys(requests)))


def one_request(directory, mariadb, s3, program, traces, request, before=()):
    mariadb.reset()
    with servers.Shop(directory, mariadb, s3, program, traces.of("shop")) as shop:
        load.run(shop.port, before, connections=1)
        answers = load.run(shop.port, [request], connections=1)
    assert answers[request.id].status == request.status
    spans = traces.read("shop")
    server, = [span for span in spans if span.attributes.get("request.id") == request.id]
    return server, sorted((span for span in spans if span.parent_id == server.span_id),
                          key=lambda span: span.start_ns)


def test_an_upload_reads_as_select_put_update(directory, mariadb, s3, shop_program, traces):
    upload, = plans.uploads("x", count=1)
    server, calls = one_request(directory, mariadb, s3, shop_program, traces, upload)
    assert (server.kind, server.name) == ("SERVER", "POST /products/{id}/image")
    assert [call.name for call in calls] == list(plans.UPLOAD)
    select, put, update = calls
    assert {call.kind for call in calls} == {"CLIENT"}
    assert server.start_ns <= select.start_ns <= select.end_ns <= put.start_ns
    assert put.end_ns <= update.start_ns <= update.end_ns <= server.end_ns
    assert put.attributes["rpc.system"] == "aws-api"
    assert put.attributes["rpc.service"] == "aws.s3"
    assert put.attributes["aws.s3.bucket"] == servers.BUCKET
    assert put.attributes["aws.s3.key"] == f"products/1000/{upload.id}"
    assert put.attributes["aws.s3.object_size"] == len(upload.body)
    assert put.attributes["http.response.status_code"] == 200
    assert select.attributes["db.namespace"] == "shop"
    assert select.attributes["db.system.name"] == "mariadb"
    assert select.attributes["db.query.text"] == \
        f"SELECT image_key FROM products AS r_{upload.id} WHERE id = ?"
    assert update.attributes["db.rows_affected"] == 1
    assert f"products/1000/{upload.id}" not in update.attributes["db.query.text"]


def test_a_database_error_is_told_without_its_literals(directory, mariadb, s3, shop_program,
                                                       traces):
    broken = load.Request("GET", "/broken", "b1", status=500)
    server, (call,) = one_request(directory, mariadb, s3, shop_program, traces, broken)
    assert server.status == call.status == "ERROR"
    assert call.attributes["db.response.status_code"] == "1146"
    assert call.attributes["error.type"] == "42S02"
    assert "hunter2" not in traces.file("shop").read_text()


def test_a_sampled_out_parent_leaves_no_span_and_is_passed_on(directory, mariadb, s3, shop_program,
                                                              traces):
    mariadb.reset()
    upload, = plans.uploads("n", count=1)
    upload.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
    with servers.Shop(directory, mariadb, s3, shop_program, traces.of("shop")) as shop:
        assert load.run(shop.port, [upload], connections=1)[upload.id].status == 201
    assert not [span for span in traces.read("shop")
                if span.attributes.get("request.id") == upload.id]
    arrived = s3.requests()[-1]["traceparent"]
    assert arrived.startswith("00-4bf92f3577b34da6a3ce929d0e0e4736-") and arrived.endswith("-00")
