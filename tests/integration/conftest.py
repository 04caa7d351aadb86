# SPDX-License-Identifier: Apache-2.0
"""Fixtures: a database and an S3 server a session, everything else a test.

Run `/usr/bin/python3 -m pytest tests/integration` after `scripts/bootstrap --test` and a build.
OTELAGENT_BUILD names another build than build/release, OTELAGENT_LIBRARY another agent. Logs and
spans lie in a directory that the header line names; it is removed when all tests passed, unless
OTELAGENT_KEEP is set.

A test whose programs are killed gives them a state directory of its own: the session fails where
anything of the agent's but notes is left in /dev/shm. As root it has a /dev/shm for itself, so that
nobody else's programs are to blame."""

import ctypes
import os
import pathlib
import shutil
import signal
import tempfile

import pytest

pytest.register_assert_rewrite("life")  # before it is imported: its failures say more

import servers
import sink
import spans
from clients import run as clients_run
from matrix import run as matrix_run

BUILD = servers.BUILD
RUN = pathlib.Path(tempfile.mkdtemp(prefix="otelagent-"))
MATRIX_ROWS = pytest.StashKey()
CLIENT_ROWS = pytest.StashKey()
SHARED_MEMORY = pathlib.Path("/dev/shm")
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 0x40000
left_behind = {}  # what lies in /dev/shm: name → where it was first seen


def pytest_addoption(parser):
    parser.addoption("--matrix", action="store_true", help="all programs of the server matrix")
    parser.addoption("--clients", action="store_true", help="all programs of the client matrix")
    parser.addoption("--exits", type=int, default=80,
                     help="how many programs end while the agent posts by TLS (test_exit.py)")


def pytest_ignore_collect(collection_path, config):
    """Packaged applications need packages of their own: without --matrix they are no tests."""
    if collection_path.name == "test_packaged.py" and not config.getoption("--matrix"):
        return True
    return None


def take_shared_memory():
    """A /dev/shm of this session's own, where that is allowed."""
    libc = ctypes.CDLL(None)
    if os.geteuid() == 0 and libc.unshare(CLONE_NEWNS) == 0:
        libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None)
        libc.mount(b"none", os.fsencode(SHARED_MEMORY), b"tmpfs", 0, b"mode=1777")


def look_into_shared_memory(where):
    for file in servers.waiting(SHARED_MEMORY, notes=("said", "late")):
        name = file.relative_to(SHARED_MEMORY)
        if name.parts[0].startswith("otelagent-"):
            left_behind.setdefault(str(name), where)


def pytest_sessionstart():
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that servers are stopped
    take_shared_memory()
    look_into_shared_memory(None)


def pytest_runtest_logfinish(nodeid):
    look_into_shared_memory(nodeid)


def pytest_report_header():
    return f"build: {BUILD}, logs: {RUN}"


@pytest.hookimpl(trylast=True)  # when the servers of the session have ended
def pytest_sessionfinish(session, exitstatus):
    for name, where in [*left_behind.items()]:
        if where is None or not (SHARED_MEMORY / name).exists():
            del left_behind[name]
    if left_behind and exitstatus == 0:
        session.exitstatus = exitstatus = pytest.ExitCode.TESTS_FAILED
    if exitstatus in (0, 5) and not os.environ.get("OTELAGENT_KEEP"):
        shutil.rmtree(RUN, ignore_errors=True)


def pytest_terminal_summary(terminalreporter, config):
    for name, where in left_behind.items():
        terminalreporter.write_line(f"left in {SHARED_MEMORY}: {name}, since {where}", red=True)
    for title, key, table in (("server matrix", MATRIX_ROWS, matrix_run.table),
                              ("client matrix", CLIENT_ROWS, clients_run.table)):
        rows = config.stash.get(key, [])
        if rows:
            terminalreporter.section(title)
            for line in table(rows):
                terminalreporter.write_line(line)


@pytest.fixture
def collector():
    with sink.Collector() as running:
        yield running


@pytest.fixture
def matrix_rows(request):
    """The lines of the table that is shown at the end, a program each."""
    return request.config.stash.setdefault(MATRIX_ROWS, [])


@pytest.fixture
def client_rows(request):
    """The same of the client matrix."""
    return request.config.stash.setdefault(CLIENT_ROWS, [])


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
    path = pathlib.Path(os.environ.get("OTELAGENT_LIBRARY") or BUILD / "libotelagent.so")
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

    def __init__(self, library, directory, s3):
        self.library = library
        self.directory = directory
        self.defaults = {"OTEL_AGENT_S3_ENDPOINTS": s3.endpoint}

    def of(self, service, **variables):
        return servers.Tracing(self.library, self.directory, service,
                               {**self.defaults, **variables})

    def file(self, service):
        return self.directory / f"{service}.jsonl"

    def read(self, *services):
        return spans.read(*map(self.file, services))


@pytest.fixture
def traces(library, directory, s3):
    return Traces(library, directory, s3)
