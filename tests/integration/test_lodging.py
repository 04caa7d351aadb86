# SPDX-License-Identifier: Apache-2.0
"""Children that answer one request leave its span to their parent, and do nothing else for it."""

import collections
import concurrent.futures
import contextlib
import os
import pathlib
import re
import shlex
import signal
import socket
import subprocess
import time

import pytest

import accounts
import life
import servers
from test_forks import CLIENTS, Forking, ask_all, ask_and_close, c_program, lost, mixin, wait_for

WARM = 3  # requests until the parent has seen that its children answer
ASKED = 40


@pytest.fixture
def traced(library, directory, collector):
    return servers.Tracing(library, directory, "lodging", {
        "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
        "OTEL_LOG_LEVEL": "info", "OTEL_BSP_SCHEDULE_DELAY": "2000"})


def ask_one_by_one(server, numbers):
    for number in numbers:
        ask_and_close(server.port, number)


def by_process(log):
    """Process id → the system calls it made, a line each."""
    calls = collections.defaultdict(list)
    for line in pathlib.Path(log).read_text(errors="replace").splitlines():
        pid, call = line.split(None, 1)
        calls[int(pid)].append(call)
    return calls


def resources(collector):
    """url.path of each server span → (attributes of its resource, its own)."""
    found = {}
    for post in collector.posts:
        for resource in post.request.resource_spans if post.stored else ():
            process = {each.key: each.value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    own = {each.key: each.value for each in span.attributes}
                    found.setdefault(own["url.path"].string_value.lstrip("/"), []).append(
                        (process, own))
    return found


@pytest.mark.parametrize("state", ["file", "none"])
def test_a_child_makes_no_file_thread_or_connection(traced, directory, collector, state):
    if state == "none":
        traced.variables["OTEL_AGENT_STATE_DIR"] = "none"
    log = directory / "strace"
    command = [servers.program("strace"), "-D", "-f", "-qq", "-o", log, "-e",
               "trace=clone,clone3,fork,vfork,openat,open,socket,connect,getdents64,flock",
               *c_program()]
    with Forking(command, directory, traced) as server:
        ask_one_by_one(server, range(WARM + ASKED))
        wait_for(collector, server, WARM + ASKED)
        pids = {number: process["process.pid"].int_value
                for number, [(process, _)] in resources(collector).items()}
    calls = by_process(log)
    for number in range(WARM, WARM + ASKED):
        assert calls[pids[str(number)]] == [], (number, calls[pids[str(number)]])
    assert "CLONE_THREAD" in log.read_text()  # the parent's: strace sees such calls


@pytest.mark.parametrize("command", [c_program, mixin], ids=["C", "ForkingMixIn"])
def test_spans_are_sent_together_and_say_whose_they_are(traced, directory, collector, command):
    with Forking(command(), directory, traced) as server:
        ask_one_by_one(server, range(WARM))
        ask_all(server, 200)
        wait_for(collector, server, WARM + 200)
        posts = len(collector.posts)
        found = [one for many in resources(collector).values() for one in many]
        parent = server.process.pid
    assert posts < 60, lost(collector, server, WARM + 200)
    processes = [(process["process.pid"].int_value, process["service.instance.id"].string_value)
                 for process, _ in found]
    assert len(set(processes)) == len(processes) == WARM + 200
    assert {process["process.parent_pid"].int_value for process, _ in found} == {parent}
    assert {process["service.name"].string_value for process, _ in found} == {"lodging"}
    total = accounts.read(server.said())
    assert total.queue_full == total.failed == total.abandoned == 0


def half(port, path):
    connection = socket.create_connection(("127.0.0.1", port), 60)
    connection.sendall(f"POST /{path} HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
                       "Connection: close\r\n\r\nha".encode())
    return connection


SLOW = """
import os, signal, socket, sys

signal.signal(signal.SIGCHLD, signal.SIG_DFL)
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=128)
while True:
    connection, _ = listener.accept()
    if os.fork() == 0:
        got = connection.recv(4096)
        while got.startswith(b"POST") and not got.endswith(b"half"):
            got += connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
        connection.close()
        os._exit(0)
    connection.close()
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
"""


def slow():
    return [servers.program("python3"), "-c", SLOW, "PORT"]


def test_a_child_that_is_killed_is_reported_by_its_parent(traced, directory, collector):
    with Forking(slow(), directory, traced) as server:
        ask_one_by_one(server, range(WARM))
        before = set(servers.children(server.process.pid))
        with half(server.port, "killed"):
            [child] = server.wait_until(
                lambda: set(servers.children(server.process.pid)) - before, "child")
            time.sleep(0.5)  # it has read the head
            os.kill(child, signal.SIGKILL)
            server.wait_until(lambda: ask_and_close(server.port, 100) or
                              child not in servers.children(server.process.pid), "its end")
        collector.wait_for(lambda: "killed" in resources(collector), "span of the killed child")
        [(process, attributes)] = resources(collector)["killed"]
    assert process["process.pid"].int_value == child
    assert attributes["error.type"].string_value == "SIGKILL"
    assert set(collector.stored().values()) == {1}


def test_a_parent_that_is_killed_takes_no_span_along(traced, directory, collector):
    """Those of its children wait in its file; who is at work then sends its own."""
    traced.variables["OTEL_BSP_SCHEDULE_DELAY"] = "60000"
    with Forking(slow(), directory, traced) as server:
        ask_one_by_one(server, range(WARM + ASKED))
        with half(server.port, "late") as connection:
            time.sleep(0.5)
            server.process.kill()
            server.process.wait()
            connection.sendall(b"lf")
            assert life.receive(connection).startswith(b"HTTP/1.1 200")
    traced.variables["OTEL_BSP_SCHEDULE_DELAY"] = "1000"
    with Forking(slow(), directory, traced) as server:
        ask_and_close(server.port, "next")
        collector.wait_for_spans(WARM + ASKED + 2)
    found = resources(collector)
    assert sorted(found) == sorted([*map(str, range(WARM + ASKED)), "late", "next"])
    assert set(collector.stored().values()) == {1}
    pids = {process["process.pid"].int_value for many in found.values() for process, _ in many}
    assert len(pids) == len(found)


ENDS = SLOW.replace("while True:", "for _ in range(int(sys.argv[2])):")


def test_a_parent_that_ends_waits_for_no_request_and_loses_none(traced, directory, collector):
    command = [servers.program("python3"), "-c", ENDS, "PORT", str(WARM + 4)]  # and a probe
    with Forking(command, directory, traced) as server:
        ask_one_by_one(server, range(WARM + 1))
        with half(server.port, "late") as connection:
            time.sleep(0.3)
            ask_and_close(server.port, "last")
            server.process.wait(30)
            connection.sendall(b"lf")
            assert life.receive(connection).startswith(b"HTTP/1.1 200")
        collector.wait_for_spans(WARM + 3)
    assert set(collector.stored().values()) == {1}
    assert "late" in resources(collector)


def test_a_child_that_goes_on_has_its_own(traced, directory, collector):
    """On one connection, 300 requests: more than one would leave to its parent."""
    source = SLOW.replace("        got = connection.recv(4096)\n",
                          "        for _ in range(299):\n"
                          "            connection.recv(4096)\n"
                          "            connection.sendall(b'HTTP/1.1 200 OK\\r\\n'\n"
                          "                               b'Content-Length: 0\\r\\n\\r\\n')\n"
                          "        got = connection.recv(4096)\n")
    command = [servers.program("python3"), "-c", source, "PORT"]
    with Forking(command, directory, traced) as server:
        for _ in range(WARM):
            with socket.create_connection(("127.0.0.1", server.port), 20) as connection:
                for number in range(300):
                    connection.sendall(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number)
                    assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        wait_for(collector, server, 300 * WARM)
    assert set(collector.stored().values()) == {1}
    pids = {process["process.pid"].int_value
            for many in resources(collector).values() for process, _ in many}
    assert len(pids) == WARM
    total = accounts.read(server.said())
    assert total.queue_full == total.failed == total.abandoned == 0


ANOTHER = SLOW.replace("    if os.fork() == 0:\n        got = connection.recv(4096)\n", '''
    if os.fork() == 0:
        got = connection.recv(4096)
        if b"handed" in got:
            os.dup2(connection.fileno(), 1)
        if b"handed" in got or b"replaced" in got:
            os.execv("/bin/sh", ["sh", "-c", "echo 'HTTP/1.1 200 OK\\r\\n\\r'"])
        try:
            os.execv("/none", ["none"] if b"failed" in got else [])
        except (OSError, ValueError):
            pass
        if b"failed" in got:
            os._exit(0)
''')


def test_a_child_that_becomes_another_program_has_not_ended(traced, directory, collector):
    """Which may have answered, if it has the connection."""
    command = [servers.program("python3"), "-c", ANOTHER, "PORT"]
    with Forking(command, directory, traced) as server:
        ask_one_by_one(server, range(WARM))
        ask_and_close(server.port, "handed")
        assert life.ask(server.port, "replaced") == b""
        assert life.ask(server.port, "failed") == b""
        ask_and_close(server.port, "reaps")
        time.sleep(2)
        ask_and_close(server.port, "stays")
        wait_for(collector, server, WARM + 5)
    ends = {path: attributes for path, [(_, attributes)] in resources(collector).items()}
    assert ends["handed"]["otelagent.incomplete"].bool_value
    assert "error.type" not in ends["handed"]
    assert ends["replaced"]["error.type"].string_value == "connection_aborted"
    assert ends["failed"]["error.type"].string_value == "process_ended"
    assert "error.type" not in ends["stays"]


TWICE = SLOW.replace("    if os.fork() == 0:\n        got = connection.recv(4096)\n", '''
    if os.fork() == 0:
        got = connection.recv(4096)
        if b"twice" in got:
            if os.fork():
                os._exit(0)
            time.sleep(4)
''').replace("import os", "import os, time")


def test_a_request_that_a_grandchild_answers_late_is_told_of_once(traced, directory, collector):
    """Its parent has ended and been told of; others have had its place since."""
    command = [servers.program("python3"), "-c", TWICE, "PORT"]
    with Forking(command, directory, traced) as server:
        ask_one_by_one(server, range(WARM))
        with socket.create_connection(("127.0.0.1", server.port), 60) as connection:
            connection.sendall(b"GET /twice HTTP/1.1\r\nHost: a\r\n\r\n")
            time.sleep(0.3)
            ask_one_by_one(server, range(10, 12))  # it is asked how the child ended
            time.sleep(2.2)
            ask_one_by_one(server, range(20, 23))
            assert life.receive(connection).startswith(b"HTTP/1.1 200")
        ask_and_close(server.port, "after")
        wait_for(collector, server, WARM + 7)
        time.sleep(2.5)
    assert set(collector.stored().values()) == {1}


# --- A directory full of what others left ---

SHORT = """
import socket, time
listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname())
served, _ = listener.accept()
client.sendall(b"GET /a HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
served.recv(4096)
served.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
client.recv(4096)
time.sleep(0.5)  # or it ends before its thread looks around
"""


def test_what_others_left_is_looked_at_by_one(library, directory, collector):
    """Of a hundred short processes the others would do nothing else."""
    tracing = life.tracing(library, directory, collector, OTEL_BSP_SCHEDULE_DELAY="50")
    killed = SHORT + "\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"
    environment = {**os.environ, **tracing.environment()}
    subprocess.run([servers.program("python3"), "-c", killed], check=False,
                   env={**environment, "OTEL_BSP_SCHEDULE_DELAY": "60000"})
    [left] = tracing.left
    name = re.fullmatch(r"(otelagent-)([0-9a-f]{16})(-.*-)([0-9a-f]{8})", left.name)
    for number in range(60):
        copy = left.with_name(f"{name[1]}{'f' * 16}{name[3]}{number:08x}")
        copy.write_bytes(left.read_bytes())
        copy.chmod(0o600)
    looks = []
    for number in range(3):
        log = directory / f"strace{number}"
        subprocess.run([servers.program("strace"), "-f", "-qq", "-o", log, "-e", "trace=flock",
                        servers.program("python3"), "-c", SHORT], env=environment, check=True)
        looks.append(log.read_text().count("LOCK_EX"))
    assert looks[0] >= 60
    assert max(looks[1:]) < 10, looks


# --- Who forks, but has no spans ---


@pytest.mark.parametrize("talks", ["telnet", "unsampled"])
def test_a_parent_whose_children_have_no_spans_stays_as_it_is(traced, directory, talks):
    if talks == "unsampled":
        traced.variables["OTEL_TRACES_SAMPLER"] = "always_off"
    with Forking(slow(), directory, traced) as server:
        for number in range(5):
            with socket.create_connection(("127.0.0.1", server.port), 20) as connection:
                connection.sendall(b"hello\r\n" if talks == "telnet" else life.request(str(number)))
                assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        threads = os.listdir(f"/proc/{server.process.pid}/task")
    assert len(threads) == 1
    assert not traced.left


# --- A file system that fills up later ---

MIXED = """
import os, socket, sys, time

listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=128)
held = []
while True:
    connection, _ = listener.accept()
    with open(sys.argv[2]) as file:
        kind = file.read()
    if kind in ("held", "here"):
        connection.recv(4096)
        if kind == "held":
            held.append(connection)
            continue
    elif os.fork() == 0:
        time.sleep(3 if kind == "late" else 0)
        connection.recv(4096)
        time.sleep({"slow": 0.5, "slower": 5}.get(kind, 0))
        connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
        os._exit(0)
    if kind == "here":
        connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
    connection.close()
    try:
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            print("status", ended[1], flush=True)
    except ChildProcessError:
        pass
"""



def become(directory, kind):
    """How the server treats connections from now on."""
    (directory / "kind").write_text(kind)


@contextlib.contextmanager
def on_a_small_disk(traced, directory):
    """A server whose state directory has 8 MB, and that directory as seen from here."""
    command = [servers.program("python3"), "-c", MIXED, "PORT", directory / "kind"]
    mount = f"mount -t tmpfs -o size=8m,mode=1777 none {shlex.quote(str(traced.state))}"
    traced.variables |= {"OTEL_BSP_MAX_QUEUE_SIZE": "2048", "OTEL_BSP_SCHEDULE_DELAY": "100"}
    become(directory, "forked")
    with Forking([*life.world(mount), *command], directory, traced) as server:
        for number in range(5):
            ask_and_close(server.port, f"before{number}")
        yield server, pathlib.Path(f"/proc/{server.process.pid}/root{traced.state}")


def fill(directory):
    with open(directory / "fill", "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def test_a_disk_that_fills_up_does_not_stop_a_parent_that_answers_too(traced, directory, collector):
    """Its queue can't grow in the file, but in memory, once no child writes there."""
    with on_a_small_disk(traced, directory) as (server, state):
        fill(state)
        become(directory, "here")
        for number in range(1000):  # 256 KB of queue are some 400
            ask_and_close(server.port, number)
        become(directory, "forked")
        ask_and_close(server.port, "after")
        wait_for(collector, server, 1006)
    assert set(collector.stored().values()) == {1}


def test_a_full_disk_kills_no_child_that_was_forked_before(traced, directory, collector):
    """The parent needs more memory for requests than the file has; where children have places they
    all see the same."""
    with on_a_small_disk(traced, directory) as (server, state):
        fill(state)
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
            def ask(kind, count):
                become(directory, kind)
                begun = [clients.submit(ask_and_close, server.port, f"{kind}{number}")
                         for number in range(count)]
                time.sleep(0.4)
                return begun

            asked = ask("late", 2)
            become(directory, "held")
            held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(12)]
            for connection in held:
                connection.sendall(b"GET /held HTTP/1.1\r\nHost: a\r\n\r\n")
            time.sleep(0.4)
            asked += ask("slower", 1) + ask("slow", 6)
            for each in asked:
                each.result()
        become(directory, "forked")
        ask_and_close(server.port, "after")
        wait_for(collector, server, 15)
        for connection in held:
            connection.close()
    assert set(re.findall("status .*", server.said())) == {"status 0"}


# --- A child that becomes another user ---

BECOMES = SLOW.replace("        got = connection.recv(4096)\n",
                       "        os.setuid(65534)\n"
                       "        got = connection.recv(4096)\n"
                       "        maps = open('/proc/self/maps').read()\n"
                       "        print('mapped', maps.count(sys.argv[2]), flush=True)\n")


def test_a_child_that_becomes_another_user_has_nothing_of_its_parents(traced, directory, collector):
    parents = traced.state / f"otelagent-{os.geteuid()}"
    command = [servers.program("python3"), "-c", BECOMES, "PORT", parents]
    with Forking(command, directory, traced) as server:
        ask_one_by_one(server, range(WARM + 3))
        collector.wait_for_spans(WARM + 3)
        mapped = re.findall(r"mapped (\d+)", server.said())
        assert str(parents) in pathlib.Path(f"/proc/{server.process.pid}/maps").read_text()
    assert len(mapped) > WARM and set(mapped) == {"0"}, mapped
    assert set(collector.stored().values()) == {1}
