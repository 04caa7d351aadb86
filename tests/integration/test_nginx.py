# SPDX-License-Identifier: Apache-2.0
"""nginx (4 workers) under the agent: static files, and the shop and gunicorn behind it."""

import contextlib
import dataclasses

import ledger
import load
import plans
import servers

WORKERS = 4


def run(directory, mariadb, s3, program, name, tracing):
    """The mixed list through nginx; `tracing` gives a service its Tracing, or None."""
    mariadb.reset()
    mixed = plans.nginx("n")
    with contextlib.ExitStack() as stack:
        shop = stack.enter_context(servers.Shop(directory, mariadb, s3, program, tracing("shop"),
                                                name=f"{name}-shop"))
        gunicorn = stack.enter_context(servers.Gunicorn(
            directory, mariadb, s3, tracing("gunicorn"), name=f"{name}-gunicorn"))
        nginx = stack.enter_context(servers.Nginx(
            directory, {"shop": shop.port, "app": gunicorn.port}, tracing("nginx"), WORKERS,
            name=f"{name}-nginx"))
        answers = load.run(nginx.port, mixed, connections=32)
    ledger.expect_none(ledger.unexpected_answers(mixed, answers))
    return mixed, answers


def behind(requests, prefix):
    """The requests as a server behind nginx gets them: nginx collects a chunked body first."""
    return [dataclasses.replace(request, path=request.path.removeprefix(prefix), chunked=False,
                                route=request.route.removeprefix(prefix))
            for request in requests if request.path.startswith(prefix + "/")]


def test_nginx_answers_as_planned_without_the_agent(directory, mariadb, s3, shop_program):
    run(directory, mariadb, s3, shop_program, "plain", lambda service: None)


def test_two_thousand_requests_at_nginx(directory, mariadb, s3, shop_program, traces):
    _, plain = run(directory, mariadb, s3, shop_program, "untraced", lambda service: None)
    requests, answers = run(directory, mariadb, s3, shop_program, "traced", traces.of)
    ledger.expect_none(ledger.differences(plain, answers))

    spans = traces.read("nginx")
    ledger.expect_none(ledger.server_spans(requests, answers, spans))
    ledger.expect_none(ledger.instances(spans))
    workers = {span.resource["service.instance.id"] for span in spans if span.kind == "SERVER"}
    assert len(workers) == WORKERS

    for service, prefix in (("shop", "/shop"), ("gunicorn", "/app")):
        spans = traces.read(service)
        theirs = behind(requests, prefix)
        ledger.expect_none(ledger.service(theirs, answers, spans, plans.owners_of_keys(theirs)))
