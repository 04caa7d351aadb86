# SPDX-License-Identifier: Apache-2.0
"""Programs that become another program: that takes no longer than without the agent, whatever the
collector does, and their spans arrive once."""

import statistics
import time

import pytest

import ending
import servers
import sink
import small
from ending import answer_with, ask, go_away, hang, once_each, said

EXECS = """
import os, socket, sys, time

def serve():
    connection, _ = listener.accept()
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 1\\r\\nConnection: close\\r\\n\\r\\n1")
    connection.close()

count, before = int(sys.argv[1]), float(sys.argv[2])
print("waited", time.monotonic() - before, flush=True)
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", int(sys.argv[3])))
listener.listen(5)
port = str(listener.getsockname()[1])
print(port, flush=True)
serve()
if len(sys.argv) > 4 and sys.argv[4] == "fails":
    try:
        os.execv("/nowhere", ["nowhere"])
    except FileNotFoundError:
        pass
    serve()
listener.close()
if count:
    os.execv(sys.executable, [sys.executable, "-IS", sys.argv[0], str(count - 1), str(time.monotonic()),
                              port])
"""


@pytest.fixture(scope="module")
def program(run_directory):
    return small.compile_server(run_directory / "exec-server")


@pytest.fixture
def service(library, directory, program):
    begun = ending.Service(library, directory, program)
    yield begun
    begun.stop()


@pytest.fixture
def execs(directory):
    """So many times it becomes itself, after a request each."""
    script = directory / "execs.py"
    script.write_text(EXECS)
    return lambda count, *more: [servers.program("python3"), "-IS", script, count, time.monotonic(), 0,
                                 *more]


def ask_again(server):
    """It may be about to listen again."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return ask(server)
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def waits(server):
    """Seconds from before each exec until the next image had started; and the start's own."""
    return [float(line.split()[1]) for line in server.log.read_text().splitlines()
            if line.startswith("waited")]


@pytest.mark.parametrize("collector_is", ["there", "away", "silent"])
@pytest.mark.parametrize("file", [True, False], ids=["file", "memory"])
def test_an_exec_does_not_wait(service, execs, collector, collector_is, file):
    if collector_is == "away":
        go_away(collector)
    if collector_is == "silent":
        hang(collector, 1)
    where = {} if file else {"OTEL_AGENT_STATE_DIR": "none"}
    server = service.start(collector, execs(5), **where)
    for _ in range(6):
        ask_again(server)
    server.process.wait(20)
    assert len(waits(server)) == 6
    assert statistics.median(waits(server)[1:]) < 0.6, waits(server)  # python's start
    if not file:
        lost = [line for line in server.said if "1 spans that wait in memory" in line]
        assert len(lost) == 5
        return
    if collector_is == "away":
        collector.start()
    if collector_is == "silent":
        collector.stop()
        answer_with(collector, sink.accept)
        collector.start()
    if collector_is != "there":
        last = service.start(collector)
        ask(last)
        collector.wait_for_spans(6)
        last.stop()
    once_each(collector, 6 + (collector_is != "there"))
    assert not service.left


def test_who_fails_to_become_another_goes_on(service, execs, collector):
    server = service.start(collector, execs(0, "fails"))
    ask(server)
    ask(server)
    server.process.wait(20)
    once_each(collector, 2)
    assert said(server).exported == 2
    assert not service.left
