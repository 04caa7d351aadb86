# SPDX-License-Identifier: Apache-2.0
"""gunicorn (gthread, MySQLdb, pycurl) under the agent: every request accounted for."""

import ledger
import load
import plans
import servers

WORKERS = 2


def run(directory, mariadb, s3, tracing, name):
    mariadb.reset()
    before, mixed = plans.gunicorn_uploads("v"), plans.gunicorn("g")
    with servers.Gunicorn(directory, mariadb, s3, tracing, workers=WORKERS, name=name) as gunicorn:
        answers = load.run(gunicorn.port, before, connections=8)
        answers.update(load.run(gunicorn.port, mixed, connections=32))
    ledger.expect_none(ledger.unexpected_answers(before + mixed, answers))
    return before + mixed, answers


def test_gunicorn_answers_as_planned_without_the_agent(directory, mariadb, s3):
    run(directory, mariadb, s3, None, "gunicorn")


def test_two_thousand_requests_at_gunicorn(directory, mariadb, s3, traces):
    _, plain = run(directory, mariadb, s3, None, "untraced")
    seen = len(s3.requests())
    requests, answers = run(directory, mariadb, s3, traces.of("gunicorn"), "traced")
    spans = traces.read("gunicorn")

    ledger.expect_none(ledger.differences(plain, answers))
    ledger.expect_none(ledger.s3_headers(spans, s3.requests()[seen:]))
    ledger.expect_none(ledger.service(requests, answers, spans, plans.owners_of_keys(requests)))
    workers = {span.resource["service.instance.id"] for span in spans if span.kind == "SERVER"}
    assert len(workers) == WORKERS
