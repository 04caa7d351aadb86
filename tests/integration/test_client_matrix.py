# SPDX-License-Identifier: Apache-2.0
"""The client matrix: each HTTP client asks a server for one thing after the other, untraced and
traced. The same bytes on the wire, the same output; one right span for each request that came. And
each relay answers requests by asking that server: a call's parent is the request that it is for, or
none.

One client of each distinct way of calling by default, all with --clients."""

import re

import ledger
from clients import relays, table
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
