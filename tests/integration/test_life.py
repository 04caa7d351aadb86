# SPDX-License-Identifier: Apache-2.0
"""What becomes of processes and threads: the same to see with and without the agent, byte for byte,
and a span of each request, once, whoever ends.

| case | test |
|---|---|
| fork, _Fork, bare clone, forkpty, daemon: before any request, in flight, answered late | here |
| vfork and posix_spawn with exec, exec, exec that fails, `_exit` in a child of vfork | here |
| libraries with wrappers of ours opened and closed, also with calls in two threads | here; test_calls.py, test_curl.py, test_mysql.py |
| pthread_exit of main; threads that end, or are cancelled, mid-span; PTHREAD_STACK_MIN | here |
| exit in a handler, quick_exit, _exit, abort, SIGTERM, SIGKILL with a request in flight | here |
| what killed processes leave, and who sends it | test_survival.py |
| exit and exec while the collector is away, slow or silent | test_end.py, test_end_exporters.py, test_exec.py |
| how much of it may lie there, after an exec or a change of user, on a full disk | test_state_files.py |
| each form of exit and exec, call by call | test_calls.py |
| closefrom, close_range, close, dup2 over the connection to the collector, http and https | here; test_https.py |
| chroot before and after the first export | here; test_https.py (haproxy) |
| signal storms, sigaltstack, perl's alarm | here |
| longjmp out of recv, poll, epoll_wait, accept, connect, send, getaddrinfo; 10,000 sends | here; out of a query: test_mysql.py |
| strict seccomp | here |
| filters: nginx's and the published calls, Docker's, podman's, systemd's | test_confined.py |
| users, capabilities, namespaces, RLIMIT_NOFILE, _AS and _NPROC, full disks, no /proc, read-only roots | test_confined.py |
| setuid programs; programs that never serve | test_inert.py |
| chroot to a root with nothing but libc; musl | test_places.py |
| clocks that jump, two copies of ours, jemalloc, tcmalloc, libfaketime, ASan's runtime before, after, inside | test_preloads.py, test_places.py |
| memcheck | test_valgrind.py |
"""

import pathlib
import shlex
import time

import pytest

import certificates
import life
import servers
import sink


@pytest.fixture(scope="module")
def program(run_directory):
    return life.compile_program(run_directory / "life")


CHILDREN = ["fork", "_Fork", "clone", "forkpty", "daemon"]


@pytest.mark.parametrize("kind", CHILDREN)
def test_a_child_made_before_any_request_serves(directory, library, program, collector, kind):
    life.check(program, library, directory, collector, ["one", "two", "end"], kind)


@pytest.mark.parametrize("traffic", ["before", "after"])
@pytest.mark.parametrize("kind", CHILDREN)
def test_a_child_answers_what_its_parent_read(directory, library, program, collector, kind, traffic):
    paths = ["one", kind, "two", "end"] if traffic == "after" else [kind, "two", "end"]
    life.check(program, library, directory, collector, paths)


@pytest.mark.parametrize("kind", CHILDREN[:4])
def test_a_child_that_does_nothing_with_a_request_leaves_it_to_its_parent(
        directory, library, program, collector, kind):
    life.check(program, library, directory, collector, ["one", f"beside-{kind}", "two", "end"])


@pytest.mark.parametrize("kind", CHILDREN[:3])
def test_a_child_is_not_too_late_when_its_parent_has_answered_others(directory, library, program,
                                                                     collector, kind):
    life.check(program, library, directory, collector,
          ["one", (f"later-{kind}", "two", "three", "now"), "four", "end"])


@pytest.mark.parametrize("how", ["exec", "exec-fails", "vfork-exec", "vfork-exit", "posix_spawn",
                                 "libraries"])
def test_other_programs_and_libraries_begin_with_a_request_in_flight(directory, library, program, collector, how):
    life.check(program, library, directory, collector, ["one", how, "two", "end"])


@pytest.mark.parametrize("how", ["thread-ends", "small-stack", "cancel", "first-thread-ends",
                                 "jump-receiving", "jump-polling", "jump-waiting",
                                 "jump-accepting", "jump-connecting", "jump-sending"])
def test_threads_end_or_jump_away_in_the_middle(directory, library, program, collector, how):
    life.check(program, library, directory, collector, ["one", how, "two", "end"])


@pytest.mark.parametrize("how", ["jump-often", "cancel-often"])
def test_connections_that_are_left_in_the_middle_of_an_answer_keep_no_place(
        directory, library, program, collector, how):
    """Ten thousand, more than twice the requests that are traced at a time; none is missed, and
    those afterwards are seen."""
    life.check(program, library, directory, collector,
               ["one", life.Often(how, "often", 10000), "two", "end"],
               OTEL_BSP_MAX_QUEUE_SIZE="20000", OTEL_BSP_SCHEDULE_DELAY="100")


@pytest.fixture
def silent_name_server():
    with servers.silent_name_server() as server:
        yield server.getsockname()[0]


def test_a_program_jumps_out_of_the_resolver(directory, library, program, collector,
                                             silent_name_server):
    """As libcurl does where it was built without threads for it, to bound the time it takes."""
    (directory / "resolv.conf").write_text(f"nameserver {silent_name_server}\n")
    change = f"mount --bind {shlex.quote(str(directory / 'resolv.conf'))} /etc/resolv.conf"
    life.check(program, library, directory, collector, ["one", "jump-resolving", "two", "end"],
               wrap=life.world(change))


@pytest.mark.parametrize("signals", ["safe", "unsafe"])
def test_perl_dies_out_of_a_blocking_call(directory, library, program, collector, signals,
                                          monkeypatch):
    """With unsafe signals, by siglongjmp() below the system call."""
    monkeypatch.setenv("PERL_SIGNALS", signals)
    seen = life.check([servers.program("perl"), servers.PROGRAMS / "alarm.pl"], library, directory,
                      collector, ["one", "sysread", "syswrite", "accept", "select", "two", "end"],
                      heir=program)
    assert seen.output == "woken by alarm\n" * 20


@pytest.mark.parametrize("how, status, output", [("all-threads-end", 0, "last\n"),
                                                 ("bare-exit", 9, "")])
def test_a_process_ends_when_its_threads_have_ended(directory, library, program, collector, how,
                                                    status, output):
    """The agent's own thread must not keep it alive."""
    seen = life.check(program, library, directory, collector, ["one", how])
    assert (seen.status, seen.output) == (status, output)


@pytest.mark.parametrize("how", ["storm", "storm-own-stack"])
def test_a_storm_of_signals(directory, library, program, collector, how):
    life.check(program, library, directory, collector,
          [how, *(f"in-storm/{i}" for i in range(100)), "calm", "end"])


@pytest.fixture(params=["http", "https"])
def any_collector(request, run_directory):
    if request.param == "http":
        authority = None
    else:
        authority = certificates.Authority(run_directory / "life-authority")
    with sink.Collector(tls=authority.serve() if authority else None) as running:
        running.authority = authority
        yield running


FUTEX = "202"


def idle(collector, count):
    """What is taken in the middle of a post would be sent again: wait until the agent's thread has
    read the answer and has nothing to do."""
    collector.wait_for_spans(count)
    [*_, resource] = [resource for post in collector.posts
                      for resource in post.request.resource_spans]
    [pid] = [each.value.int_value for each in resource.resource.attributes
             if each.key == "process.pid"]
    [thread] = [task for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
                if (task / "comm").read_text() == "otelagent\n"]
    deadline = time.monotonic() + 20
    while (thread / "syscall").read_text().split()[0] != FUTEX and time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.mark.parametrize("how", [["closefrom"], ["close_range"], ["close"], ["dup2"],
                                 ["daemon", "closefrom"]], ids="-".join)
def test_a_program_takes_all_descriptors(directory, library, program, any_collector, how):
    """Those of the connection to the collector, and what libcurl has besides, become a file's."""
    exported = [life.Do(lambda count=count: idle(any_collector, count)) for count in range(1, 6)]
    before = [step for pair in zip(["one", *how], exported) for step in pair]
    life.check(program, library, directory, any_collector, [*before, "two", "three", "end"],
               OTEL_BSP_SCHEDULE_DELAY="10")
    assert (directory / "own-file").read_text() == "own\n"


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_leaves_all_files_behind(directory, library, program, any_collector, when):
    """chroot() to an empty directory, before there is anything to export and after. What https
    needs was opened at the first listen; what a resolver or the state of killed processes would
    need is not asked for. So all goes on, in children, too, whose spans wait in memory then."""
    def come_again():
        idle(any_collector, 3 if when == "after" else 1)
        any_collector.restart()

    begin = ["one", life.Do(lambda: idle(any_collector, 1)), "two"] if when == "after" else []
    life.check(program, library, directory, any_collector,
               [*begin, "chroot", life.Do(come_again), "three", "fork", "beside-fork", "four", "end"],
               OTEL_BSP_SCHEDULE_DELAY="50")


def test_a_collectors_socket_is_not_found_from_another_root(directory, library, program):
    """It has a name, and names mean something else there; what was connected before goes on."""
    with sink.Collector(path=directory / "s") as collector:
        life.check(program, library, directory, collector,
                   ["one", life.Do(lambda: idle(collector, 1)), "chroot", "two", "three", "end"],
                   OTEL_BSP_SCHEDULE_DELAY="50")


@pytest.mark.parametrize("how", ["exit-in-handler", "exit", "quick_exit", "_exit", "abort",
                                 "SIGTERM", "SIGKILL"])
def test_a_process_ends_with_a_request_in_flight(directory, library, program, collector, how):
    life.check(program, library, directory, collector, ["one", "two", how])


def test_under_strict_seccomp_nothing_but_read_and_write_is_called(directory, library, program,
                                                                  collector):
    """Not even the clock is read. So the request that brought it is the last one to be seen."""
    seen = life.check(program, library, directory, collector,
                 ["one", life.Keep(["strict"], [f"strict/{i}" for i in range(100)])])
    assert seen.status == 9
