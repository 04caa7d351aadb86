# SPDX-License-Identifier: Apache-2.0
"""Programs that are none of the agent's business do not notice it: those that serve nothing, those
it is told to leave alone, privileged ones."""

import collections
import json
import os
import pathlib
import pwd
import shutil
import subprocess
import sys
import time

import pytest

import servers
import small

PYTHON = "/usr/bin/python3"
WATCHED = """
import json, os
maps = open("/proc/self/maps").read().splitlines()
print(json.dumps({
    "threads": len(os.listdir("/proc/self/task")),
    "objects": sorted({line.split(None, 5)[5] for line in maps if "/" in line}),
    "descriptors": {fd: os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
                    if os.path.exists(f"/proc/self/fd/{fd}")},
    "environment": dict(os.environ),
    # But not SigQ, which counts the waiting signals of all the user's processes.
    "signals": [line for line in open("/proc/self/status")
                if line.startswith("Sig") and not line.startswith("SigQ")],
    "limits": open("/proc/self/limits").read(),
}))
"""


def environment(library=None, **variables):
    clean = {name: value for name, value in os.environ.items()
             if not name.startswith(("OTEL_", "OPENTELEMETRY_", "LD_PRELOAD"))}
    preload = {"LD_PRELOAD": str(library)} if library else {}
    return {**clean, **preload, **variables}


def run(command, library=None, directory=None, user=None, **variables):
    done = subprocess.run([str(part) for part in command], env=environment(library, **variables),
                          capture_output=True, cwd=directory, stdin=subprocess.DEVNULL, timeout=60,
                          user=user, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A directory with a file that git knows and one that it does not."""
    directory = tmp_path_factory.mktemp("repository")
    for command in (["init", "-q"], ["add", "known"],
                    ["-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "one"]):
        (directory / "known").write_text("known\n")
        subprocess.run(["git", *command], cwd=directory, check=True)
    (directory / "unknown").write_text("unknown\n")
    return directory


COMMANDS = {
    "true": (["true"], 0),
    "false": (["false"], 1),
    "ls": (["ls", "-l"], 0),
    "ls-missing": (["ls", "missing"], 2),
    "git-status": (["git", "status"], 0),
    "git-log": (["git", "log", "--stat"], 0),
    "python": ([PYTHON, "-c", "pass"], 0),
    "python-exit": ([PYTHON, "-c", "import sys; sys.exit(7)"], 7),
    "python-fork": ([PYTHON, "-W", "error", "-c",
                     "import os, sys\nif os.fork() == 0: os._exit(3)\nprint(os.wait()[1])"], 0),
    "python-subprocess": ([PYTHON, "-c", "import subprocess\n"
                           "print(subprocess.run(['ls', 'known'], capture_output=True))"], 0),
    "sh": (["sh", "-c", "echo out; echo err >&2; ls known | cat; exit 4"], 4),
    "killed": (["sh", "-c", "kill -9 $$"], -9),
}


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("exporter", ["otlp", "otlp,console,file"])
def test_a_program_says_and_returns_what_it_does_without_the_agent(library, repository, name,
                                                                   exporter):
    command, status = COMMANDS[name]
    plain = run(command, directory=repository)
    assert plain[0] == status
    assert run(command, library, repository, OTEL_TRACES_EXPORTER=exporter) == plain


def test_it_is_one_thread_one_object_and_no_descriptor(library):
    plain = json.loads(run([PYTHON, "-c", WATCHED])[1])
    traced = json.loads(run([PYTHON, "-c", WATCHED], library)[1])
    assert traced["threads"] == 1
    assert set(traced["objects"]) - set(plain["objects"]) == {str(library)}
    assert set(plain["objects"]) <= set(traced["objects"])
    assert len(traced["descriptors"]) == len(plain["descriptors"])
    assert set(traced["descriptors"]) == set(plain["descriptors"])
    assert traced["environment"] == {**plain["environment"], "LD_PRELOAD": str(library)}
    for unchanged in ("signals", "limits"):
        assert traced[unchanged] == plain[unchanged]


def test_it_keeps_little_of_itself_in_memory(library):
    """R81 gives a program that never serves 0.3 MB; what the constructor touches would bring most
    of the library in."""
    with subprocess.Popen(["sh", "-c", "echo; exec sleep 60"], stdout=subprocess.PIPE,
                          env=environment(library, OTEL_SERVICE_NAME="s")) as program:
        try:
            program.stdout.read(1)
            name = pathlib.Path(f"/proc/{program.pid}/comm")
            deadline = time.monotonic() + 20
            while name.read_text() != "sleep\n" and time.monotonic() < deadline:
                time.sleep(0.01)
            assert name.read_text() == "sleep\n"
            time.sleep(0.5)  # until it sleeps
            mappings = pathlib.Path(f"/proc/{program.pid}/smaps").read_text()
        finally:
            program.kill()
    kilobytes = collections.Counter()
    for words in map(str.split, mappings.splitlines()):
        if not words[0].endswith(":"):
            constant = words[-1] == str(library) and words[1] in ("r--p", "r-xp")
        elif constant and words[0] in ("Size:", "Rss:"):
            kilobytes[words[0]] += int(words[1])
    assert 0 < kilobytes["Rss:"] < kilobytes["Size:"] / 2, mappings


def test_a_shell_hands_the_agent_on(library):
    """Itself it is on the list of those left alone, but what it starts is not."""
    _, output, _ = run(["sh", "-c", "echo $LD_PRELOAD"], library)
    assert output.decode().strip() == str(library)
    _, output, error = run(["sh", "-c", f"{PYTHON} -c pass; true"], library, OTEL_LOG_LEVEL="debug")
    assert output == b""
    assert [line for line in error.splitlines() if b"service unknown_service:python3" in line]
    assert not [line for line in error.splitlines() if b"unknown_service:sh" in line or
                b"unknown_service:dash" in line]


# --- Told to leave it alone ---


@pytest.fixture(scope="module")
def server(run_directory):
    return small.compile_server(run_directory / "small-server")


def serve(directory, library, server, **variables):
    """What a server said, and the spans file, after three requests."""
    tracing = servers.Tracing(library, directory, "server", {"OTEL_LOG_LEVEL": "info", **variables})
    with small.Small(directory, server, tracing) as running:
        connection = running.connect()
        for _ in range(3):
            small.ask(connection)
        connection.close()
        threads = len(os.listdir(f"/proc/{running.process.pid}/task"))
        maps = pathlib.Path(f"/proc/{running.process.pid}/maps").read_text()
    assert str(library) in maps
    return running.said, tracing.file.read_text(), threads


def test_it_is_not_inert_by_itself(directory, library, server):
    """Or the tests below would prove nothing."""
    said, spans, threads = serve(directory, library, server)
    assert spans.count('"GET /"') == 3
    assert threads == 2
    assert len(said) == 2  # hello and accounts


@pytest.mark.parametrize("variable, value", [
    ("OTEL_SDK_DISABLED", "true"), ("OTEL_SDK_DISABLED", "TRUE"), ("OTEL_TRACES_ENABLED", "false"),
    ("OTEL_AGENT_EXECUTABLES_DENY", "nginx,small-*"),
    ("OTEL_AGENT_EXECUTABLES_ALLOW", "nginx,python*"),
])
def test_it_does_and_says_nothing_where_it_is_not_wanted(directory, library, server, variable,
                                                         value):
    said, spans, threads = serve(directory, library, server, **{variable: value})
    assert (said, spans, threads) == ([], "", 1)


def test_denial_wins_over_permission(directory, library, server):
    said, spans, _ = serve(directory, library, server, OTEL_AGENT_EXECUTABLES_ALLOW="small-server",
                           OTEL_AGENT_EXECUTABLES_DENY="small-server")
    assert (said, spans) == ([], "")


def test_no_exporter_means_no_thread(directory, library, server):
    _, spans, threads = serve(directory, library, server, OTEL_TRACES_EXPORTER="none")
    assert (spans, threads) == ("", 1)


# --- Privileged programs ---


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_setuid_program_is_left_alone(directory, library):
    program = directory / "cat"
    shutil.copy("/bin/cat", program)
    shutil.copy(library, directory / "libotelagent.so")
    os.chown(program, pwd.getpwnam("games").pw_uid, 0)
    for path in (program, directory / "libotelagent.so"):
        path.chmod(0o4755)
    reader = pwd.getpwnam("nobody").pw_uid
    variables = {"OTEL_LOG_LEVEL": "debug"}
    command = [program, "/proc/self/maps"]
    status, maps, error = run(command, directory / "libotelagent.so", "/", reader, **variables)
    assert status == 0
    assert b"libotelagent" not in maps  # the loader takes no preload by path here
    assert b"otelagent[" not in error


# --- Settings it can't read ---


@pytest.mark.parametrize("variable, value", [
    ("OTEL_BSP_SCHEDULE_DELAY", "soon"), ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
    ("OTEL_TRACES_SAMPLER", "sometimes"), ("OTEL_TRACES_SAMPLER_ARG", "7"),
    ("OTEL_TRACES_EXPORTER", "pigeon"), ("OTEL_PROPAGATORS", "telepathy"),
    ("OTEL_LOG_LEVEL", "loud"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "gopher://x"),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", "zip"), ("OTEL_RESOURCE_ATTRIBUTES", "nonsense"),
    ("OTEL_AGENT_SLOW_QUERY_MS", "-1"),
])
def test_a_value_it_cant_read_is_named_once(library, variable, value):
    status, output, error = run([PYTHON, "-c", "print('works')"], library, **{variable: value})
    assert (status, output) == (0, b"works\n")
    lines = error.decode().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("otelagent[") and ": warn: " in lines[0]
    assert variable in lines[0]
    if variable != "OTEL_RESOURCE_ATTRIBUTES":  # pairs may hold secrets
        assert value in lines[0]


def test_values_it_cant_read_leave_the_tracing_as_it_is(directory, library, server):
    said, spans, _ = serve(directory, library, server, OTEL_BSP_MAX_EXPORT_BATCH_SIZE="many",
                           OTEL_TRACES_SAMPLER="sometimes")
    assert spans.count('"GET /"') == 3
    assert len([line for line in said if ": warn: " in line]) == 2


def test_a_library_that_cant_be_loaded_stops_nothing(directory):
    """The loader's own message, and the program runs: as TROUBLESHOOTING says."""
    missing = directory / "libotelagent.so"
    status, output, error = run([sys.executable, "-c", "print('works')"], missing)
    assert (status, output) == (0, b"works\n")
    assert str(missing) in error.decode()
