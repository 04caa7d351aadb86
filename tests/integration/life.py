# SPDX-License-Identifier: Apache-2.0
"""tests/programs/life.c, once without the agent and once with it: the same to see, and a span of
each request."""

import collections
import concurrent.futures
import contextlib
import ctypes
import dataclasses
import os
import socket
import subprocess
import time

import servers
from servers import PATIENCE_SECONDS

CLONE_NEWNET = 0x40000000
HEIRS = 3

LIFE = ["life.c", "life_jumps.c", "life_libraries.c", "life_signals.c"]


def compile_program(output, *options, sources=LIFE, compiler="cc"):
    subprocess.run([compiler, "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O2",
                    "-pthread", "-o", output, *(servers.PROGRAMS / source for source in sources),
                    *options], check=True)
    return output


def world(change):
    """Runs what follows after a change to its mounts."""
    return ["unshare", "--mount", "sh", "-ec", f'{change}; exec "$@"', "sh"]


@dataclasses.dataclass
class Seen:
    """What a client and whoever started the program see of it."""

    answers: list  # of each request: how it began, and how many bytes where there are more
    status: int
    output: str


def request(path):
    return f"GET /{path} HTTP/1.1\r\nHost: life\r\n\r\n".encode()


def ask(port, path, patience=PATIENCE_SECONDS):
    """All bytes that come until the connection ends."""
    with socket.create_connection(("127.0.0.1", port), patience) as connection:
        connection.sendall(request(path))
        return receive(connection)


def receive(connection):
    pieces = []
    try:
        while piece := connection.recv(65536):
            pieces.append(piece)
    except ConnectionResetError:
        pieces.append(b"(reset)")
    return b"".join(pieces)


def run(command, paths, directory, tracing=None, wrap=(), environment=None):
    """The program from its first line to its end, asked for each path in turn."""
    inherited = {name: value for name, value in os.environ.items()
                 if not name.startswith(("OTEL_", "LD_PRELOAD"))}
    process = subprocess.Popen(
        [str(part) for part in (*wrap, *command)], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=directory, text=True,
        env={**inherited, **(tracing.environment() if tracing else {}), **(environment or {})})
    with process:
        said = ""
        while not (line := process.stdout.readline()).strip().isdigit():
            assert line, f"no port, but {said}"
            said += line
        port = int(line)

        def work():
            return [ask_or_say_why(process, port, path, tracing) for path in paths]

        answers = in_network_of(process.pid, work) if "--net" in wrap else work()
        output = said + process.stdout.read()
        return Seen(answers, process.wait(PATIENCE_SECONDS), output)


def ask_or_say_why(process, port, step, traced):
    """As converse(). Where the program can't be asked, its end and what it printed are in the
    error: it may have ended long before, and by a signal."""
    try:
        return converse(port, step, traced)
    except OSError as error:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(2)
        end = process.poll()
        process.kill()
        output, _ = process.communicate()
        raise AssertionError(
            f"asked for {step}: {error!r}; the {'traced' if traced else 'untraced'} program "
            f"{'ran' if end is None else f'had ended with {end}'} and had printed {output!r}"
        ) from error


def in_network_of(pid, work):
    """Does the work on a thread that has entered that process's network namespace."""
    def enter_and_work():
        fd = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
        if ctypes.CDLL(None, use_errno=True).setns(fd, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        os.close(fd)
        return work()

    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        return executor.submit(enter_and_work).result()


@dataclasses.dataclass
class Keep:
    """Requests on one connection; the agent does not see the latter ones."""

    paths: list
    unseen: list


@dataclasses.dataclass
class Often:
    """A request during which the program asks itself, so often, for another path."""

    path: str
    own: str
    times: int


@dataclasses.dataclass
class Split:
    """A request, and what happens when half of its head has arrived."""

    path: str
    between: callable


@dataclasses.dataclass
class Do:
    """Something in between, where the program is traced."""

    what: callable


def converse(port, step, traced):
    if isinstance(step, Do):
        return step.what() if traced else None
    if isinstance(step, Often):
        return ask(port, step.path, patience=PATIENCE_SECONDS + step.times / 50)[:200]
    if isinstance(step, str):
        return ask(port, step)[:200]
    with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as connection:
        if isinstance(step, Split):
            text = request(step.path)
            connection.sendall(text[:10])
            time.sleep(0.1)  # nothing tells when the program has read it
            step.between()
            connection.sendall(text[10:])
            return receive(connection)[:200]
        if isinstance(step, tuple):  # the first one's answer comes when the others have theirs
            connection.sendall(request(step[0]))
            others = [ask(port, other) for other in step[1:]]
            return [receive(connection), *others]
        answers = []
        for path in step.paths + step.unseen:
            connection.sendall(request(path))
            answers.append(connection.recv(1000))
        return answers


def names(step):
    if isinstance(step, Do):
        return []
    if isinstance(step, Split):
        return [step.path]
    if isinstance(step, Often):
        return [step.path, *[step.own] * step.times]
    return step.paths if isinstance(step, Keep) else [step] if isinstance(step, str) else step


def flat(steps):
    return [path for step in steps for path in names(step)]


def check(program, library, directory, collector, paths, *arguments, wrap=(), preload=None,
          heir=True, **variables):
    """The program behaves the same with and without the agent, and each request has its span, once;
    what was seen. A last process of the same service sends what others left."""
    command = program if isinstance(program, list) else [program, *arguments]
    others = {"LD_PRELOAD": preload.replace("AGENT", "")} if preload else {}
    traced_by = tracing(library, directory, collector, **variables)
    plain = run(command, paths, directory, wrap=wrap, environment=others)
    if preload:
        others = {"LD_PRELOAD": preload.replace("AGENT", str(library))}
    traced = run(command, paths, directory, traced_by, wrap, others)
    assert traced == plain
    wanted = collections.Counter(flat(paths))
    for _ in range(HEIRS if heir else 0):  # one has a second at its end; the machine may be busy
        run([heir if heir is not True else command[0]], ["heir", "end"], directory,
            tracing(library, directory, collector))
        wanted += collections.Counter(["heir", "end"])
        if not servers.waiting(traced_by.state):
            break
    found = {path: len(spans) for path, spans in spans_of(collector).items()}
    assert found == dict(wanted)
    assert set(collector.stored().values()) == {1}
    assert not servers.waiting(traced_by.state)
    return traced


def tracing(library, directory, collector, **variables):
    if collector.authority:
        variables["OTEL_EXPORTER_OTLP_CERTIFICATE"] = str(collector.authority.file)
    return servers.Tracing(library, directory, "life", {
        "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
        **variables})


def spans_of(collector):
    """url.path → the attributes of each of its spans as a server; the client may be in the program,
    too."""
    found = {}
    for post in collector.posts:
        for resource in post.request.resource_spans if post.stored else ():
            for scope in resource.scope_spans:
                for span in scope.spans:
                    if span.kind != span.SPAN_KIND_SERVER:
                        continue
                    attributes = {each.key: each.value for each in span.attributes}
                    path = attributes["url.path"].string_value.lstrip("/")
                    found.setdefault(path, []).append(attributes)
    return found
