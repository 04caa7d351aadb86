# SPDX-License-Identifier: Apache-2.0
"""Accounts under faults: whatever the collector does, the server's answers stay as they are, and
each span that ended is exported or dropped, to the last one.

nginx serves, because its workers are processes of their own, each with accounts of its own; its
stderr is its error log."""

import collections
import re
import time

import pytest

import accounts
import ledger
import load
import servers
import sink

WORKERS = 2
REQUESTS = 300
ALL = REQUESTS + 1  # the one that waits for the server, too
EXIT_SECONDS = 5  # the promise is 1 s; a shared machine gets some more


def requests():
    plan = load.Plan("f", seed=3)
    for _ in range(REQUESTS):
        plan.add("GET", plan.random.choice(["/small.txt", "/page.html", "/missing"]))
    return plan.requests


class Run:
    """nginx under the agent, towards a collector. `said` is what its processes said."""

    def __init__(self, directory, library, endpoint, level, **variables):
        tracing = servers.Tracing(library, directory, "nginx", {
            "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "16",
            **({"OTEL_LOG_LEVEL": level} if level else {}), **variables})
        self.nginx = servers.Nginx(directory, tracing=tracing, workers=WORKERS)
        self.log = directory / "nginx" / "nginx-error.log"
        self.answers = {}

    def load(self, some):
        self.answers.update(load.run(self.nginx.port, some, connections=8))

    def stop(self):
        started = time.monotonic()
        self.nginx.stop()
        return time.monotonic() - started

    @property
    def said(self):
        return [line for line in self.log.read_text().splitlines() if "otelagent[" in line]

    @property
    def warnings(self):
        return [line for line in self.said if ": warn: " in line or ": error: " in line]

    @property
    def accounts(self):
        return accounts.read("\n".join(self.said), WORKERS)


@pytest.fixture(scope="module")
def untraced(run_directory):
    directory = run_directory / "faults-untraced"
    directory.mkdir()
    with servers.Nginx(directory, workers=WORKERS) as nginx:
        return load.run(nginx.port, requests(), connections=8)


@pytest.fixture
def run(directory, library, untraced):
    """Starts nginx; at the end its answers are compared with those of the untraced one."""
    runs = []

    def start(endpoint, level="info", **variables):
        runs.append(Run(directory, library, endpoint, level, **variables))
        return runs[-1]

    yield start
    for each in runs:
        each.nginx.stop(check=False)
        ledger.expect_none(ledger.differences(
            {key: untraced[key] for key in each.answers}, each.answers))


def agree(traced, collector):
    """What the agent says it exported is what the collector stored; twice only what had to be."""
    stored = collector.stored()
    assert traced.exported == len(stored) - collector.rejected()
    assert traced.refused == collector.rejected()
    assert {span_id for span_id, times in stored.items() if times > 1} <= collector.lost()


def each_from_another_process(lines):
    """Said once, that is, by each."""
    processes = [re.search(r"otelagent\[(\d+)\]", line).group(1) for line in lines]
    return len(processes) == len(set(processes))


RECOVERABLE = {
    "nothing": [],
    "503-with-retry-after": [sink.refuse("503 Service Unavailable", "Retry-After: 1")] * 3,
    "503-without": [sink.refuse("503 Service Unavailable")] * 3,
    "429": [sink.refuse("429 Too Many Requests", "Retry-After: 0")] * 5,
    "502-and-504": [sink.refuse("502 Bad Gateway"), sink.refuse("504 Gateway Timeout")],
    "answer-lost": [sink.lose_answer, sink.accept, sink.lose_answer],
    "answer-cut": [sink.accept, sink.cut_answer, sink.cut_answer],
    "closed-unread": [sink.close, sink.accept, sink.close],
}


@pytest.mark.parametrize("fault", RECOVERABLE)
def test_a_fault_that_passes_loses_nothing(run, fault):
    with sink.Collector(*RECOVERABLE[fault], sink.accept) as collector:
        traced = run(collector.endpoint)
        traced.load(requests())
        collector.wait_for_spans(ALL)
        traced.stop()
        accounts.balance(traced.accounts, ALL)
        assert traced.accounts.exported == ALL
        agree(traced.accounts, collector)
        assert bool(collector.lost()) == fault.startswith("answer")


@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_what_is_refused_for_good_is_sent_once(run, status):
    with sink.Collector(sink.refuse(f"{status} No")) as collector:
        traced = run(collector.endpoint)
        traced.load(requests())
        traced.stop()
        accounts.balance(traced.accounts, ALL)
        assert traced.accounts.failed == ALL
        sent = collections.Counter(span_id for post in collector.posts for span_id in post.ids)
        assert len(sent) == ALL
        assert set(sent.values()) == {1}


def test_spans_refused_in_a_partial_success_are_counted(run):
    with sink.Collector(sink.accept, sink.accept_but(1), sink.accept_but(0), sink.accept_but(1),
                        sink.accept) as collector:
        traced = run(collector.endpoint)
        traced.load(requests())
        collector.wait_for_spans(ALL)
        traced.stop()
        accounts.balance(traced.accounts, ALL)
        assert traced.accounts.refused == 2
        agree(traced.accounts, collector)
        assert any("refused 1 of" in line and "too old" in line for line in traced.warnings)


def test_an_answer_that_is_no_http_loses_the_batch_and_no_more(run):
    with sink.Collector(sink.say_garbage, sink.accept) as collector:
        traced = run(collector.endpoint)
        traced.load(requests())
        collector.wait_for(lambda: collector.posts, "post")
        lost = len(collector.posts[0].ids)
        collector.wait_for_spans(ALL - lost)
        traced.stop()
        accounts.balance(traced.accounts, ALL)
        assert traced.accounts.failed == lost
        agree(traced.accounts, collector)


def test_nobody_listens(run):
    port = servers.free_port()
    traced = run(f"http://127.0.0.1:{port}")
    traced.load(requests())
    assert traced.stop() < EXIT_SECONDS
    accounts.balance(traced.accounts, ALL)
    assert traced.accounts.exported == 0


def test_a_collector_that_never_answers_does_not_hold_the_exit(run):
    with sink.Collector(sink.Hang()) as collector:
        traced = run(collector.endpoint)
        traced.load(requests())
        collector.wait_for(lambda: collector.posts, "post")
        assert traced.stop() < EXIT_SECONDS
        accounts.balance(traced.accounts, ALL)
        assert traced.accounts.exported == 0


def test_a_collector_that_comes_back_gets_what_waited(run):
    with sink.Collector() as collector:
        traced = run(collector.endpoint, "warn")
        half = REQUESTS // 2
        traced.load(requests()[:half])
        collector.wait_for_spans(half + 1)
        collector.stop()
        traced.load(requests()[half:])
        deadline = time.monotonic() + sink.SECONDS
        while not traced.warnings and time.monotonic() < deadline:
            time.sleep(0.05)
        collector.start()
        collector.wait_for_spans(ALL)
        traced.stop()
        assert set(collector.stored().values()) == {1}
        failures = [line for line in traced.warnings if "can't export" in line]
        recoveries = [line for line in traced.warnings if "works again" in line]
        assert sorted(traced.warnings) == sorted(failures + recoveries)
        for lines in (failures, recoveries):
            assert lines
            assert all(f"127.0.0.1:{collector.port}/v1/traces" in line for line in lines)
            assert each_from_another_process(lines)
        assert all("connection " in line for line in failures), failures


def test_a_full_queue_drops_and_counts(run):
    hang = sink.Hang()
    with sink.Collector(hang) as collector:
        traced = run(collector.endpoint, OTEL_BSP_MAX_QUEUE_SIZE="16")
        traced.load(requests())
        assert traced.stop() < EXIT_SECONDS
        accounts.balance(traced.accounts, ALL)
        assert traced.accounts.exported == 0
        # Each worker has a batch under way and a full queue behind it.
        assert traced.accounts.queue_full >= ALL - WORKERS * (16 + 16)
        assert traced.accounts.failed <= WORKERS * (16 + 16)


REASONS = {
    "503": (sink.refuse("503 Service Unavailable", body=b"melting"), "503: melting"),
    "401": (sink.refuse("401 Unauthorized"), "OTEL_EXPORTER_OTLP_HEADERS"),
    "404": (sink.refuse("404 Not Found"), "check the path"),
    "garbage": (sink.say_garbage, "OTLP/HTTP receiver"),
}


@pytest.mark.parametrize("fault", REASONS)
def test_a_failure_says_where_and_why(run, fault):
    step, reason = REASONS[fault]
    with sink.Collector(step, step, step, step, sink.accept) as collector:
        traced = run(collector.endpoint, "warn")
        traced.load(requests())
        collector.wait_for(lambda: any(post.stored for post in collector.posts), "success")
        traced.stop()
        failures = [line for line in traced.warnings if "can't export" in line]
        assert failures and each_from_another_process(failures), traced.warnings
        for line in failures:
            assert f"to http://127.0.0.1:{collector.port}/v1/traces: " in line
            assert reason in line


def test_where_nothing_fails_nothing_is_said(run):
    with sink.Collector() as collector:
        traced = run(collector.endpoint, level=None)
        traced.load(requests())
        collector.wait_for_spans(ALL)
        traced.stop()
        assert traced.said == []
