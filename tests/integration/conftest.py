# SPDX-License-Identifier: Apache-2.0
"""Fixtures: a database and an S3 server a session, everything else a test.

OTELAGENT_BUILD names the build to test (default build/release). Logs and spans lie in a directory
that the header line names; it is removed when all tests passed."""

import os
import pathlib
import shutil
import tempfile
import time

import pytest

import servers
import spans as span_reader

BUILD = pathlib.Path(os.environ.get("OTELAGENT_BUILD") or servers.TREE / "build" / "release")
RUN = pathlib.Path(tempfile.mkdtemp(prefix="otelagent-"))


def pytest_report_header():
    return f"build: {BUILD}, logs: {RUN}"


def pytest_sessionfinish(exitstatus):
    if exitstatus in (0, 5) and not os.environ.get("OTELAGENT_KEEP"):
        shutil.rmtree(RUN, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def run_directory():
    RUN.chmod(0o755)  # mysql's and nginx's users pass through it
    return RUN


@pytest.fixture
def directory(run_directory, request):
    """A directory of this test's own."""
    path = run_directory / request.node.name
    path.mkdir()
    return path


@pytest.fixture(scope="session")
def library():
    path = BUILD / "libotelagent.so"
    if not path.exists():
        pytest.fail(f"{path} is missing: cmake --preset release && cmake --build build/release")
    return path


@pytest.fixture(scope="session")
def shop_program():
    path = BUILD / "tests" / "programs" / "shop"
    if not path.exists():
        pytest.fail(f"{path} is missing: scripts/bootstrap --test, then build")
    return path


@pytest.fixture(scope="session")
def mariadb(run_directory):
    with servers.MariaDB(run_directory) as server:
        yield server


@pytest.fixture(scope="session")
def s3(run_directory):
    with servers.S3(run_directory) as server:
        yield server


class Traces:
    """The span files of one test, one a service."""

    def __init__(self, library, directory):
        self.library = library
        self.directory = directory

    def of(self, service, **variables):
        """A Tracing for a service. nginx's workers are another user than the master that loads
        the agent: so the file exists beforehand, and all may write it."""
        file = self.file(service)
        file.touch()
        file.chmod(0o666)
        return servers.Tracing(self.library, file, service, variables)

    def file(self, service):
        return self.directory / f"{service}.jsonl"

    def read(self, *services):
        return span_reader.read(*map(self.file, services))

    def wait(self, service, count, seconds=15):
        """Waits until a service has written that many SERVER spans, the probes not counted."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = span_reader.by_request(self.read(service))
            if sum(len(found[key]) for key in found if key != servers.READY_ID) >= count:
                return
            time.sleep(0.2)


@pytest.fixture
def traces(library, directory):
    return Traces(library, directory)
