# SPDX-License-Identifier: Apache-2.0
"""Accounts under faults: whatever the collector does, the server's answers stay as they are, and
each span that ended is exported or dropped, to the last one.

nginx serves, because its workers are processes of their own, each with accounts of its own; its
stderr is its error log. Its spans go into a file, too, so that each can be looked for by its id.
Most of these tests wait most of their time, and so several run at once, ahead of their turn."""

import collections
import concurrent.futures
import contextlib
import functools
import re
import socket
import threading
import time

import pytest

import accounts
import faults
import ledger
import load
import servers
import sink
import spans

WORKERS = 2
REQUESTS = 200
ALL = REQUESTS + 1  # the one that waits for the server, too
BATCH = 16
AT_ONCE = 8  # tests that run ahead of their turn
EXIT_SECONDS = 5  # the promise is 1 s; a shared machine gets some more
RECOVERY = re.compile(r"otelagent\[(\d+)\]: warn: .* works again after .*; (\d+) spans were lost")
ANSWER_SECONDS = 5  # a request that waited for the collector would take 10


def requests():
    plan = load.Plan("f", seed=3)
    for _ in range(REQUESTS):
        plan.add("GET", plan.random.choice(["/small.txt", "/page.html", "/missing"]))
    return plan.requests


class Run:
    """nginx under the agent, towards a collector. `said` is what its processes said."""

    def __init__(self, directory, library, endpoint, level, **variables):
        tracing = servers.Tracing(library, directory, "nginx", {
            "OTEL_TRACES_EXPORTER": "otlp,file", "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": str(BATCH),
            **({"OTEL_LOG_LEVEL": level} if level else {}), **variables})
        self.file = tracing.file
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

    @property
    def ids(self):
        """Of all spans that the exporter took: each of them is in the file, once."""
        found = collections.Counter(bytes.fromhex(span.span_id) for span in spans.read(self.file))
        assert set(found.values()) <= {1}
        return set(found)

    def compare(self, untraced):
        """The answers are those of a server without an agent."""
        ledger.expect_none(ledger.differences(
            {key: untraced[key] for key in self.answers}, self.answers))


@pytest.fixture(scope="module")
def untraced(run_directory):
    directory = run_directory / "faults-untraced"
    directory.mkdir()
    with servers.Nginx(directory, workers=WORKERS) as nginx:
        return load.run(nginx.port, requests(), connections=8)


@contextlib.contextmanager
def starting(directory, library, untraced):
    """Starts nginx; at the end its answers are compared with those of the untraced one."""
    runs = []

    def start(endpoint, level="info", **variables):
        runs.append(Run(directory, library, endpoint, level, **variables))
        return runs[-1]

    try:
        yield start
    finally:
        for each in runs:
            each.nginx.stop(check=False)
    for each in runs:
        each.compare(untraced)


@pytest.fixture
def run(directory, library, untraced):
    with starting(directory, library, untraced) as start:
        yield start


def agree(traced, collector):
    """What the agent says it exported is what the collector stored, and what it says it gave up
    is the rest, span by span; twice is stored only what had to be."""
    said, stored, ids = traced.accounts, collector.stored(), traced.ids
    assert set(stored) <= ids
    assert said.exported == len(stored) - collector.rejected()
    assert said.refused == collector.rejected()
    assert said.failed == len(ids - set(stored))
    assert {span_id for span_id, times in stored.items() if times > 1} <= collector.lost()


def each_from_another_process(lines):
    """Said once, that is, by each."""
    processes = [re.search(r"otelagent\[(\d+)\]", line).group(1) for line in lines]
    return len(processes) == len(set(processes))


# --- What a collector does wrong ---


def meet(fault, start):
    """One thing at a time, twice, and then all is well."""
    steps = [fault.step] * fault.times + [sink.accept] if fault.times else [fault.step]
    with sink.Collector(*steps) as collector:
        traced = start(collector.endpoint, **fault.variables)
        traced.load(requests())
        collector.wait_for(lambda: arrived(fault, collector) >= ALL, f"{ALL} spans")
        assert traced.stop() < EXIT_SECONDS
        judge(fault, traced, collector)


def arrived(fault, collector):
    """How many spans the collector is done with. How many are in a body that was not read nobody
    knows, but the most."""
    if fault.outcome != faults.DROPPED:
        return len(collector.stored())
    posts = list(collector.posts)
    return (len({span_id for post in posts for span_id in post.ids}) +
            BATCH * sum(not post.wire for post in posts))


def judge(fault, traced, collector):
    posts = collector.posts
    met = [post for post in posts if post.step is fault.step]
    assert met
    assert {post.target for post in posts} == {"/v1/traces"}  # redirects are not followed
    accounts.balance(traced.accounts, ALL)
    agree(traced, collector)
    lost = len(traced.ids) - len(collector.stored())
    failures = [line for line in traced.warnings if "can't export" in line]
    sent = collections.Counter(span_id for post in posts for span_id in post.ids)

    if fault.outcome == faults.DROPPED:
        known = {span_id for post in met for span_id in post.ids}
        assert all(sent[span_id] == 1 for span_id in known)
        assert len(known) <= lost <= len(known) + BATCH * sum(not post.wire for post in met)
        assert traced.accounts.queue_full == 0
    else:
        assert lost == 0
    if fault.outcome == faults.ACCEPTED:
        assert set(sent.values()) == {1}
        assert failures == []
    else:
        assert failures and each_from_another_process(failures)
    for post in met:
        again = [other.at for other in posts if other.wire == post.wire and other.at > post.at]
        assert not post.wire or not again or min(again) - post.at >= fault.least_s


# --- What takes long ---


def load_and_stop_in_the_middle(traced, collector):
    half = REQUESTS // 2
    traced.load(requests()[:half])
    collector.wait_for_spans(half + 1)
    time.sleep(0.5)  # until the last answer has come, too
    collector.stop()
    traced.load(requests()[half:])


def come_back_after_20_seconds(start):
    """Within the time that a batch has."""
    with sink.Collector() as collector:
        traced = start(collector.endpoint)
        load_and_stop_in_the_middle(traced, collector)
        time.sleep(20)
        collector.start()
        collector.wait_for_spans(ALL)
        traced.stop()
        accounts.balance(traced.accounts, ALL)
        agree(traced, collector)
        assert traced.accounts.exported == ALL
        assert set(collector.stored().values()) == {1}
        assert any("works again" in line and "0 spans were lost" in line
                   for line in traced.warnings)


def come_back_to_a_full_queue(start):
    """Then what the queue had no room for is said to be lost, too."""
    loaded = threading.Event()

    def accept_then(connection, post):
        step = sink.accept if loaded.is_set() else faults.silent()
        return step(connection, post)

    with sink.Collector(accept_then) as collector:
        traced = start(collector.endpoint, OTEL_BSP_MAX_QUEUE_SIZE="16",
                       OTEL_EXPORTER_OTLP_TIMEOUT="5000")
        collector.wait_for(lambda: collector.posts, "post")  # one worker is stuck from here on
        traced.load(requests())
        loaded.set()
        collector.wait_for(lambda: any(post.stored for post in collector.posts), "success")
        time.sleep(2)
        traced.stop()
        accounts.balance(traced.accounts, ALL)
        agree(traced, collector)
        said = accounts.by_process("\n".join(traced.said))
        lost = {int(match.group(1)): int(match.group(2)) for match in RECOVERY.finditer(
            "\n".join(traced.warnings))}
        dropped = {process: one.queue_full + one.failed for process, one in said.items()}
        assert all(lost[process] <= dropped[process] for process in lost)
        assert any(lost[process] == dropped[process] > 0 for process in lost), (lost, dropped)


def fail_beyond_the_export_timeout(start):
    """A batch is tried again and again, but not for longer than that."""
    with sink.Collector(sink.refuse("503 Later")) as collector:
        traced = start(collector.endpoint, OTEL_BSP_EXPORT_TIMEOUT="3000",
                       OTEL_BSP_MAX_EXPORT_BATCH_SIZE="512")
        traced.load(requests())
        time.sleep(8)
        traced.stop()
        accounts.balance(traced.accounts, ALL)
        agree(traced, collector)
        assert traced.accounts.failed == ALL
        attempts = collections.defaultdict(list)
        for post in collector.posts:
            attempts[post.wire].append(post.at)
        assert max(map(len, attempts.values())) >= 3
        for times in attempts.values():
            assert times[-1] - times[0] < 4  # the end of the process may add a last attempt
            assert all(second - first >= 0.75 for first, second in zip(times, times[1:-1]))


def end_while(step):
    """The process ends with a post under way."""
    def scenario(start):
        with sink.Collector(step) as collector:
            traced = start(collector.endpoint)
            traced.load(requests())
            collector.wait_for(lambda: collector.posts, "post")
            end_in_time(traced)
    return scenario


def end_while_connecting(start):
    """To a socket whose queue of connections is full: nobody answers at all."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        traced = start(f"http://127.0.0.1:{address[1]}")
        traced.load(requests())
        time.sleep(0.5)
        end_in_time(traced)
        for filler in fillers:
            filler.close()


def end_in_time(traced):
    assert traced.stop() < EXIT_SECONDS
    accounts.balance(traced.accounts, ALL)
    assert traced.accounts.exported == 0
    assert traced.accounts.left == ALL  # some are in the file, and it is noted that they are


AHEAD = {
    "it-comes-back-after-20-seconds": come_back_after_20_seconds,
    "it-comes-back-to-a-full-queue": come_back_to_a_full_queue,
    "it-fails-beyond-the-export-timeout": fail_beyond_the_export_timeout,
    "exit-while-it-hangs": end_while(sink.Hang()),
    "exit-while-it-drips": end_while(faults.drip(60, faults.head(faults.OK))),
    "exit-while-it-talks": end_while(
        faults.flood(b"", faults.head("100 Continue"), 1 << 20, pause=0.001)),
    "exit-while-it-is-silent": end_while(faults.silent(b"HTTP/1.1 ")),
    "exit-while-connecting": end_while_connecting,
    **{name: functools.partial(meet, fault) for name, fault in faults.FAULTS.items()},
}


@pytest.fixture(scope="module")
def ahead(request, run_directory, library, untraced):
    """The chosen ones of AHEAD, under way."""
    chosen = [item.callspec.params["fault"] for item in request.session.items
              if item.originalname == test_accounts_are_exact_when.__name__]

    def run_one(name):
        directory = run_directory / f"ahead-{name}"
        directory.mkdir()
        with starting(directory, library, untraced) as start:
            AHEAD[name](start)

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        yield {name: pool.submit(run_one, name) for name in chosen}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("fault", AHEAD)
def test_accounts_are_exact_when(ahead, fault):
    ahead[fault].result()


def test_spans_refused_in_a_partial_success_are_counted(run):
    with sink.Collector(sink.accept, sink.accept_but(1), sink.accept_but(0), sink.accept_but(1),
                        sink.accept) as collector:
        traced = run(collector.endpoint)
        traced.load(requests())
        collector.wait_for_spans(ALL)
        traced.stop()
        accounts.balance(traced.accounts, ALL)
        assert traced.accounts.refused == 2
        agree(traced, collector)
        assert any("refused 1 of" in line and "too old" in line for line in traced.warnings)


def test_nobody_listens(run):
    port = servers.free_port()
    traced = run(f"http://127.0.0.1:{port}")
    traced.load(requests())
    assert traced.stop() < EXIT_SECONDS
    accounts.balance(traced.accounts, ALL)
    assert traced.accounts.exported == 0


def test_a_collector_that_hangs_delays_no_answer_and_the_exit_by_a_second_at_most(run):
    with sink.Collector(sink.Hang()) as collector:
        traced = run(collector.endpoint)
        collector.wait_for(lambda: collector.posts, "post")
        traced.load(requests())
        assert max(answer.seconds for answer in traced.answers.values()) < ANSWER_SECONDS
        assert traced.stop() < 1 + 1.5  # the second, and a machine that does other things


def test_a_collector_that_comes_back_gets_what_waited(run):
    with sink.Collector() as collector:
        traced = run(collector.endpoint, "warn")
        load_and_stop_in_the_middle(traced, collector)
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
