# SPDX-License-Identifier: Apache-2.0
"""The client matrix: each HTTP client asks a server for one thing after the other, untraced and
traced. The same bytes on the wire, the same output; one right span for each request that came. And
each relay answers requests by asking that server: a call's parent is the request that it is for, or
none.

One client of each distinct way of calling by default, all with --clients."""

import os
import re
import subprocess

import ledger
import servers
import spans
from clients import judge, relays, table
from clients.origin import Origin
from clients.relay_run import RelayRun
from clients.run import ClientRun


def chosen(everything, rows):
    return [row for row in rows if row.quick or everything]


def pytest_generate_tests(metafunc):
    everything = metafunc.config.getoption("--clients")
    for name, rows in (("client", table.CLIENTS), ("relay", relays.RELAYS)):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, chosen(everything, rows),
                                 ids=lambda row: re.sub(r"[ :,]+", "-", row.name))


def test_each_request_makes_one_right_span(client, directory, library, client_rows):
    row, faults = ClientRun(client, directory, library).faults()
    client_rows.append(row)
    ledger.expect_none(faults)


def test_a_call_is_the_child_of_its_request_or_of_none(relay, directory, library, client_rows):
    row, faults = RelayRun(relay, directory, library).faults()
    client_rows.append(row)
    ledger.expect_none(faults)


def test_an_answer_is_read_while_the_first_call_is_prepared(directory, library):
    """By another thread than the one that asks, which reads files before it has its first span:
    slowly, because strace looks at each call."""
    tracing = servers.Tracing(library, directory, "threads")
    command = [servers.program("strace"), "-f", "-qq", "-o", "/dev/null", "/usr/bin/python3", "-B",
               servers.PROGRAMS / "clients" / "two_threads.py"]
    with Origin() as origin:
        for _ in range(3):
            done = subprocess.run([*map(str, command), str(origin.port)], capture_output=True,
                                  text=True, timeout=servers.PATIENCE_SECONDS, check=False,
                                  env={**os.environ, **tracing.environment(),
                                       "OTEL_AGENT_EXECUTABLES_DENY": "strace"})
            assert (done.stdout, done.returncode) == ("159\n", 0), done.stderr
        requests, _ = origin.take()
    missing, wrong = judge.spans(requests, spans.read(tracing.file), origin.port)
    ledger.expect_none([*missing, *wrong])
