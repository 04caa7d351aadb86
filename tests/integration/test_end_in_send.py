# SPDX-License-Identifier: Apache-2.0
"""A signal's handler ends the process above the call that sends the answer: uwsgi's workers do so at
SIGTERM. tests/programs/end_in_send.c raises it where it is rarely caught."""

import socket
import subprocess

import pytest

import life
import servers
import spans

READY = "ready"
LAST = "the-last"


@pytest.fixture(scope="module")
def ender(run_directory):
    output = run_directory / "end_in_send.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O2",
                    "-o", output, servers.PROGRAMS / "end_in_send.c", "-ldl"], check=True)
    return output


class Uwsgi(servers.Server):
    """One worker, on a port or a unix socket."""

    def __init__(self, directory, tracing, when, unix):
        self.address = str(directory / "u.sock") if unix else ("127.0.0.1", servers.free_port())
        self.family = socket.AF_UNIX if unix else socket.AF_INET
        place = self.address if unix else "{}:{}".format(*self.address)
        super().__init__("uwsgi", [
            servers.program("uwsgi-core"), "--plugin", "python3", "--http-socket", place, "--master",
            "--workers", "1", "--die-on-term", "--need-app", "--disable-logging",
            "--chdir", servers.PROGRAMS, "--module", "wsgi_app:application"], directory,
            {when: LAST, "PYTHONDONTWRITEBYTECODE": "1"}, tracing)
        self.wait_until(lambda: self.ask(READY).endswith(READY.encode()), "answer")

    def ask(self, path):
        with socket.socket(self.family) as connection:
            connection.settimeout(servers.PATIENCE_SECONDS)
            connection.connect(self.address)
            connection.sendall(life.request(path))
            return life.receive(connection)


def last_span(library, directory, ender, when, unix=False):
    """What the client was answered, and the span of it."""
    tracing = servers.Tracing(library, directory, "uwsgi")
    tracing.variables["LD_PRELOAD"] = f"{library} {ender}"
    with Uwsgi(directory, tracing, when, unix) as server:
        answer = server.ask(LAST)
    [span] = [span for span in spans.parse(tracing.file.read_text().splitlines(), tracing.file)
              if span.attributes.get("url.path") == f"/{LAST}"]
    return answer, span


def test_the_answer_that_had_gone_is_in_the_span(directory, library, ender):
    answer, span = last_span(library, directory, ender, "END_AFTER")
    assert answer.startswith(b"HTTP/1.1 200 OK") and answer.endswith(LAST.encode())
    assert "error.type" not in span.attributes, span
    assert span.attributes["http.response.status_code"] == 200
    assert span.attributes["http.response.body.size"] == len(LAST) + 1


def test_the_answer_that_had_not_gone_is_not(directory, library, ender):
    answer, span = last_span(library, directory, ender, "END_BEFORE")
    assert not answer.startswith(b"HTTP")
    assert span.attributes["error.type"] == "process_ended", span
    assert "http.response.status_code" not in span.attributes


@pytest.mark.parametrize("when", ["END_AFTER", "END_BEFORE"])
def test_where_nobody_can_tell_it_is_incomplete(directory, library, ender, when):
    """On a unix socket the kernel does not say how much it has taken."""
    _, span = last_span(library, directory, ender, when, unix=True)
    assert span.attributes["otelagent.incomplete"] is True, span
    assert not {"error.type", "http.response.status_code"} & set(span.attributes)
