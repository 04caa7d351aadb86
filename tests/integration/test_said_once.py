# SPDX-License-Identifier: Apache-2.0
"""A message that is the same for all processes of a tree is said by one of them; another start says
it again."""

import contextlib
import os
import subprocess
import tempfile
import urllib.request

import pytest

import servers
import sink

WRONG = {"OTEL_BSP_MAX_QUEUE_SIZE": "abc"}
NAMED = "OTEL_BSP_MAX_QUEUE_SIZE"
OUTAGE = "can't export spans"
START = ": otelagent "
PYTHON = "/usr/bin/python3"
APPLICATION = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "3")])
    return [str(os.getpid()).encode()[:3].rjust(3)]
"""
# Sends one span: to nobody, the answer does not matter.
CURL = "curl -s -o /dev/null http://127.0.0.1:1/"

# Another user's note is another file.
HELPERS = """
import ctypes, os, subprocess, sys
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
else:
    assert ctypes.CDLL(None).prctl(4, 0, 0, 0, 0) == 0  # PR_SET_DUMPABLE, as setuid() does
for _ in range(4):
    subprocess.call(sys.argv[1].split(), stdin=subprocess.DEVNULL)
"""


@pytest.fixture
def tracing(library, directory):
    def make(service, **variables):
        return servers.Tracing(library, directory, service, {
            "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
            **WRONG, **variables})

    return make


def run(command, tracing, **more):
    """What it says; it must end well."""
    clean = {name: value for name, value in os.environ.items()
             if not name.startswith(("OTEL_", "LD_PRELOAD"))}
    done = subprocess.run(command, env={**clean, **tracing.environment()}, timeout=120, check=False,
                          stdin=subprocess.DEVNULL, capture_output=True, **more)
    assert done.returncode == 0, done
    return done.stdout.decode(), done.stderr.decode()


def count(text, said):
    return sum(text in line for line in said.splitlines())


def expect(said, **counts):
    texts = {"named": NAMED, "outage": OUTAGE, "start": START}
    found = {name: count(texts[name], said) for name in counts}
    assert found == counts, said


def get(port, times):
    for _ in range(times):
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/small.txt", timeout=30).close()


def test_nginx_with_four_workers(directory, tracing):
    """The master and its workers may be two users, each with a file of its own."""
    for name in ("one", "two"):
        traced = tracing("nginx", OTEL_LOG_LEVEL="info")
        with servers.Nginx(directory, tracing=traced, workers=4, name=name) as nginx:
            get(nginx.port, 200)
        said = "".join(path.read_text() for path in sorted((directory / name).glob("*.log")))
        expect(said, named=1, outage=1, start=1)


def test_gunicorn_with_three_workers(directory, tracing):
    class Gunicorn(servers.Server):
        def __init__(self, name, traced):
            self.port = servers.free_port()
            super().__init__(name, [
                servers.program("gunicorn"), "--workers", 3, "--bind", f"127.0.0.1:{self.port}",
                "--chdir", directory, "app:application"], directory,
                {"PYTHONDONTWRITEBYTECODE": "1"}, traced)
            self.wait_until(lambda: servers.answers(self.port, "/small.txt"), "answer")

    (directory / "app.py").write_text("import os\n" + APPLICATION)
    for name in ("one", "two"):
        with Gunicorn(name, tracing("app", OTEL_LOG_LEVEL="info")) as gunicorn:
            get(gunicorn.port, 200)
        expect((directory / f"{name}.log").read_text(), named=1, outage=1, start=1)


def test_a_script_and_its_helpers(tracing):
    for _ in range(2):
        said = run(["sh", "-c", f"{CURL}; " * 5 + "true"], tracing("script", OTEL_LOG_LEVEL="info"))
        expect(said[1], named=1, outage=1, start=1)


def test_helpers_that_run_at_once(tracing):
    said = run(["sh", "-c", f"{CURL} & " * 12 + "wait"], tracing("script", OTEL_LOG_LEVEL="info"))
    expect(said[1], named=1, outage=1, start=1)


def test_helpers_that_send_nothing_do_not_announce_themselves(tracing):
    said = run(["sh", "-c", "ls >/dev/null; cat /dev/null; sort /dev/null"],
               tracing("quiet", OTEL_LOG_LEVEL="info"))
    expect(said[1], named=1, start=0)


def test_a_supervised_child_that_is_started_again(directory, tracing):
    child = directory / "child.py"
    child.write_text("import subprocess, sys\n"
                     f"sys.exit(subprocess.call({CURL.split()!r}) != 7)\n")
    loop = f"i=0; while [ $i -lt 5 ]; do {PYTHON} {child} || exit 1; i=$((i + 1)); done"
    for _ in range(2):
        expect(run(["sh", "-c", loop], tracing("child"))[1], named=1, outage=1)


def test_helpers_of_a_server_that_became_another_user(tracing):
    """The server's environment can't be read then, as its files in /proc are root's."""
    with tempfile.TemporaryDirectory() as state:
        os.chmod(state, 0o1777)
        said = run([PYTHON, "-c", HELPERS, CURL],
                   tracing("server", OTEL_AGENT_STATE_DIR=state), cwd="/")
    own_note = 1 if os.geteuid() == 0 else 0
    expect(said[1], named=1 + own_note, outage=1)


def test_an_outage_after_a_good_time_is_said_again(tracing):
    """Of programs that each send a single batch."""
    fail = sink.refuse("404 Not Found")
    with sink.Collector(fail, fail, sink.accept, sink.accept, fail, fail) as collector:
        traced = tracing("script", OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint)
        said = run(["sh", "-c", f"{CURL}; " * 6 + "true"], traced)
        assert len(collector.posts) == 6
    expect(said[1], named=1, outage=2)


def test_each_process_speaks_at_debug(tracing):
    said = run(["sh", "-c", f"{CURL}; {CURL}; true"], tracing("script", OTEL_LOG_LEVEL="debug"))
    expect(said[1], named=2)


def test_what_nobody_reads_is_not_said(directory, tracing):
    """Helpers whose words go nowhere, or into a log of their own, do not speak for the others."""
    own = directory / "own.log"
    script = f"exec 3>&2; exec 2>/dev/null; {CURL}; {CURL} 2>{own}; {CURL} 2>&3; true"
    said = run(["sh", "-c", script], tracing("script"))
    expect(said[1], named=1, outage=1)
    expect(own.read_text(), named=1, outage=1)


def note_of(traced):
    return traced.state / f"otelagent-{os.geteuid()}" / "said"


@pytest.mark.parametrize("state", ["none", "missing", "proc", "file", "strange"])
def test_without_a_file_each_process_speaks(directory, tracing, state):
    traced = tracing("script")
    note = note_of(traced)
    if state == "file":
        (directory / "a-file").touch()
    elif state == "strange":
        note.parent.mkdir(mode=0o700)
        note.write_bytes(b"of somebody else " * 10)
    traced.variables["OTEL_AGENT_STATE_DIR"] = {
        "none": "none", "missing": "/nonexistent", "proc": "/proc",
        "file": str(directory / "a-file"), "strange": str(traced.state)}[state]
    out, said = run(["sh", "-c", f"{CURL}; echo $?; {CURL}; echo $?"], traced)
    assert out == "7\n7\n"
    expect(said, named=2, outage=2)
    if state == "strange":
        assert note.read_bytes() == b"of somebody else " * 10


def test_a_link_in_its_place_is_left_alone(directory, tracing):
    traced = tracing("script")
    target = directory / "target"
    target.write_text("precious")
    note_of(traced).parent.mkdir(mode=0o700)
    note_of(traced).symlink_to(target)
    expect(run(["sh", "-c", f"{CURL}; true"], traced)[1], named=1, outage=1)
    assert target.read_text() == "precious"


def test_who_says_nothing_leaves_no_file(directory, tracing, collector):
    traced = tracing("quiet", OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint,
                     OTEL_BSP_MAX_QUEUE_SIZE="2048")
    said = run(["sh", "-c", f"{CURL}; true"], traced)
    assert said == ("", "")
    assert not list(traced.state.iterdir())


def test_the_file_is_small_and_the_users_own(tracing):
    traced = tracing("script")
    run(["sh", "-c", f"{CURL}; {CURL}; true"], traced)
    note = note_of(traced)
    status = note.stat()
    assert status.st_mode & 0o777 == 0o600
    assert 0 < status.st_size <= 32 * 4, status
    note.write_bytes(note.read_bytes()[:32] * 2048)  # full: is begun anew
    expect(run(["sh", "-c", f"{CURL}; true"], traced)[1], named=1, outage=1)
    assert note.stat().st_size <= 32 * 4
