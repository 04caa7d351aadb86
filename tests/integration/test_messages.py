# SPDX-License-Identifier: Apache-2.0
"""To whom the agent speaks: only to what is surely the program's standard error
(tests/programs/messages.c)."""

import contextlib
import fcntl
import itertools
import os
import subprocess
import tempfile
import urllib.request

import pytest

import life
import servers
from messages import (ALL, PATIENCE, SERVE, SETTINGS, STREAMS, Run, backend, gathering, joined,
                      preload, stream)


@pytest.fixture(scope="module")
def program(run_directory):
    return life.compile_program(run_directory / "messages", sources=["messages.c"])


# --- What is not standard error ---

DATA = ["put:2:one", *SERVE, "put:2:two"]
FILES = {"written": "w", "read-and-written": "rw", "appended": "a"}


def file_of(directory, how):
    return f"file:{directory / 'data'}:{FILES[how]}"


def compare(make, directory, library, steps, data, requests=2, **variables):
    """The same data, answers and status with and without the agent."""
    seen = []
    for traced in ({}, preload(library, directory, **variables)):
        path = directory / "data"
        path.unlink(missing_ok=True)
        seen.append((make(traced, requests)(*steps), path.read_bytes() if path.exists() else None))
    assert seen[0][0][0] == 0, seen[0]
    assert data is None or seen[0][1] == data, seen[0]
    assert seen[1] == seen[0]


@pytest.mark.parametrize("how", FILES)
def test_a_file_that_is_opened_as_2_is_data(directory, library, program, how):
    compare(lambda variables, requests: Run(program, directory, variables=variables,
                                            requests=requests),
            directory, library, ["file:/dev/null:rw", "file:/dev/null:rw", file_of(directory, how),
                                 *DATA], b"one\ntwo\n")


CLOSE = {"close": "close:2", "unseen": "unseen:2", "fclose": "fclose", "range": "range:2",
         "from": "from:2"}


@pytest.mark.parametrize("how", FILES)
@pytest.mark.parametrize("close", ["close", "unseen", "fclose"])
@pytest.mark.parametrize("first", ["pipe", "file", "terminal"])
def test_a_file_that_is_opened_in_the_place_of_standard_error_is_data(directory, library, program,
                                                                      how, close, first):
    """What is said before 2 is closed is said to standard error."""
    with contextlib.ExitStack() as stack:
        def make(variables, requests):
            streams = (subprocess.DEVNULL, subprocess.DEVNULL, stream(first, directory, stack).end)
            return Run(program, directory, streams, variables, requests)

        compare(make, directory, library, [CLOSE[close], file_of(directory, how), *DATA],
                b"one\ntwo\n")


@pytest.mark.parametrize("close", ["close", "fclose", "range", "from"])
def test_the_same_file_opened_again_is_data(directory, library, program, close):
    path = directory / "data"

    def make(variables, requests):
        with open(path, "wb") as file:
            end = os.dup(file.fileno())
        return Run(program, directory, (subprocess.DEVNULL, subprocess.DEVNULL, end), variables,
                   requests)

    seen = []
    for variables in ({}, preload(library, directory)):
        path.unlink(missing_ok=True)
        run = make(variables, 2)
        assert run(CLOSE[close], file_of(directory, "appended"), *DATA)[0] == 0
        os.close(run.streams[2])
        seen.append([line for line in path.read_bytes().splitlines()
                     if b"never_" not in line and b": otelagent 0" not in line])  # at start
    assert seen[0] == [b"one", b"two"]
    assert seen[1] == seen[0]


@pytest.mark.parametrize("kind", ["tcp", "udp", "unix"])
@pytest.mark.parametrize("begin", ["closed", "file", "dup2"])
def test_a_connection_as_2_is_the_other_ends(directory, library, program, kind, begin):
    seen = []
    log = directory / "log"
    for variables in ({}, preload(library, directory)):
        with backend(kind, directory) as (connect, got), open(log, "wb") as file:
            null = subprocess.DEVNULL
            streams = (None, None, None) if begin == "closed" else (null, null, file)
            first = {"closed": ["file:/dev/null:rw", "file:/dev/null:rw", connect],
                     "file": ["close:2", connect], "dup2": [connect, "dup2:3:2", "close:3"]}[begin]
            status = Run(program, directory, streams, variables, 2)(*first, *DATA)
        seen.append((status, b"".join(got)))
    assert seen[0][0][0] == 0
    assert seen[0][1] == b"one\ntwo\n"
    assert seen[1] == seen[0]


def test_a_pipe_that_the_program_made_is_its_own(directory, library, program):
    """Its ends are 1 and 2, also in a program that it executes."""
    compare(lambda variables, requests: Run(program, directory, variables=variables,
                                            requests=requests),
            directory, library, ["file:/dev/null:rw", "pipe", "put:2:one", "run", *SERVE,
                                 "put:2:two", f"drain:1:{directory / 'data'}"], b"one\ntwo\n")


def test_an_accepted_connection_as_2_gets_the_answer_alone(directory, library, program):
    compare(lambda variables, requests: Run(program, directory, variables=variables,
                                            requests=requests),
            directory, library, ["listen:port", "file:/dev/null:rw", "serve:2"], None)


@pytest.mark.parametrize("alone", [False, True], ids=["all", "standard-error-alone"])
@pytest.mark.parametrize("how", FILES)
def test_a_file_on_2_that_was_closed_alone_at_start_is_data(directory, library, program, how, alone):
    null = subprocess.DEVNULL
    streams = (null, null, None) if alone else (None, None, None)
    first = [] if alone else ["listen:other", "file:/dev/null:rw"]
    compare(lambda variables, requests: Run(program, directory, streams, variables, requests),
            directory, library, [*first, file_of(directory, how), *DATA], b"one\ntwo\n")


@pytest.mark.parametrize("run", ["run", "vrun", "system", "popen"])
@pytest.mark.parametrize("how", ["unix", "written", "appended", "read-and-written"])
def test_a_daemon_tells_whom_it_executes(directory, library, program, how, run):
    """All that it could see itself is usual: data as 2 behind two /dev/null."""
    seen = []
    for variables in ({}, preload(library, directory)):
        (directory / "data").unlink(missing_ok=True)
        with backend("unix", directory) as (connect, got):
            data = file_of(directory, how) if how in FILES else connect
            more = [connect] if how in FILES else []
            status = Run(program, directory, (None, None, None), variables, 2)(
                "file:/dev/null:rw", "file:/dev/null:rw", data, *more, "put:2:one", run,
                "put:2:two", run, *SERVE, "put:2:three")
        text = (directory / "data").read_bytes() if how in FILES else b"".join(got)
        seen.append((status, text))
    assert seen[0][0][0] == 0
    assert seen[0][1] == b"one\ntwo\nthree\n"
    assert seen[1] == seen[0]


@pytest.mark.parametrize("run", ["run", "vrun"])
def test_what_it_is_told_is_of_the_data_only(directory, library, program, run):
    """A program further down has standard error again."""
    log = directory / "log"
    status = Run(program, directory, (None, None, None), preload(library, directory), 2)(
        "file:/dev/null:rw", "file:/dev/null:rw", file_of(directory, "written"), "put:2:one", run,
        f"file:{log}:w", "dup2:3:2", run, *SERVE)
    assert status[0] == 0
    assert (directory / "data").read_bytes() == b"one\n"
    assert b"never_a_sampler" in log.read_bytes() and b"SERVER GET" in log.read_bytes()


@pytest.mark.parametrize("how", ["tcp", "udp", "unix", "written", "read-and-written"])
def test_a_program_that_such_a_daemon_executes_says_nothing_either(directory, library, program, how):
    """Under its own descriptors 0 and 1 a daemon has anything."""
    seen = []
    for variables in ({}, preload(library, directory)):
        (directory / "data").unlink(missing_ok=True)
        with backend("tcp" if how in FILES else how, directory) as (connect, got):
            # Kept by a name of its own, so that the listener's end is the connection's.
            data = file_of(directory, how) if how in FILES else connect
            more = [connect] if how in FILES else []
            status = Run(program, directory, (None, None, None), variables, 2)(
                "listen:other", "file:/dev/null:rw", data, *more, "put:2:one", "run",
                "put:2:two", *SERVE, "put:2:three")
        text = (directory / "data").read_bytes() if how in FILES else b"".join(got)
        seen.append((status, text))
    assert seen[0][0][0] == 0
    assert seen[0][1] == b"one\ntwo\nthree\n"
    assert seen[1] == seen[0]


def test_a_file_to_read_and_write_is_data_in_a_program_that_is_executed(directory, library, program):
    null = subprocess.DEVNULL
    compare(lambda variables, requests: Run(program, directory, (null, null, None), variables,
                                            requests),
            directory, library, [file_of(directory, "read-and-written"), "put:2:one", "run",
                                 *SERVE, "put:2:two"], b"one\ntwo\n")


# But not a pair as 1 and 2: so the journal, or a supervisor, takes both streams.
@pytest.mark.parametrize("kind, numbers", [
    ("pair", (0, 1, 2)), ("pair", (0, 2)), *itertools.product(["unix", "tcp"],
                                                              [(0, 1, 2), (0, 2), (1, 2)])],
    ids=str)
def test_a_socket_that_is_also_the_answer(directory, library, program, kind, numbers):
    """As inetd and its kin leave it."""
    seen = []
    for variables in ({}, preload(library, directory)):
        with contextlib.ExitStack() as stack:
            client, server = joined(kind, directory, stack)
            streams = tuple(server if number in numbers else subprocess.DEVNULL
                            for number in range(3))
            run = Run(program, directory, streams, variables, 2)
            with gathering(client, lambda end: end.recv(65536)) as got:
                status = run(*DATA)
                server.close()
            seen.append((status, b"".join(got)))
    assert seen[0][0][0] == 0
    assert seen[0][1] == b"one\ntwo\n"
    assert seen[1] == seen[0]


NODE = """
const child = require("child_process").spawn(process.execPath, ["-e", "process.send({one: 1})"], {
    stdio: ["ignore", "inherit", "ipc"]});
child.on("message", message => console.log(JSON.stringify(message)));
child.on("exit", status => console.log(status));
"""


def test_the_channel_of_a_child_of_node_is_nodes(directory, library):
    done = subprocess.run(["/usr/bin/env", "node", "-e", NODE], stdin=subprocess.DEVNULL,
                          env={**os.environ, **preload(library, directory)}, capture_output=True,
                          timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout) == (0, b'{"one":1}\n0\n'), done


@pytest.mark.parametrize("variable", ["NODE_CHANNEL_FD=2", "WAYLAND_SOCKET=2", "NEVER_FDS=1,2"],
                         ids=["node", "wayland", "list"])
@pytest.mark.parametrize("kind", ["pair", "pipe", "file"])
def test_what_the_environment_says_is_a_channel(directory, library, program, kind, variable):
    with contextlib.ExitStack() as stack:
        end = stream(kind, directory, stack)
        variables = {**preload(library, directory), **dict([variable.split("=")])}
        null = subprocess.DEVNULL
        assert Run(program, directory, (null, null, end.end), variables, 2)(*DATA)[0] == 0
        assert end.read() == b"one\ntwo\n"


def test_a_socket_that_something_was_sent_to_is_no_standard_error(directory, library, program):
    with contextlib.ExitStack() as stack:
        end = stream("pair", directory, stack)
        os.write(end.other, b"a question")
        null = subprocess.DEVNULL
        run = Run(program, directory, (null, null, end.end), preload(library, directory), 2)
        assert run(*DATA)[0] == 0
        assert end.read() == b"one\ntwo\n"


# --- What is ---


@pytest.fixture
def standard_error(request, directory):
    with contextlib.ExitStack() as stack:
        yield stream(request.param, directory, stack)


@pytest.mark.parametrize("standard_error", STREAMS, indirect=True)
def test_it_is_said_to_standard_error(directory, library, program, standard_error):
    """All of it, in whole lines, and the flags stay as they were."""
    null = subprocess.DEVNULL
    flags = fcntl.fcntl(standard_error.end, fcntl.F_GETFL)
    run = Run(program, directory, (null, null, standard_error.end), preload(library, directory), 2)
    assert run(*DATA)[0] == 0
    assert fcntl.fcntl(standard_error.end, fcntl.F_GETFL) == flags
    lines = standard_error.read().decode().splitlines()
    for part in ("never_a_sampler", "never_one", "OTEL_AGENT_HTTP_ROUTES", "trace ", "SERVER GET",
                 "can't export spans", "spans ended 2"):
        assert [line for line in lines if part in line], (part, lines)
    assert [line for line in lines if line in ("one", "two")] == ["one", "two"]
    assert not [line for line in lines if "could not be written" in line]


@pytest.mark.parametrize("variable", ["LISTEN_FDS=2", "BASH_XTRACEFD=2", "NOTIFY_SOCKET=/run/2/n",
                                      "NEVER_FD=12", "NEVER=2"], ids=range(5))
@pytest.mark.parametrize("standard_error", ["pair"], indirect=True)
def test_what_the_environment_says_is_something_else(directory, library, program, standard_error,
                                                     variable):
    variables = {**preload(library, directory), **dict([variable.split("=")])}
    null = subprocess.DEVNULL
    run = Run(program, directory, (null, null, standard_error.end), variables)
    assert run("put:2:one") == (0, [])
    assert b"never_a_sampler" in standard_error.read()


def test_it_is_said_to_the_pipes_that_node_makes(directory, library, program):
    """They are socket pairs."""
    script = ("const child = require('child_process').spawn(process.argv[1], ['put:2:one']);"
              "child.stderr.on('data', piece => process.stdout.write(piece));")
    done = subprocess.run(["/usr/bin/env", "node", "-e", script, program], stdin=subprocess.DEVNULL,
                          env={**os.environ, **preload(library, directory)}, capture_output=True,
                          timeout=PATIENCE, check=False)
    assert done.returncode == 0 and b"one\n" in done.stdout, done
    assert b"never_a_sampler" in done.stdout, done


@pytest.mark.parametrize("standard_error", ["pipe", "pair"], indirect=True)
def test_any_number_of_processes_say_it_to_one_reader(directory, library, program, standard_error):
    null = subprocess.DEVNULL
    for _ in range(20):
        run = Run(program, directory, (null, null, standard_error.end), preload(library, directory))
        assert run("put:2:one") == (0, [])
        assert b"never_a_sampler" in standard_error.read()


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("standard_error", ["pipe"], indirect=True)
def test_each_setting_is_warned_about(directory, library, program, standard_error, name):
    null = subprocess.DEVNULL
    variables = {"LD_PRELOAD": str(library), "OTEL_TRACES_EXPORTER": "otlp", **SETTINGS[name]}
    assert Run(program, directory, (null, null, standard_error.end), variables)("listen:port") == (
        0, [])
    (variable, _), = SETTINGS[name].items()
    [*said] = standard_error.read().splitlines()
    assert len([line for line in said if variable.encode() in line]) == 1, said


def test_output_and_error_may_be_one_file_that_is_read_too(directory, library, program):
    with open(directory / "log", "w+b") as log:
        run = Run(program, directory, (subprocess.DEVNULL, log, log), preload(library, directory))
        assert run("put:1:out", "put:2:error") == (0, [])
    said = (directory / "log").read_bytes()
    assert said.count(b"never_a_sampler") == 1 and said.endswith(b"out\nerror\n")


@pytest.mark.parametrize("kind", ["file", "appended", "pipe", "terminal"])
@pytest.mark.parametrize("begin", ["closed", "null", "pipe"])
def test_what_dup2_puts_there_is_the_programs_log(directory, library, program, kind, begin):
    """nginx and others begin so. A file is what was opened under another number."""
    with contextlib.ExitStack() as stack:
        log = stream(kind, directory, stack)
        first = stream("pipe", directory, stack).end
        null = subprocess.DEVNULL
        last = {"closed": None, "null": null, "pipe": first}[begin]
        run = Run(program, directory, (null, null, last), preload(library, directory), 2,
                  kept=(log.end,))
        steps = ["file:/dev/null:rw"] if begin == "closed" else []
        assert run(*steps, f"dup2:{log.end}:2", f"close:{log.end}", *DATA)[0] == 0
        said = log.read()
    for part in (b"SERVER GET", b"spans ended 2", b"one", b"two"):
        assert part in said, said


def test_it_is_said_into_a_file_without_a_name(directory, library, program):
    """As a program's words are collected by the one that starts it."""
    with tempfile.TemporaryFile(dir=directory) as log:
        run = Run(program, directory, (subprocess.DEVNULL, subprocess.DEVNULL, log),
                  preload(library, directory), 2)
        assert run(*SERVE)[0] == 0
        log.seek(0)
        assert b"spans ended 2" in log.read()


@pytest.mark.parametrize("begin", ["closed", "null", "pipe"])
def test_a_file_that_freopen_puts_there_is_the_programs_log(directory, library, program, begin):
    """By a dup3() inside libc, that no hook sees."""
    log = directory / "log"
    with contextlib.ExitStack() as stack:
        first = stream("pipe", directory, stack).end
        null = subprocess.DEVNULL
        last = {"closed": None, "null": null, "pipe": first}[begin]
        run = Run(program, directory, (null, null, last), preload(library, directory), 2)
        assert run(f"freopen:{log}", *DATA)[0] == 0
    said = log.read_bytes()
    for part in (b"SERVER GET", b"spans ended 2", b"one", b"two"):
        assert part in said, said


@pytest.mark.parametrize("standard_error", ["pipe"], indirect=True)
def test_what_a_child_of_vfork_does_changes_nothing(directory, library, program, standard_error):
    """It has descriptors of its own, but our memory."""
    null = subprocess.DEVNULL
    run = Run(program, directory, (null, null, standard_error.end), preload(library, directory), 2)
    assert run("vfork", *SERVE)[0] == 0
    assert b"spans ended 2" in standard_error.read()


def test_a_standard_error_that_comes_back_is_known_again(directory, library, program):
    with contextlib.ExitStack() as stack, backend("tcp", directory) as (connect, got):
        log = stream("journal", directory, stack)
        run = Run(program, directory, (subprocess.DEVNULL, subprocess.DEVNULL, log.end),
                  preload(library, directory), 2)
        assert run("dup:2", connect, "dup2:4:2", "listen:port", "dup2:3:2", "serve:2")[0] == 0
        said = log.read()
    assert b"spans ended 2" in said
    assert not got


def test_nginx_says_it_into_its_error_log(directory, library):
    tracing = servers.Tracing(library, directory, "nginx",
                              {**ALL, "OTEL_TRACES_EXPORTER": "console"})
    with servers.Nginx(directory, tracing=tracing, workers=1) as running:
        for _ in range(3):
            with urllib.request.urlopen(f"http://127.0.0.1:{running.port}/small.txt") as answer:
                assert answer.status == 200
        log = directory / "nginx" / "nginx-error.log"
        running.wait_until(lambda: log.read_text().count("SERVER GET") >= 3, "trees in its log")
    assert "spans ended" in log.read_text()
