# SPDX-License-Identifier: Apache-2.0
"""How a program ends while its collector is away, slow or silent: soon, whatever that is, and with
its spans left to the next process, each of which arrives once."""

import os
import socket
import struct
import subprocess
import time

import pytest

import accounts
import certificates
import ending
import faults
import life
import servers
import sink
import small
from ending import (SOON, answer_with, ask, end, go_away, hang, kill, once_each, said,
                    the_next_sends)

REQUESTS = 20
SLOW = 0.6  # seconds, of a collector that answers in time, but only once within the second
VAIN = 0.95  # seconds to end, of a program that may not have had its answer


@pytest.fixture(scope="module")
def program(run_directory):
    return small.compile_server(run_directory / "ending-server")


@pytest.fixture(scope="module")
def authority(run_directory):
    return certificates.Authority(run_directory / "end-authority")


@pytest.fixture
def service(library, directory, program):
    begun = ending.Service(library, directory, program)
    yield begun
    begun.stop()


def slow(seconds):
    def step(connection, post):
        post.stored = True
        time.sleep(seconds)
        return sink.accept(connection, post)
    return step


def serve(way, directory, authority):
    """A collector that listens so."""
    if way == "unix":
        return sink.Collector(path=directory / "c.sock")
    collector = sink.Collector(tls=authority.serve() if way == "https" else None)
    collector.authority = authority if way == "https" else None
    return collector


# --- Away ---


@pytest.mark.parametrize("way", ["http", "https", "unix"])
def test_where_nobody_listens_spans_are_left_at_once(service, directory, authority, way):
    with serve(way, directory, authority) as collector:
        go_away(collector)
        first = service.start(collector)
        ask(first, REQUESTS)
        seconds = end(first)
        assert said(first).left == REQUESTS
        assert seconds < SOON
        assert len(service.left) == 1
        collector.start()
        the_next_sends(service, collector, REQUESTS)
    assert not service.left


@pytest.mark.parametrize("status, fields", [
    ("503 Service Unavailable", []), ("503 Service Unavailable", ["Retry-After: 1"]),
    ("502 Bad Gateway", []), ("429 Too Many Requests", ["Retry-After: 0"]),
    ("500 Internal Server Error", [])], ids=["503", "503-after", "502", "429-at-once", "500"])
def test_what_is_not_taken_at_the_end_is_tried_once(service, collector, status, fields):
    answer_with(collector, sink.refuse(status, *fields))
    first = service.start(collector)
    ask(first, REQUESTS)
    seconds = end(first)
    assert len(collector.posts) == 1
    assert said(first).left == REQUESTS
    assert seconds < SOON
    answer_with(collector, sink.accept)
    the_next_sends(service, collector, REQUESTS)
    assert not service.left


LENGTH = "Content-Length: 5"


@pytest.mark.parametrize("way", ["http", "https"])
@pytest.mark.parametrize("left, answer", [
    (0, faults.head("101 Switching Protocols", "Upgrade: h2c")),
    (0, faults.head("100 Continue") + faults.head("101 Switching Protocols")),
    (0, faults.head("304 Not Modified", LENGTH)), (0, faults.head("301 Moved")),
    (0, faults.head("400 Bad Request", LENGTH)), (REQUESTS, faults.head("503 Busy", LENGTH)),
    (REQUESTS, faults.head("503 Busy")), (REQUESTS, faults.head("600 Odd")),
    (None, faults.head("200 OK", LENGTH)), (None, faults.head("200 OK"))],
    ids=["101", "101-later", "304", "301", "400-body", "503-body", "503", "600", "200-body", "200"])
def test_a_status_is_all_that_is_waited_for(service, directory, authority, way,
                                                                 left, answer):
    """Whether a body is still to come, or nobody can tell."""
    with serve(way, directory, authority) as collector:
        answer_with(collector, faults.silent(answer))
        server = service.start(collector)
        ask(server, REQUESTS)
        seconds = end(server)
        assert len(collector.posts) == 1
        told = said(server)
        if left is None:
            assert told.exported == REQUESTS
        else:
            assert (told.left, told.failed) == (left, REQUESTS - left)
    assert seconds < SOON


def test_what_nobody_will_ever_take_is_dropped_at_the_end_too(service, collector):
    answer_with(collector, sink.refuse("400 Bad Request"))
    server = service.start(collector)
    ask(server, REQUESTS)
    server.stop()
    assert said(server).failed == REQUESTS
    assert not service.left


def test_without_a_file_spans_are_dropped_and_counted_as_soon(service, collector):
    go_away(collector)
    server = service.start(collector, OTEL_AGENT_STATE_DIR="none",
                           OTEL_BSP_MAX_EXPORT_BATCH_SIZE="5")
    ask(server, REQUESTS)
    seconds = end(server)
    assert said(server).failed == REQUESTS
    assert seconds < SOON


def test_how_long_it_takes_does_not_depend_on_chance(service, collector):
    go_away(collector)
    seconds = []
    for _ in range(12):
        server = service.start(collector)
        ask(server)
        seconds.append(end(server))
    assert max(seconds) < SOON, seconds


def test_a_batch_that_waits_to_be_tried_again_is_left(service, collector):
    answer_with(collector, sink.refuse("503 Later", "Retry-After: 20"))
    first = service.start(collector, OTEL_BSP_SCHEDULE_DELAY="10")
    ask(first, REQUESTS)
    collector.wait_for(lambda: collector.posts, "post")
    time.sleep(0.3)  # nothing tells when the answer has been read
    before = len(collector.posts)
    seconds = end(first)
    assert len(collector.posts) - before == 1
    assert said(first).left == REQUESTS
    assert seconds < SOON
    answer_with(collector, sink.accept)
    the_next_sends(service, collector, REQUESTS)
    assert not service.left


@pytest.mark.parametrize("lives", [0, 0.7], ids=["short", "longer"])
def test_an_heir_that_ends_in_an_outage_leaves_what_it_took_over(service, collector, lives):
    first = service.start(collector)
    ask(first, REQUESTS)
    with socket.create_connection(("127.0.0.1", first.port)) as connection:
        connection.sendall(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
        time.sleep(0.3)  # nothing tells when the server has read it
        kill(first)
    go_away(collector)
    second = service.start(collector)
    ask(second)
    time.sleep(lives)
    seconds = end(second)
    told = said(second)
    accounts.balance(told, 1 + REQUESTS + 1)
    assert told.left == told.ended
    assert seconds < SOON
    assert len(service.left) == 2
    collector.start()
    third = service.start(collector)
    ask(third)
    collector.wait_for_spans(REQUESTS + 2)
    third.stop()
    once_each(collector, REQUESTS + 3)
    assert not service.left


CHILDREN = """
import os, socket, sys

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
for _ in range(int(sys.argv[1])):
    connection, _ = listener.accept()
    if os.fork() == 0:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 1\\r\\nConnection: close\\r\\n\\r\\n1")
        os._exit(0)
    connection.close()
    os.wait()
"""


def test_children_that_end_by_themselves_leave_theirs_as_soon(service, directory, collector):
    (directory / "children.py").write_text(CHILDREN)
    go_away(collector)
    parent = service.start(collector, [servers.program("python3"), directory / "children.py", 5])
    began = time.monotonic()
    for _ in range(5):
        ask(parent)
    parent.process.wait(20)
    assert time.monotonic() - began < 5 * SOON
    told = accounts.read(parent.log.read_text(), 5)
    assert told.ended == told.left >= 5  # some had begun with what the others left
    assert 1 <= len(service.left) <= 5  # theirs, or their parent's, in which they have left it
    collector.start()
    heir = service.start(collector, [servers.program("python3"), directory / "children.py", 1])
    ask(heir)
    heir.process.wait(20)
    once_each(collector, 6)
    assert not service.left


# --- Silent ---


def note_of(directory):
    return directory / "state" / f"otelagent-{os.geteuid()}" / "late"


def test_one_wait_in_vain_is_enough_for_all_who_share_the_directory(service, directory, collector):
    """Whatever their service and collector; for half a minute."""
    with sink.Collector() as other:
        hang(collector)
        hang(other)
        first = service.start(collector)
        ask(first)
        assert 0.9 < end(first) < 5
        noted = note_of(directory).read_bytes()
        seconds = []
        for where, name in ((collector, "ending"), (collector, "other"), (other, "third")):
            server = service.start(where, service=name)
            ask(server)
            seconds.append(end(server))
            assert said(server).left == 1
        assert max(seconds) < SOON, seconds
        assert note_of(directory).read_bytes() == noted  # the short waits are no new ones
        age_note(directory, 31)
        last = service.start(other, service="third")
        ask(last)
        assert 0.9 < end(last) < 5


def age_note(directory, seconds):
    with open(note_of(directory), "r+b") as note:
        magic, noted = struct.unpack("QQ", note.read())
        note.seek(0)
        note.write(struct.pack("QQ", magic, noted - seconds * 10**9))


def test_an_old_note_goes_with_the_next_end(service, directory, collector):
    hang(collector)
    first = service.start(collector)
    ask(first)
    first.stop()
    age_note(directory, 31)
    answer_with(collector, sink.accept)
    second = service.start(collector)
    ask(second)
    second.stop()
    once_each(collector, 2)
    assert not servers.waiting(directory / "state")


TAKE = {"directory": "os.mkdir(name)", "fifo": "os.mkfifo(name)", "file": "open(name, 'w').close()"}


@pytest.mark.parametrize("take", TAKE.values(), ids=TAKE.keys())
def test_a_stranger_does_not_make_each_end_wait(service, directory, collector, take):
    """He takes every fixed name that notes have, or ever had, as far as he may."""
    hang(collector)
    first = service.start(collector)
    ask(first)
    names = [note_of(directory), directory / "state" / f".otelagent-late-{os.geteuid()}"]
    script = f"""import os, sys
for name in sys.argv[1:]:
    try:
        {take}
    except OSError as error:
        print(error.strerror)"""
    tried = subprocess.run([servers.program("python3"), "-c", script, *names], check=True,
                           user="nobody", capture_output=True, text=True)
    assert tried.stdout == "Permission denied\n"  # in the user's own directory
    assert 0.9 < end(first) < 5
    second = service.start(collector)
    ask(second)
    assert end(second) < SOON


def test_a_host_that_swallows_packets_counts_as_silent(service, directory, program):
    """A listener whose queue is full: the handshake is never answered."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fill = [socket.socket() for _ in range(4)]
        for each in fill:
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        where = sink.Collector()
        where.port = listener.getsockname()[1]
        seconds = []
        for _ in range(2):
            server = service.start(where)
            ask(server)
            seconds.append(end(server))
            assert said(server).left == 1
        for each in fill:
            each.close()
    assert 0.9 < seconds[0] < 5
    assert seconds[1] < SOON


@pytest.mark.parametrize("answers", [True, False], ids=["unknown", "silent"])
def test_a_resolver_counts_like_a_collector(service, directory, program, answers):
    """Where it says that there is no such host the spans are left at once; where it is silent the
    end is in the middle of a lookup, which nothing can cut short."""
    where = sink.Collector()
    where.port = free = servers.free_port()
    command = [*life.world(f"mount --bind {directory}/resolv.conf /etc/resolv.conf"), program]
    with servers.silent_name_server() as name_server:
        (directory / "resolv.conf").write_text(
            f"nameserver {name_server.getsockname()[0]}\noptions timeout:3 attempts:1\n")
        if answers:
            name_server.close()  # then the kernel does
        seconds = []
        for _ in range(3):
            server = service.start(where, command, OTEL_EXPORTER_OTLP_ENDPOINT=(
                f"http://collector.example:{free}"))
            ask(server)
            seconds.append(end(server))
            told = said(server)  # where it had time, also with what the one before left
            assert told.left == told.ended >= 1
    if answers:
        assert max(seconds) < SOON, seconds
    else:
        assert 0.9 < seconds[0] < 5
        assert max(seconds[1:]) < SOON, seconds


def test_no_server_waits_for_a_resolver_before_it_listens(service, directory, program):
    """One that is silent takes ten seconds by the usual options, with several servers more."""
    where = sink.Collector()
    where.port = free = servers.free_port()
    command = [*life.world(f"mount --bind {directory}/resolv.conf /etc/resolv.conf"), program]
    with servers.silent_name_server() as name_server:
        (directory / "resolv.conf").write_text(f"nameserver {name_server.getsockname()[0]}\n")
        begun = time.monotonic()
        server = service.start(where, command, OTEL_EXPORTER_OTLP_ENDPOINT=(
            f"http://collector.example:{free}"))
        ask(server)
        answered = time.monotonic() - begun
        end(server)
        assert name_server.recv(512)  # it was asked
    assert answered < 5
    assert said(server).left == 1


@pytest.mark.parametrize("what", ["link", "text", "foreign", "pipe"])
def test_what_is_not_a_note_is_left_alone(service, directory, collector, what):
    hang(collector)
    note = note_of(directory)
    note.parent.mkdir(mode=0o700, parents=True)
    victim = directory / "victim"
    victim.write_bytes(b"0123456789abcdef")
    victim.chmod(0o600)
    if what == "link":
        note.symlink_to(victim)
    if what == "text":
        note.write_bytes(b"0123456789abcdef")
    if what == "foreign":
        os.link(victim, note)
    if what == "pipe":
        os.mkfifo(note)
    for _ in range(2):
        server = service.start(collector)
        ask(server)
        assert 0.9 < end(server) < 5
    assert note.is_symlink() == (what == "link")
    assert victim.read_bytes() == b"0123456789abcdef"
    assert what == "pipe" or note.read_bytes() == b"0123456789abcdef"


# --- Slow ---


def test_short_programs_send_what_a_killed_one_left_once(service, collector):
    """Each has a second, and the collector takes most of it. Who has waited that second in vain, on
    a machine that is busy with other things, does not know what was stored: it may come again."""
    vain = 0
    first = service.start(collector)
    ask(first, 5)
    kill(first)
    answer_with(collector, slow(SLOW))
    for _ in range(10):
        server = service.start(collector)
        ask(server)
        seconds = end(server)
        assert seconds < 5
        vain += seconds > VAIN
    assert max(collector.stored().values()) <= 1 + vain, (vain, collector.stored())
    assert len(collector.stored()) >= 5 + 8 - vain
    answer_with(collector, sink.accept)
    last = service.start(collector)
    ask(last)
    last.stop()
    collector.wait_for_spans(5 + 10 + 1)
    assert len(collector.stored()) == 5 + 10 + 1
    assert max(collector.stored().values()) <= 1 + vain, (vain, collector.stored())
    assert not service.left


def test_short_programs_in_doubt_do_not_send_it_at_all(service, collector):
    """A collector that stores everything but is silent for longer than a program waits."""
    first = service.start(collector)
    ask(first, 5)
    kill(first)
    killed = set()
    answer_with(collector, slow(3))
    for _ in range(6):
        server = service.start(collector)
        ask(server)
        server.stop()
        time.sleep(0.1)
    for post in collector.posts:
        if len(post.ids) == 5:
            killed.update(post.ids)
    assert len(killed) == 5
    assert max(collector.stored()[span] for span in killed) == 1, collector.stored()
    assert max(collector.stored().values()) <= 2
