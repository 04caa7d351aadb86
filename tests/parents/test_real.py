# SPDX-License-Identifier: Apache-2.0
"""The real servers of the catalogue, each with clients of all shapes at once; scripts/parents runs
shape by shape, and more. A package that is missing is a failure; what needs the packages of
scripts/bootstrap --matrix runs with --matrix only."""

import catalogue

CLIENTS = 12  # two of each shape
REQUESTS = 240


def pytest_generate_tests(metafunc):
    everything = metafunc.config.getoption("--matrix")
    rows = [row for row in catalogue.REAL_ROWS if everything or not row.matrix]
    metafunc.parametrize("row", rows, ids=lambda row: row.name)


def test_no_call_is_below_another_request(bench, row):
    done = bench.run(row, "mixed", CLIENTS, REQUESTS)
    assert done.passed, "\n".join([done.line(), done.fault, *done.result.examples])
