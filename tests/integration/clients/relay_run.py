# SPDX-License-Identifier: Apache-2.0
"""Runs a relay of the matrix, untraced and traced: steps one by one, then a crowd at once. Whose
child a call is, is known by its number: that of the request which the relay answers with it."""

import http.client
import threading
import zlib

import accounts
import ledger
import servers
import spans
from clients import judge
from clients.origin import Origin
from clients.plan import FEATURES
from clients.run import Row
from matrix.program import content

CROWD, CALLS = 20, 8  # clients at once, requests of each
CROWD_PATHS = ("/bytes/100", "/chunked/1000", "/status/404", "/late/50000", "/late/10")
ALONE = ("get", "post", "chunked_request", "chunked_answer", "until_close", "head", "no_content",
         "404", "500", "redirect", "reset_in_answer", "reset_before_answer", "timeout", "refused")
READY = 0  # the number of requests that wait for the relay
SECONDS = 30


def pieces(size):
    body = content(size)
    third = len(body) // 3 + 1
    return iter([body[at:at + third] for at in range(0, len(body), third)])


def ask(connection, step, number):
    """What came, as text."""
    path = "/refused/" if step.feature == "refused" else step.path
    body = None if step.body is None else pieces(step.body) if step.chunked else content(step.body)
    headers = {"Transfer-Encoding": "chunked"} if step.chunked else {}
    try:
        connection.request(step.method, f"{path}?r={number}", body, headers,
                           encode_chunked=step.chunked)
        answer = connection.getresponse()
        text = answer.read()
        return f"{answer.status} {len(text)} {zlib.crc32(text):08x}"
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        return f"failed {type(error).__name__}"


class Relaying(servers.Server):
    def __init__(self, relay, launch, port, directory, name, tracing):
        self.logs = launch.logs
        self.stop_signal = relay.stop
        super().__init__(name, launch.argv, directory, launch.environment, tracing)
        self.wait_until(lambda: servers.answers(port, f"/bytes/0?r={READY}"), "answer")

    def failure(self, what):
        ends = [log.read_text(errors="replace")[-2000:] for log in self.logs if log.exists()]
        return servers.ServerError("\n".join([str(super().failure(what)), *ends]))


class RelayRun:
    def __init__(self, relay, directory, library):
        self.relay = relay
        self.directory = directory
        folder = directory / "relay"
        folder.mkdir()
        folder.chmod(0o777)  # workers may be another user
        self.steps = [step for feature in ALONE if feature not in relay.lacks
                      for step in FEATURES[feature]]
        with Origin() as origin:
            self.port = origin.port
            port = servers.free_port()
            self.launch = relay.prepare(folder, port, origin.port, servers.free_port())
            self.plain = self.ask(port, origin, "untraced", None)
            tracing = servers.Tracing(library, directory, "traced", {"OTEL_LOG_LEVEL": "info"})
            self.traced = self.ask(port, origin, "traced", tracing)
        self.spans = spans.read(tracing.file)

    def ask(self, port, origin, name, tracing):
        """What came back, by number, and what came at the origin."""
        answers = {}
        with Relaying(self.relay, self.launch, port, self.directory, name, tracing):
            for number, step in enumerate(self.steps, READY + 1):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
                answers[number] = ask(connection, step, number)
                connection.close()
            self.crowd(port, answers)
        requests, _ = origin.take()
        return answers, requests

    def crowd(self, port, answers):
        start = threading.Barrier(CROWD)

        def call(lane):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
            start.wait()
            for call in range(CALLS):
                number = 1000 + lane * CALLS + call
                path = CROWD_PATHS[number % len(CROWD_PATHS)]
                connection.request("GET", f"{path}?r={number}")
                answer = connection.getresponse()
                text = answer.read()
                answers[number] = f"{answer.status} {len(text)} {zlib.crc32(text):08x}"
            connection.close()

        threads = [threading.Thread(target=call, args=(lane,)) for lane in range(CROWD)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    @property
    def said(self):
        logs = (self.directory / "traced.log", *self.launch.logs)
        return "\n".join(path.read_text(errors="replace") for path in logs if path.exists())

    def differences(self):
        (plain, first), (traced, second) = self.plain, self.traced
        if len(plain) != len(self.steps) + CROWD * CALLS:
            yield f"{len(plain)} answers"
        for number in sorted(plain.keys() | traced.keys()):
            if plain.get(number) != traced.get(number):
                yield f"{number}: {plain.get(number)} / {traced.get(number)}"
        # Not chunk by chunk: where they are cut is a matter of time.
        one, other = (sorted((request.number, request.head, request.body_bytes, request.body_crc32)
                             for request in requests if request.number != READY)
                      for requests in (first, second))
        if one != other:
            yield from (f"came differently: {a} / {b}" for a, b in zip(one, other) if a != b)
            yield f"{len(one)} and {len(other)} requests came"

    def accounts(self):
        try:
            accounts.balance(accounts.read(self.said, self.relay.processes), len(self.spans))
        except AssertionError as error:
            yield f"accounts: {error}"

    def faults(self):
        requests = self.traced[1]
        calls = [span for span in self.spans if span.kind == "CLIENT"]
        missing, wrong = judge.spans(requests, calls, self.port)
        right, strangers = judge.parents(self.spans)
        wrong += strangers
        row = Row(self.relay.name, len(requests), len(missing), len(wrong),
                  f"{right} of {len(calls)}", self.relay.lacks)
        return row, [*self.differences(), *missing, *wrong, *self.accounts(),
                     *ledger.instances(self.spans)]
