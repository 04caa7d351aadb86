# SPDX-License-Identifier: Apache-2.0
"""What the agent says does no harm: the program does not wait for who reads it, and is not ended or
stopped by it (tests/programs/messages.c)."""

import contextlib
import fcntl
import os
import resource
import select
import signal
import subprocess
import termios
import threading

import pytest

import life
from messages import PATIENCE, SERVE, SETTINGS, STREAMS, Run, preload, stream


@pytest.fixture(scope="module")
def program(run_directory):
    return life.compile_program(run_directory / "messages", sources=["messages.c"])


@pytest.fixture
def standard_error(request, directory):
    with contextlib.ExitStack() as stack:
        yield stream(request.param, directory, stack)


def fill(fd):
    """Until not one more byte fits."""
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    fcntl.fcntl(fd, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    for size in (65536, 4096, 1):
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(fd, b"x" * size)
    fcntl.fcntl(fd, fcntl.F_SETFL, flags)


def as_started():
    """Python ignores both; a program begins as the kernel would have it."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)


def limit_files():
    as_started()
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


@contextlib.contextmanager
def bad_stream(kind, directory):
    """What takes no more: its end, and what the child does before it begins."""
    with contextlib.ExitStack() as stack:
        made = stream({"pipe-without-reader": "pipe", "full-pipe": "pipe", "full-fifo": "fifo",
                       "stopped-terminal": "terminal", "unread-terminal": "terminal",
                       "full-journal": "journal", "full-pair": "pair", "gone-journal": "journal",
                       "file-at-its-limit": "file", "file-near-its-limit": "file"}[kind],
                      directory, stack)
        if kind.startswith("full"):
            fill(made.end)
        elif kind == "unread-terminal":
            attributes = termios.tcgetattr(made.end)
            attributes[1] &= ~termios.OPOST
            termios.tcsetattr(made.end, termios.TCSANOW, attributes)
            fill(made.end)
        elif kind == "stopped-terminal":
            termios.tcflow(made.end, termios.TCOOFF)
        elif kind in ("pipe-without-reader", "gone-journal"):
            os.dup2(os.open("/dev/null", os.O_RDONLY), made.other)
        elif kind.startswith("file"):
            os.write(made.end, b"x" * (4096 if "at" in kind.split("-") else 4000))
        yield made, limit_files if kind.startswith("file") else as_started


BAD = ["pipe-without-reader", "full-pipe", "full-fifo", "file-at-its-limit", "file-near-its-limit",
       "stopped-terminal", "unread-terminal", "full-journal", "full-pair", "gone-journal"]


def harmless(kind, directory, library, program, variables, steps, requests):
    seen = []
    for chosen in ({}, variables):
        with bad_stream(kind, directory) as (made, before):
            flags = fcntl.fcntl(made.end, fcntl.F_GETFL)
            null = subprocess.DEVNULL
            run = Run(program, directory, (null, null, made.end), chosen, requests, before)
            seen.append((run(*steps), made.path and made.path.read_bytes()))
            assert fcntl.fcntl(made.end, fcntl.F_GETFL) == flags
            if kind == "stopped-terminal":
                termios.tcflow(made.end, termios.TCOON)
    assert seen[0][0][0] == 0
    assert seen[1] == seen[0]


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("name", SETTINGS)
def test_a_warning_at_start_or_listen_harms_nothing(directory, library, program, kind, name):
    variables = {"LD_PRELOAD": str(library), **SETTINGS[name]}
    harmless(kind, directory, library, program, variables, ["listen:port"], 0)


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("exporter", ["otlp", "console", "otlp,console"])
def test_nor_does_what_is_said_later(directory, library, program, kind, exporter):
    variables = {**preload(library, directory), "OTEL_TRACES_EXPORTER": exporter}
    harmless(kind, directory, library, program, variables, SERVE, 2)


def test_the_rest_of_a_limited_file_is_left_to_the_program(directory, library, program):
    """A line of ours would have it ended at the limit by a later line of its own."""
    harmless("file-near-its-limit", directory, library, program, preload(library, directory),
             [*SERVE, f"put:2:{'y' * 95}"], 2)


F_SETPIPE_SZ = 1031
# Of such writes as many as just fit where nobody reads.
SIZES = {"pipe": [65536, 65500, 4096, 4095, 1, 100, 1000, 5000, 32768],
         "fifo": [65500, 4096, 1], "pair": [1, 100, 1000, 4096, 65536, 200000]}


def count_that_fits(kind, directory, size):
    with contextlib.ExitStack() as stack:
        end = stream(kind, directory, stack).end
        os.set_blocking(end, False)
        count = 0
        with contextlib.suppress(BlockingIOError):
            while os.write(end, b"x" * size) == size:
                count += 1
        return count


def late(kind, directory, library, program, size, numbers, steps, requests):
    """Nobody reads until the program has ended; the same, untraced."""
    for variables in ({}, preload(library, directory)):
        with contextlib.ExitStack() as stack:
            made = stream(kind, directory, stack)
            if size:
                assert fcntl.fcntl(made.end, F_SETPIPE_SZ, size) == size
            streams = tuple(made.end if number in numbers else subprocess.DEVNULL
                            for number in range(3))
            run = Run(program, directory, streams, variables, requests)
            assert run(*steps)[0] == 0, (kind, steps, bool(variables))
            said = made.read()
    return said


@pytest.mark.parametrize("numbers", [(2,), (1, 2)], ids=["apart", "with-output"])
@pytest.mark.parametrize("kind, size", [(kind, size) for kind, sizes in SIZES.items()
                                        for size in sizes], ids=str)
@pytest.mark.parametrize("when", ["at-start", "served"])
def test_a_late_reader_gets_all_that_he_would_without_us(directory, library, program, kind, size,
                                                         numbers, when):
    """What the program says just fits, and it would wait for ever for room that a line of ours
    took."""
    count = count_that_fits(kind, directory, size)
    steps = [*(SERVE if when == "served" else []), f"fill:2:{size}:{count}"]
    said = late(kind, directory, library, program, 0, numbers, steps, 2 if when == "served" else 0)
    assert said.count(b"x" * min(size, 64)) >= count
    assert b"never_a_sampler" in said


@pytest.mark.parametrize("size", [4096, 8192, 32768, 131072 * 2, 1 << 19])
@pytest.mark.parametrize("each", [1000, 4096])
def test_so_he_does_where_somebody_chose_the_size_of_the_pipe(directory, library, program, size,
                                                              each):
    count = size // 4096 * (4096 // each)
    late("pipe", directory, library, program, size, (2,), [*SERVE, f"fill:2:{each}:{count}"], 2)


@pytest.mark.parametrize("size", [1 << shift for shift in range(12, 21)])
def test_it_is_said_to_a_reader_whatever_size_he_chose(directory, library, program, size):
    """Two who say it, one after the other, and what each says at its end."""
    with contextlib.ExitStack() as stack:
        made = stream("pipe", directory, stack)
        assert fcntl.fcntl(made.end, F_SETPIPE_SZ, size) == size
        said = []
        reading = threading.Thread(target=lambda: said.extend(iter(
            lambda: os.read(made.other, 65536), b"")))
        reading.start()
        for _ in range(2):
            variables = {**preload(library, directory), "OTEL_LOG_LEVEL": "info"}
            run = Run(program, directory, (subprocess.DEVNULL, subprocess.DEVNULL, made.end),
                      variables, 2)
            assert run(*SERVE)[0] == 0
        os.dup2(os.open("/dev/null", os.O_WRONLY), made.end)
        reading.join(PATIENCE)
        text = b"".join(said)
        assert text.count(b"never_a_sampler") == 2, text
        assert text.count(b"spans") >= 2, text


def test_many_processes_leave_a_late_reader_his_room(directory, library, program):
    """Each says what it has to say into the pipe of all."""
    children = ["run", "put:2:y"] * 12
    said = late("pipe", directory, library, program, 0, (2,), [*children, "fill:2:4096:12"], 0)
    assert said.count(b"never_a_sampler") > 4
    assert said.count(b"y\n") == 12


def test_a_reader_that_goes_midway_is_not_missed(directory, library, program):
    """The program itself writes nothing there."""
    for variables in ({}, preload(library, directory)):
        reader, end = os.pipe()
        gone = []

        def read_a_line(fd=reader):
            os.read(fd, 1)
            os.close(fd)
            gone.append(fd)

        thread = threading.Thread(target=read_a_line)
        run = Run(program, directory, (subprocess.DEVNULL, subprocess.DEVNULL, end), variables, 60,
                  as_started)
        if variables:
            thread.start()
        else:
            os.close(reader)
        status, answers = run("listen:port", "serve:60")
        os.close(end)
        if variables:
            thread.join(PATIENCE)
            assert gone
        assert status == 0 and len(set(answers)) == 1


def test_what_could_not_be_said_is_counted(directory, library, program):
    """The pipe is full at start, and read while the program serves."""
    reader, end = os.pipe()
    fill(end)
    said = []

    class Draining(Run):
        def ask(self, port, process):
            answer = Run.ask(port, process)
            while select.select([reader], [], [], 0)[0]:
                said.append(os.read(reader, 65536))
            return answer

    run = Draining(program, directory, (subprocess.DEVNULL, subprocess.DEVNULL, end),
                   preload(library, directory, OTEL_TRACES_EXPORTER="otlp"), 2, as_started)
    assert run(*SERVE)[0] == 0
    os.close(end)
    while piece := os.read(reader, 65536):
        said.append(piece)
    os.close(reader)
    said = b"".join(said).lstrip(b"x")
    assert b"earlier messages could not be written" in said, said


TOSTOP = """
import fcntl, os, signal, sys, termios
master, slave = os.openpty()
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    attributes = termios.tcgetattr(slave)
    attributes[3] |= termios.TOSTOP
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    job = os.fork()
    if job == 0:
        os.setpgid(0, 0)  # in the background: the session's leader has the terminal
        os.dup2(slave, 2)
        os.environ["LD_PRELOAD"] = sys.argv[1]
        os.execv(sys.argv[2], sys.argv[2:])
    _, status = os.waitpid(job, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        os.kill(job, signal.SIGKILL)
        os.waitpid(job, 0)
        os._exit(99)
    os._exit(os.waitstatus_to_exitcode(status))
_, status = os.waitpid(pid, 0)
os.write(1, os.read(master, 65536) if status == 0 else b"")
sys.exit(os.waitstatus_to_exitcode(status))
"""


def test_a_terminal_stops_no_program_in_the_background(directory, library, program):
    clean = {name: value for name, value in os.environ.items()
             if not name.startswith(("OTEL_", "OPENTELEMETRY_", "LD_PRELOAD"))}
    done = subprocess.run(["/usr/bin/python3", "-c", TOSTOP, library, program, "listen:port"],
                          env={**clean, **SETTINGS["sampler"]}, stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=PATIENCE, cwd=directory, check=False)
    assert done.returncode == 0, done
    assert b"never_a_sampler" in done.stdout, done


@pytest.mark.parametrize("kind", ["pipe-without-reader", "file-at-its-limit"])
@pytest.mark.parametrize("number", [signal.SIGPIPE, signal.SIGXFSZ], ids=["SIGPIPE", "SIGXFSZ"])
@pytest.mark.parametrize("already", [False, True], ids=["none", "one"])
def test_of_the_programs_own_signals_none_is_taken_or_added(directory, library, program, kind,
                                                            number, already):
    """It is blocked, and perhaps pending, when the program begins."""
    with bad_stream(kind, directory) as (made, limit):
        def before():
            limit()
            signal.pthread_sigmask(signal.SIG_BLOCK, [number])
            if already:
                os.kill(os.getpid(), number)

        run = Run(program, directory, (subprocess.DEVNULL, subprocess.DEVNULL, made.end),
                  {"LD_PRELOAD": str(library), **SETTINGS["sampler"]}, 0, before)
        assert run(f"pending:{number}") == (0 if already else 1, [])


@pytest.mark.parametrize("standard_error", STREAMS, indirect=True)
def test_nothing_stays_open_and_no_mask_changes(directory, library, standard_error):
    """Of a program that only begins, its descriptors, signals and flags."""
    look = ("import os, signal; print(sorted(os.listdir('/proc/self/fd')), "
            "signal.pthread_sigmask(signal.SIG_BLOCK, []), signal.sigpending())")
    clean = {name: value for name, value in os.environ.items()
             if not name.startswith(("OTEL_", "OPENTELEMETRY_", "LD_PRELOAD"))}
    seen = [subprocess.run(["/usr/bin/python3", "-c", look], env={**clean, **variables}, check=True,
                           stdout=subprocess.PIPE, stderr=standard_error.end,
                           stdin=subprocess.DEVNULL, timeout=PATIENCE).stdout
            for variables in ({}, preload(library, directory))]
    assert seen[0] == seen[1]
    assert b"otelagent[" in standard_error.read()
