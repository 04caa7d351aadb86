# SPDX-License-Identifier: Apache-2.0
"""The thread `otelagent` as a neighbour of the program: it lets a program that is idle sleep, wakes
in time for its next span, and gives way to the program's threads."""

import os
import pathlib
import signal
import time

import pytest

import life
import profiles
import servers
import small

QUIET_SECONDS = 30   # exporter/quiet.h
RESTS_SECONDS = 60   # agent/queue/rest.h
DELAY_SECONDS = 1
LATE_SECONDS = 5     # of a machine that has more to do
WOKEN_MOST = 3       # instead of none


@pytest.fixture(scope="module")
def program(run_directory):
    return small.compile_server(run_directory / "neighbour-server")


@pytest.fixture
def start(directory, library, program, collector):
    """Starts the small server; each time the same service."""
    started = []

    def begin(wrap=(), **variables):
        tracing = servers.Tracing(library, directory, "neighbour", {
            "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": str(DELAY_SECONDS * 1000), **variables})
        started.append(small.Small(directory, [*wrap, str(program)], tracing,
                                   f"server-{len(started)}"))
        return started[-1]

    yield begin
    for server in started:
        server.stop(check=False)


def ask(server, times=1):
    connection = server.connect()
    for _ in range(times):
        small.ask(connection)
    connection.close()


def threads(pid):
    """Name → /proc/PID/task/TID, of those with that name the last."""
    return {(task / "comm").read_text().strip(): task
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir()}


def woken(server):
    """How often its thread of ours has waited for something."""
    status = (threads(server.process.pid)["otelagent"] / "status").read_text()
    return int(status.split("voluntary_ctxt_switches:")[1].split()[0])


def woken_within(server, seconds):
    before = woken(server)
    time.sleep(seconds)
    return woken(server) - before


def test_an_idle_server_is_left_alone_and_its_next_span_is_in_time(start, collector):
    server = start()
    ask(server)
    collector.wait_for_spans(1)
    time.sleep(QUIET_SECONDS + LATE_SECONDS)
    assert woken_within(server, 20) <= WOKEN_MOST
    begun = time.monotonic()
    ask(server)
    collector.wait_for_spans(2)
    assert time.monotonic() - begun < DELAY_SECONDS + LATE_SECONDS


def test_an_idle_server_comes_for_what_a_killed_one_left_once_a_minute(start, collector):
    server = start()
    ask(server)
    collector.wait_for_spans(1)
    time.sleep(QUIET_SECONDS + LATE_SECONDS)
    killed = start(OTEL_BSP_SCHEDULE_DELAY="60000")
    ask(killed, 3)
    os.kill(killed.process.pid, signal.SIGKILL)
    killed.process.wait(servers.PATIENCE_SECONDS)
    server.wait_until(lambda: len(collector.stored()) == 4, "spans of the killed one",
                      seconds=RESTS_SECONDS + LATE_SECONDS)
    assert set(collector.stored().values()) == {1}


def test_a_request_that_begins_in_the_silence_ends_when_its_process_is_killed(start, collector):
    """Its span ends with the last sign of life: so the thread gives some while it is answered."""
    server = start()
    ask(server)
    collector.wait_for_spans(1)
    time.sleep(QUIET_SECONDS + LATE_SECONDS)
    connection = server.connect()
    connection.putrequest("POST", "/slow")
    connection.putheader("Content-Length", "10")
    connection.endheaders(b"12345")
    time.sleep(6)
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait(servers.PATIENCE_SECONDS)
    heir = start()
    ask(heir)
    collector.wait_for_spans(3)
    [took] = [span.end_time_unix_nano - span.start_time_unix_nano
              for post in collector.posts if post.stored
              for resource in post.request.resource_spans
              for scope in resource.scope_spans for span in scope.spans
              if any(each.value.string_value == "/slow" for each in span.attributes)]
    assert 3e9 < took < 12e9


def policy(task):
    return os.sched_getscheduler(int(task.name))


def test_only_our_thread_gives_way(start, collector):
    server = start()
    ask(server)
    collector.wait_for_spans(1)
    ours = threads(server.process.pid).pop("otelagent")
    assert policy(ours) == os.SCHED_BATCH
    for task in pathlib.Path(f"/proc/{server.process.pid}/task").iterdir():
        assert task == ours or policy(task) == os.SCHED_OTHER


def test_our_thread_never_runs_in_real_time(start, collector):
    server = start(wrap=["chrt", "--fifo", "5"])
    ask(server)
    collector.wait_for_spans(1)
    tasks = threads(server.process.pid)
    assert policy(tasks["otelagent"]) == os.SCHED_BATCH
    assert policy(pathlib.Path(f"/proc/{server.process.pid}")) == os.SCHED_FIFO


def test_where_a_filter_might_kill_for_it_it_stays_as_it_is(start, collector, run_directory,
                                                            directory):
    confined = life.compile_program(run_directory / "neighbour-confined", "-lseccomp",
                                    sources=["confined.c"])
    killing = profiles.killing(profiles.systemd("@system-service", "@privileged", "@resources"))
    server = start(wrap=[str(confined), str(profiles.save(killing, directory / "rules"))])
    ask(server)
    collector.wait_for_spans(1)
    assert policy(threads(server.process.pid)["otelagent"]) == os.SCHED_OTHER
