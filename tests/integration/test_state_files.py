# SPDX-License-Identifier: Apache-2.0
"""The files in which spans wait: how many there may be, whose they are, what becomes of them when
their process is another program or another user by then, or when their file system is full. Who
sends what killed processes left is in test_survival.py."""

import contextlib
import os
import pathlib
import pwd
import shlex
import signal
import struct
import subprocess

import pytest

import life
import load
import servers
import sink
import small
from ending import ask, kill, once_each

ALIVE_NS = 64  # offset of region_header.alive_ns in a file
DAY_NS = 24 * 3600 * 10**9
NOBODY = pwd.getpwnam("nobody").pw_uid
NOWHERE = "http://127.0.0.1:1"
IN_MEMORY = "spans wait in memory, and are lost if this process is killed"


@pytest.fixture(scope="module")
def program(run_directory):
    return small.compile_server(run_directory / "filed-server")


@pytest.fixture(scope="module")
def life_program(run_directory):
    return life.compile_program(run_directory / "filed-life")


class Service:
    """Starts programs of one service, which say what they do."""

    def __init__(self, library, directory, collector, name="filed", **variables):
        self.directory = directory
        self.tracing = servers.Tracing(library, directory, name, {
            "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "OTEL_LOG_LEVEL": "info", **variables})
        self.started = []

    @property
    def files(self):
        return self.tracing.left

    def start(self, command):
        name = f"{self.tracing.service}-{len(self.started)}"
        self.started.append(small.Small(self.directory, command, self.tracing, name))
        return self.started[-1]

    def stop(self):
        for server in self.started:
            server.stop(check=False)


@pytest.fixture
def service(library, directory, collector):
    begun = []

    def begin(name="filed", **variables):
        begun.append(Service(library, directory, collector, name, **variables))
        return begun[-1]

    yield begin
    for each in begun:
        each.stop()


def says(server, text):
    return [line for line in server.said if text in line]


# --- How many ---


def multiply(file, count):
    """As if so many processes of other services had been killed."""
    prefix, _key, *rest = file.name.split("-")
    for number in range(count):
        copy = file.with_name("-".join([prefix, f"{number:016x}", *rest]))
        subprocess.run(["cp", "--sparse=always", "--preserve=mode", file, copy], check=True)


def most_files(directory, size):
    """As region_files.h has it."""
    system = os.statvfs(directory)
    share = system.f_blocks * system.f_frsize // 16
    return min(max(min(max(share, 256 << 20), 2 << 30) // size, 64), 2048)


def test_where_killed_processes_left_many_files_a_new_one_does_without(service, program, collector):
    shop = service(OTEL_EXPORTER_OTLP_ENDPOINT=NOWHERE)
    first = shop.start(str(program))
    ask(first)
    kill(first)
    [file] = shop.files
    most = most_files(shop.tracing.state, file.stat().st_size)
    multiply(file, most - 2)
    with_file = service("other").start(str(program))
    ask(with_file)
    collector.wait_for_spans(1)
    assert not says(with_file, IN_MEMORY)
    assert len(shop.files) == most
    multiply(file, most - 1)
    without = service("third").start(str(program))
    ask(without, 10)
    collector.wait_for_spans(11)
    assert len(shop.files) == most + 1  # a living one's does not count
    [line] = says(without, IN_MEMORY)
    assert line.endswith("ended processes left too many there that nobody has come for")
    without.stop()
    once_each(collector, 11)


def test_what_holds_nothing_goes_with_the_next_process_that_exports(service, program, collector):
    """Whatever its service is."""
    shop = service()
    first = shop.start(str(program))
    ask(first)
    collector.wait_for_spans(1)
    first.wait_until(lambda: pending_of(shop.files[0]) == 0, "release")
    kill(first)
    multiply(shop.files[0], 5)
    other = service("other").start(str(program))
    ask(other)
    other.wait_until(lambda: len(shop.files) == 1, "sweep")
    other.stop()
    assert not shop.files


def pending_of(file):
    """Records between the ring's head and tail: their low 20 bits count them."""
    ring = file.read_bytes()[4096 + 86016:][:256]
    tail, = struct.unpack_from("Q", ring, 64)
    head, = struct.unpack_from("Q", ring, 128)
    return (tail - head) & 0xfffff


def test_spans_that_nobody_comes_for_in_a_day_are_lost_with_a_warning(service, program, collector):
    shop = service(OTEL_EXPORTER_OTLP_ENDPOINT=NOWHERE)
    first = shop.start(str(program))
    ask(first, 5)
    kill(first)
    [file] = shop.files
    other = service("other", OTEL_LOG_LEVEL="warn")
    young = other.start(str(program))
    ask(young)
    collector.wait_for_spans(1)
    young.stop()
    assert file.exists()
    assert not young.said
    with open(file, "r+b") as region:
        region.seek(ALIVE_NS)
        alive, = struct.unpack("Q", region.read(8))
        region.seek(ALIVE_NS)
        region.write(struct.pack("Q", (alive - DAY_NS) % 2**64))
    old = other.start(str(program))
    ask(old)
    old.wait_until(lambda: not file.exists(), "sweep")
    old.stop()
    [line] = old.said
    assert line.endswith(f"warn: 5 spans of service filed are lost: process {first.process.pid} was "
                         "killed, and for a day no other of that service has sent them")
    once_each(collector, 2)


# --- Another program ---


@pytest.mark.parametrize("how, error_type", [("exec", None), ("exec-closes", "connection_aborted")])
def test_who_execs_sends_at_once_what_was_left(library, directory, collector, life_program, how,
                                               error_type):
    """What had ended, and the request in flight: that has failed where its connection was closed,
    else another program answers it."""
    state = directory / "state"
    seen = []

    def look():
        collector.wait_for(lambda: how in life.spans_of(collector), "span of the request in flight")
        collector.wait_for_spans(4)
        seen.extend(state.glob("*/otelagent-*"))

    life.check(life_program, library, directory, collector,
               [life.Do(collector.stop), "one", "two", how, life.Do(collector.start), "three",
                life.Do(look), "end"], heir=False, OTEL_LOG_LEVEL="none")
    [attributes] = life.spans_of(collector)[how]
    assert len(seen) == 1  # its own
    assert "replaced" not in seen[0].name
    assert ("error.type" in attributes) == (error_type is not None)
    if error_type:
        assert attributes["error.type"].string_value == error_type
    else:
        assert attributes["otelagent.incomplete"].bool_value
        assert "error" not in attributes


def test_who_becomes_a_program_without_the_agent_leaves_it_to_the_next(library, directory, collector,
                                                                       life_program):
    life.check(life_program, library, directory, collector,
               ["one", "exec-untraced", life.Keep([], ["end"])])
    [attributes] = life.spans_of(collector)["exec-untraced"]
    assert attributes["otelagent.incomplete"].bool_value


# --- Another user ---

DROPPING = """
import os, signal, socket, sys

def serve(listener, until):
    while True:
        connection, _ = listener.accept()
        head = connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
        connection.close()
        if until in head:
            return

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
serve(listener, b"/drop")
os.setgroups([])
os.setgid(int(sys.argv[1]))
os.setuid(int(sys.argv[1]))
serve(listener, b"/end")
"""


@pytest.fixture
def dropping(directory):
    """Serves as root until it is asked for /drop, then as nobody until /end."""
    script = directory / "dropping.py"
    script.write_text(DROPPING)
    return [servers.program("python3"), script, NOBODY]


def visit(server, *paths):
    for path in paths:
        life.ask(server.port, path)


def test_a_file_that_its_process_may_not_remove_goes_with_the_next(service, dropping, collector):
    shop = service()
    first = shop.start(dropping)
    visit(first, "one", "drop", "two")
    [file] = shop.files
    assert file.stat().st_uid == 0
    visit(first, "end")
    first.process.wait(servers.PATIENCE_SECONDS)
    once_each(collector, 4)
    assert file.exists()  # the directory is sticky, as /dev/shm
    second = shop.start(dropping)
    visit(second, "three")
    second.wait_until(lambda: not file.exists(), "sweep")
    visit(second, "drop", "end")
    second.process.wait(servers.PATIENCE_SECONDS)
    once_each(collector, 7)
    assert len(shop.files) == 1  # there is never more than the last one's


def test_what_root_made_is_sent_by_the_next_root(service, dropping, collector):
    collector.stop()
    shop = service()
    first = shop.start(dropping)
    visit(first, "one", "drop", "two")
    kill(first)
    assert len(shop.files) == 1
    collector.start()
    second = shop.start(dropping)
    visit(second, "three")
    collector.wait_for_spans(4)
    assert len(shop.files) == 1
    visit(second, "drop", "end")
    second.process.wait(servers.PATIENCE_SECONDS)
    once_each(collector, 6)


def test_nginxs_workers_make_their_files_as_their_own_user(library, directory, collector):
    tracing = servers.Tracing(library, directory, "nginx", {
        "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint})
    with servers.Nginx(directory, tracing=tracing, workers=2) as nginx:
        plan = load.Plan("w", seed=3)
        for _ in range(100):
            plan.add("GET", "/small.txt")
        load.run(nginx.port, plan.requests, connections=8)
        owners = {file.stat().st_uid for file in tracing.left}
        assert owners == {pwd.getpwnam("www-data").pw_uid if os.geteuid() == 0 else os.geteuid()}
    assert not list(tracing.state.iterdir())


# --- Strangers ---

STRANGERS = 60_000
MAKE_FILES = """
import os, sys
os.chdir(sys.argv[1])
for number in range(int(sys.argv[2])):
    # every second one looks like a file of a killed process
    name = (f"stranger-{number}" if number % 2 else
            f"otelagent-{number:016x}-{int(sys.argv[3]):x}-{4000000 + number}-00000001-{number:08x}")
    os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0o644))
"""


def as_nobody(script, *arguments):
    subprocess.run(["setpriv", f"--reuid={NOBODY}", "--clear-groups", servers.program("python3"),
                    "-c", script, *map(str, arguments)], check=True)


def clutter(state):
    namespace = os.stat("/proc/self/ns/pid").st_ino
    as_nobody(MAKE_FILES, state, STRANGERS, namespace)


@contextlib.contextmanager
def cluttered(service):
    """A state directory on tmpfs that a stranger has filled with files."""
    state = service.tracing.state
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=1777", "none", state], check=True)
    try:
        clutter(state)
        yield state
    finally:
        service.stop()
        subprocess.run(["umount", state], check=True)


def names_read(trace):
    """Of a log of strace: (thread, bytes of names that it read from a directory) for each call; and
    the first thread."""
    lines = [line.split(None, 1) for line in trace.read_text().splitlines()]
    calls = [(int(thread), int(call.rsplit("= ", 1)[1].split()[0])) for thread, call in lines
             if "getdents64" in call and "= " in call]
    return calls, next(int(thread) for thread, call in lines if call.startswith("execve("))


@pytest.mark.skipif(os.geteuid() != 0, reason="strangers have to be made")
def test_strangers_files_are_never_looked_at(service, program, directory, collector):
    """By no thread, from the first request to the end: that would take longer the more there are;
    and the program's own thread looks for no files at all."""
    shop = service()
    trace = directory / "trace"
    with cluttered(shop):
        server = shop.start(["strace", "-f", "-qq", "-o", str(trace), "-e",
                             "trace=execve,getdents64", str(program)])
        ask(server, 3)
        collector.wait_for_spans(3)
        server.wait_until(lambda: names_read(trace)[0], "look for files of our own")
        os.kill(names_read(trace)[1], signal.SIGTERM)
        server.process.wait(30)
        calls, first_thread = names_read(trace)
    assert sum(size for _, size in calls) < 100_000, (first_thread, calls)
    assert first_thread not in dict(calls), calls
    once_each(collector, 3)


@pytest.mark.skipif(os.geteuid() != 0, reason="strangers have to be made")
def test_among_strangers_files_the_next_process_finds_its_own(service, program, collector):
    shop = service(OTEL_BSP_SCHEDULE_DELAY="60000")
    with cluttered(shop):
        first = shop.start(str(program))
        ask(first, 7)
        kill(first)
        second = shop.start(str(program))
        ask(second)
        collector.wait_for_spans(7)
        second.stop()
        once_each(collector, 8)
        assert not shop.files


SQUATTERS = {
    "directory": "os.mkdir(sys.argv[1], 0o777)",
    "file": "open(sys.argv[1], 'w').close()",
    "link": "os.symlink('/', sys.argv[1])",
}


@pytest.mark.skipif(os.geteuid() != 0, reason="a stranger has to be there")
@pytest.mark.parametrize("what", SQUATTERS.values(), ids=SQUATTERS.keys())
def test_where_a_stranger_took_the_directorys_name_spans_wait_in_memory(service, program, collector,
                                                                        what):
    shop = service()
    place = shop.tracing.state / f"otelagent-{os.geteuid()}"
    as_nobody(f"import os, sys; {what}", place)
    server = shop.start(str(program))
    ask(server, 5)
    server.stop()
    once_each(collector, 5)
    assert not shop.files or what == SQUATTERS["link"]
    [line] = says(server, IN_MEMORY)
    assert line.endswith("is not this user's alone")


# --- What it costs ---

FIRST_BYTES = 512 << 10


def test_the_first_request_waits_for_little_of_the_file(service, program, directory):
    """What is written to the file before the first answer, however much it may hold."""
    shop = service(OTEL_EXPORTER_OTLP_ENDPOINT=NOWHERE, OTEL_LOG_LEVEL="none")
    log = directory / "first.strace"
    strace = [servers.program("strace"), "-o", log, "-f", "-qq", "-e", "trace=pwrite64,sendto"]
    for variable, value in shop.tracing.environment().items():
        strace += ["-E", f"{variable}={value}"]
    with small.Small(directory, [*strace, program], name="first") as server:
        ask(server)
        assert len(shop.files) == 1
        pid = int(log.read_text().split(None, 1)[0])
        os.kill(pid, signal.SIGTERM)
        server.process.wait(20)
        server.stop(check=False)
    lines = [line.split(None, 1)[1] for line in log.read_text().splitlines()
             if line.startswith(f"{pid} ")]
    before = lines[:next(at for at, line in enumerate(lines) if line.startswith("sendto"))]
    written = sum(int(line.rsplit("= ", 1)[1]) for line in before)
    assert 0 < written <= FIRST_BYTES, before


def test_what_comes_at_once_finds_room_and_outlives_its_process(service, program, collector):
    """As many as may wait, before anybody has read one: the file grows as fast as it fills."""
    hanging = sink.Hang()
    collector.steps.appendleft(hanging)
    shop = service(OTEL_BSP_MAX_QUEUE_SIZE="2048", OTEL_BSP_SCHEDULE_DELAY="60000")
    first = shop.start(program)
    ask(first, 2040)
    kill(first)
    hanging.over.set()
    second = shop.start(program)
    ask(second)
    second.stop()
    collector.wait_for_spans(2041)
    assert len(collector.stored()) == 2041


# --- A full file system ---


def mounted(state, how):
    """Runs what follows where `how` mounts something as the state directory."""
    return ["unshare", "--mount", "sh", "-ec",
            f'mount {how} {shlex.quote(str(state))}; chmod 1777 {shlex.quote(str(state))}; '
            'exec "$@"', "sh"]


def fill(directory):
    with open(directory / "fill", "wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12):
            with contextlib.suppress(OSError):
                while True:
                    file.write(os.urandom(size))
        with contextlib.suppress(OSError):
            os.fsync(file.fileno())
    assert os.statvfs(directory).f_bavail == 0


def test_a_file_system_that_fills_up_later_takes_nothing_away(service, program, collector):
    """To touch a page of the file that is not allocated would be SIGBUS: what the file has no room
    for waits in memory."""
    hanging = sink.Hang()
    collector.steps.appendleft(hanging)
    shop = service(OTEL_BSP_MAX_QUEUE_SIZE="2048", OTEL_BSP_SCHEDULE_DELAY="10")
    state = shop.tracing.state
    first = shop.start([*mounted(state, "-t tmpfs -o size=8m none"), program])
    ask(first)
    inside = pathlib.Path(f"/proc/{first.process.pid}/root{state}")
    [file] = inside.glob("*/otelagent-*")
    fill(inside)
    ask(first, 2040)
    assert file.exists()
    entered = ["nsenter", f"--target={first.process.pid}", "--mount", f"--wdns={shop.directory}"]
    second = shop.start([*entered, program])
    ask(second, 10)
    assert says(second, IN_MEMORY)
    hanging.over.set()
    second.stop()
    collector.wait_for_spans(2051)
    first.stop()
    assert not says(first, IN_MEMORY)
    assert len(collector.stored()) == 2051


def make_image(directory, kind):
    """A file with a file system in it."""
    image = directory / "image"
    with open(image, "wb") as file:
        file.truncate(120 << 20)
    subprocess.run([servers.program(f"mkfs.{kind}"), "-q", image], check=True)
    return image


@pytest.mark.parametrize("kind, has_file", [("ext4", True), ("btrfs", False)])
def test_a_disk_that_fills_up_later_stops_nothing(service, program, collector, directory, kind,
                                                  has_file):
    """btrfs writes each changed page to a new place, and may have none: SIGBUS. Nothing waits
    there."""
    hanging = sink.Hang()
    collector.steps.appendleft(hanging)
    shop = service(OTEL_BSP_SCHEDULE_DELAY="10")
    image = make_image(directory, kind)
    server = shop.start([*mounted(shop.tracing.state, f"-o loop {image}"), program])
    ask(server)
    inside = pathlib.Path(f"/proc/{server.process.pid}/root{shop.tracing.state}")
    assert bool(list(inside.glob("*/otelagent-*"))) == has_file
    assert bool(says(server, IN_MEMORY)) != has_file
    fill(inside)
    for _ in range(4):  # every page of the ring, also such as were written back
        ask(server, 500)
        subprocess.run(["sync", "-f", inside], check=True)
    hanging.over.set()
    server.stop()
