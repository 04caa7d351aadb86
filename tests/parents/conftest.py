# SPDX-License-Identifier: Apache-2.0
"""Run `/usr/bin/python3 -m pytest tests/parents` after `scripts/bootstrap --test` and a build.
OTELAGENT_BUILD names another build than build/release, OTELAGENT_LIBRARY another agent."""

import os
import pathlib
import shutil
import signal
import sys
import tempfile

import pytest

# Behind this folder, which has a load of its own, too.
sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import cell  # noqa: E402
import servers  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--matrix", action="store_true",
                     help="also servers that need what scripts/bootstrap --matrix installs")


def pytest_sessionstart():
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that servers are stopped


@pytest.fixture(scope="session")
def library():
    path = pathlib.Path(os.environ.get("OTELAGENT_LIBRARY") or
                        servers.BUILD / "libotelagent.so").resolve()
    if not path.exists():
        pytest.fail(f"{path} is missing: cmake --preset release && cmake --build build/release")
    return path


@pytest.fixture(scope="session")
def bench(request, library):
    directory = pathlib.Path(tempfile.mkdtemp(prefix="otelagent-parents-"))
    directory.chmod(0o755)  # the database's user passes through it
    with cell.Bench(directory, library) as running:
        yield running
    if not request.session.testsfailed:
        shutil.rmtree(directory, ignore_errors=True)
