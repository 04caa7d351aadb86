# SPDX-License-Identifier: Apache-2.0
"""What an attacker would try: memory that is writable and executable, files of ours in his place,
header lines that hold more than one, a privileged program. And that agent/SECURITY.md lists all
system calls that the agent's thread makes."""

import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import time

import pytest

import servers
import small

SECRET = "hunter2"
NOBODY = pwd.getpwnam("nobody").pw_uid
INJECTED = "X-Injected"


@pytest.fixture(scope="module")
def program(run_directory):
    return small.compile_server(run_directory / "secure-server")


@pytest.fixture
def start(directory, library, program, collector):
    started = []

    def begin(before=(), **variables):
        tracing = servers.Tracing(library, directory, "secure", {
            "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "OTEL_LOG_LEVEL": "debug", **variables})
        started.append(small.Small(directory, [*before, str(program)], tracing,
                                   f"server-{len(started)}"))
        started[-1].state = tracing.state
        return started[-1]

    yield begin
    for server in started:
        server.stop(check=False)


def ask(server, times=1, **headers):
    connection = server.connect()
    for _ in range(times):
        small.ask(connection, **headers)
    connection.close()


def readelf(library, option):
    return subprocess.run(["readelf", "-W", option, library], check=True, capture_output=True,
                          text=True).stdout


# --- Memory ---


def test_the_object_asks_for_no_executable_stack_and_full_relro(library):
    segments = [line.split() for line in readelf(library, "-l").splitlines()
                if re.match(r" +(LOAD|GNU_STACK|GNU_RELRO) ", line)]
    kinds = {fields[0]: "".join(fields[6:-1]) for fields in segments}
    assert "E" not in kinds["GNU_STACK"] and "GNU_RELRO" in kinds
    loaded = ["".join(fields[6:-1]) for fields in segments if fields[0] == "LOAD"]
    assert sorted(loaded) == ["R", "R", "RE", "RW"]
    dynamic = readelf(library, "-d")
    assert "BIND_NOW" in dynamic or re.search(r"FLAGS_1.*\bNOW\b", dynamic)
    assert "TEXTREL" not in dynamic and "RPATH" not in dynamic and "RUNPATH" not in dynamic


def permissions(pid):
    lines = pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines()
    return [(fields[1], fields[5] if len(fields) > 5 else "")
            for fields in (line.split(None, 5) for line in lines)]


def test_no_memory_is_writable_and_executable(start, collector, library):
    server = start()
    ask(server, 10)
    collector.wait_for_spans(10)
    maps = permissions(server.process.pid)
    assert not [each for each in maps if "w" in each[0] and "x" in each[0]]
    assert [rights for rights, name in maps if name == str(library)].count("r-xp") == 1
    assert not [each for each in maps if "x" in each[0] and not each[1]]  # none without a name


# --- Privileged programs ---


@pytest.mark.parametrize("privileged", [False, True])
def test_a_privileged_program_that_is_linked_with_the_agent_ignores_the_environment(
        run_directory, directory, library, privileged):
    """The loader keeps a preload away from it; this one asks for the agent itself."""
    if os.geteuid() != 0:
        pytest.fail("needs root, to make a program privileged")
    place = run_directory / f"linked-{privileged}"
    place.mkdir(mode=0o755)
    shutil.copy(library, place / "libotelagent.so")
    binary = place / "server"
    subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-o", binary,
                    servers.PROGRAMS / "server.c", "-Wl,--no-as-needed",
                    f"-Wl,-rpath,{place}", place / "libotelagent.so"], check=True)
    if privileged:
        os.chown(binary, pwd.getpwnam("games").pw_uid, 0)
        binary.chmod(0o4755)
    tracing = servers.Tracing(library, directory, "linked", {"OTEL_LOG_LEVEL": "debug"})
    variables = {name: value for name, value in tracing.environment().items()
                 if name != "LD_PRELOAD"}
    log = directory / "said"
    with open(log, "wb") as output:
        process = subprocess.Popen([binary, "0"], env={"PATH": "/usr/bin:/bin", **variables},
                                   stdout=output, stderr=output, user=NOBODY, cwd="/")
    try:
        deadline = time.monotonic() + 20
        while not (ports := [line for line in log.read_text().splitlines() if line.isdigit()]):
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.01)
        with socket.create_connection(("127.0.0.1", int(ports[0])), timeout=servers.PATIENCE_SECONDS) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        maps = pathlib.Path(f"/proc/{process.pid}/maps").read_text()
        assert str(place / "libotelagent.so") in maps
        threads = len(os.listdir(f"/proc/{process.pid}/task"))
    finally:
        process.terminate()
        process.wait(servers.PATIENCE_SECONDS)
    said = [line for line in log.read_text().splitlines() if line != ports[0]]
    spans = tracing.file.read_text()
    assert (said == [] and spans == "" and threads == 1) == privileged
    assert not privileged or not list(tracing.state.iterdir())


# --- Files ---


def test_files_are_for_their_user_alone(start, directory, library, program):
    tracing = servers.Tracing(library, directory, "own", {})
    tracing.file.unlink()
    before = os.umask(0)
    try:
        with small.Small(directory, program, tracing, "own") as server:
            ask(server)
            server.wait_until(tracing.file.exists, "file of spans")
            [own] = tracing.state.iterdir()
            made = [tracing.file, own, *tracing.left]
            assert [oct(stat.S_IMODE(path.stat().st_mode)) for path in made] == [
                oct(0o600), oct(0o700), oct(0o600)]
    finally:
        os.umask(before)


def kill(server):
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait(servers.PATIENCE_SECONDS)
    [left] = server.state.glob("otelagent-*/otelagent-*")
    return left


def planted_owner(left, elsewhere):
    os.chown(left, NOBODY, -1)
    return left


def planted_mode(left, elsewhere):
    left.chmod(0o666)
    return left


def planted_link(left, elsewhere):
    left.rename(elsewhere)
    left.symlink_to(elsewhere)
    return elsewhere


def planted_second_name(left, elsewhere):
    os.link(left, elsewhere)
    return left


@pytest.mark.parametrize("plant", [planted_owner, planted_mode, planted_link, planted_second_name])
def test_what_somebody_else_may_have_written_is_not_sent(start, collector, directory, plant):
    first = start(OTEL_BSP_SCHEDULE_DELAY="60000")
    ask(first, 7)
    left = kill(first)
    content = left.read_bytes()
    time.sleep(0.2)
    sent = len(collector.stored())  # none, unless its thread began so late that spans waited
    file = plant(left, directory / "elsewhere")
    second = start()
    ask(second, 2)
    collector.wait_for_spans(sent + 2)
    second.stop()
    assert sent < 7 and len(collector.stored()) == sent + 2
    assert left.exists() and file.read_bytes() == content


def test_what_is_left_untouched_is_sent(start, collector):
    """Or the test above would prove nothing."""
    first = start(OTEL_BSP_SCHEDULE_DELAY="60000")
    ask(first, 7)
    left = kill(first)
    second = start()
    ask(second, 2)
    collector.wait_for_spans(9)
    second.stop()
    assert len(collector.stored()) == 9 and not left.exists()


# --- Words ---


def test_a_setting_adds_no_header_line_to_an_export(start, collector):
    server = start(OTEL_EXPORTER_OTLP_HEADERS=(
        f"X-One=1%0d%0a{INJECTED}: 1,X-Two=2\r\n{INJECTED}: 2,X-Three=3%0A{INJECTED}:3,"
        f"X-Four%0d%0a{INJECTED}=4,X-Five=5"))
    ask(server)
    collector.wait_for_spans(1)
    [post, *_] = collector.posts
    assert not [name for name in post.headers if name.lower() == INJECTED.lower()]
    assert {name.lower(): value for name, value in post.headers.items()}["x-five"] == "5"


def test_secrets_of_settings_are_not_logged(start, directory):
    port = servers.free_port()
    server = start(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://me:{SECRET}@127.0.0.1:{port}/?token={SECRET}",
                   OTEL_EXPORTER_OTLP_HEADERS=f"Authorization=Bearer {SECRET},{SECRET}",
                   OTEL_RESOURCE_ATTRIBUTES="nonsense")
    ask(server, 3, Authorization=f"Bearer {SECRET}")
    server.wait_until(lambda: "can't export" in server.log.read_text(), "failure")
    server.stop()
    assert server.said and not [line for line in server.said if SECRET in line]


# --- System calls ---


def published():
    """What the page's block lists."""
    text = (servers.TREE / "agent" / "SECURITY.md").read_text()
    block = re.search(r"The thread named `otelagent` uses only\n\n```\n(.*?)```", text, re.DOTALL)
    return set(re.sub(r"#.*", "", block.group(1)).split())


def test_the_header_and_the_page_name_the_same_calls():
    text = (servers.TREE / "exporter" / "exporter.h").read_text()
    sentence = re.search(r"uses these system calls only(.*?); and what", text, re.DOTALL).group(1)
    words = set(re.findall(r"\b[a-z][a-z0-9_]+\b", sentence))
    assert len(published()) > 20 and published() <= words
    assert words - published() <= set("so that program seccomp filter can allow them its name for "
                                      "what processes leave to others of the library any "
                                      "thread and where no filter is in force".split())


def calls_of_thread(log, name="otelagent"):
    """The calls of threads that gave themselves that name, by strace -f."""
    lines = [line.split(None, 1) for line in log.read_text().splitlines()]
    threads = {thread for thread, text in lines if f'PR_SET_NAME, "{name}"' in text}
    assert threads
    return {re.match(r"[a-z0-9_]+", text).group() for thread, text in lines
            if thread in threads and re.match(r"[a-z0-9_]+\(", text)}


def strace(log, tracing):
    command = [servers.program("strace"), "-f", "-qq", "-o", log]
    for variable, value in tracing.environment().items():
        command += ["-E", f"{variable}={value}"]
    return command


@pytest.mark.parametrize("answering", [True, False])
def test_the_thread_makes_the_published_system_calls_only(start, collector, directory, library,
                                                          program, answering):
    first = start(OTEL_BSP_SCHEDULE_DELAY="60000")
    ask(first, 3)
    kill(first)
    if not answering:
        collector.stop()
    log = directory / "strace"
    tracing = servers.Tracing(library, directory, "secure", {
        "OTEL_TRACES_EXPORTER": "otlp,file", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint})
    with small.Small(directory, [*strace(log, tracing), str(program)], name="straced") as server:
        ask(server, 50)
        server.wait_until(lambda: tracing.file.stat().st_size, "spans in the file")
        os.kill(int(log.read_text().split(None, 1)[0]), signal.SIGTERM)
        server.process.wait(servers.PATIENCE_SECONDS)
        server.stop(check=False)
    made = calls_of_thread(log)
    assert {"futex", "write", "socket", "connect"} <= made
    assert made <= published(), made - published()


@pytest.mark.parametrize("wrap, answering, made_once", [
    ([], True, "recvfrom"), ([], False, "read"), (["prlimit", "--fsize=1000000"], False, "mkdir")],
    ids=["answering", "away", "away-without-a-file"])
def test_so_does_that_of_a_program_that_never_listens(directory, library, collector, program, wrap,
                                                      answering, made_once):
    """It may be the first thing of ours to do what a server's other threads do before: to say
    something, for which it reads whose tree this is, and makes the directory of the note."""
    if not answering:
        collector.stop()
    log = directory / "strace"
    tracing = servers.Tracing(library, directory, "client", {
        "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint})
    with small.Small(directory, str(program), name="web") as web:
        client = subprocess.run(
            [*strace(log, tracing), *wrap, servers.program("curl"), "-sS",
             f"http://127.0.0.1:{web.port}/"],
            check=True, capture_output=True, text=True, timeout=servers.PATIENCE_SECONDS)
    assert ("can't export" in client.stderr) != answering, client.stderr
    made = calls_of_thread(log)
    assert {"futex", "socket", "connect", made_once} <= made
    assert made <= published(), made - published()
