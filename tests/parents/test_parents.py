# SPDX-License-Identifier: Apache-2.0
"""Every C program under a tenth of the load of scripts/parents: 200 requests a cell, each shape
with one number of clients, or two. What is missing fails, nothing is skipped."""

import pytest

import catalogue
import servers

REQUESTS = 200
REQUESTS_OF_A_CLIENT = 50
CLIENTS = {"keep": (1, 32), "close": (8,), "late": (32,), "split": (8,), "pipeline": (8,),
           "abort": (32,)}
CELLS = [pytest.param(row, shape, clients, id=f"{row.name}-{shape}-{clients}")
         for row in catalogue.C_ROWS for shape in row.expect for clients in CLIENTS[shape]]


@pytest.mark.parametrize("row, shape, clients", CELLS)
def test_calls_are_below_their_request_or_below_none(bench, row, shape, clients):
    done = bench.run(row, shape, clients, min(REQUESTS, REQUESTS_OF_A_CLIENT * clients))
    assert done.passed, "\n".join([done.line(), done.fault, *done.result.examples])


def test_a_program_that_is_missing_fails(bench):
    row = catalogue.c_program("no_such_program")
    assert not bench.run(row, "keep", 1, 1).passed


def test_a_program_that_does_not_start_fails(bench):
    row = catalogue.Row("false", [servers.program("false")], catalogue.all_shapes(catalogue.LIMIT))
    assert not bench.run(row, "keep", 1, 1).passed
