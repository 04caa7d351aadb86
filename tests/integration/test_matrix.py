# SPDX-License-Identifier: Apache-2.0
"""The server matrix: each program answers 300 mixed requests, untraced and traced. One span for
each complete head it read, right in what it says; the same answers; nothing lost from view.

One program of each distinct way of calling by default, all with --matrix."""

import pytest

import ledger
from matrix import table
from matrix.run import Run


def pytest_generate_tests(metafunc):
    everything = metafunc.config.getoption("--matrix")
    programs = [program for program in table.PROGRAMS if program.quick or everything]
    metafunc.parametrize("program", programs, ids=lambda program: program.name.replace(" ", "-"))


def test_each_head_read_makes_one_right_span(program, run_directory, library, matrix_rows):
    directory = run_directory / f"matrix-{program.name.replace(' ', '-')}"
    directory.mkdir()
    row, faults = Run(program, directory, library).faults()
    matrix_rows.append(row)
    ledger.expect_none(faults)
