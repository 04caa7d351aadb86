# SPDX-License-Identifier: Apache-2.0
"""Spans of memcached: what clients of three libraries ask a real server, plain and traced, which changes
nothing of what they print; meta commands, quiet ones, a login; a server program whose calls are its
requests' children; the binary protocol, which is left alone; and the server itself, which asks
nothing."""

import collections
import os
import re
import subprocess

import pytest

import servers
import spans
from memcached_server import Memcached

CALLS = servers.PROGRAMS / "memcached"
SESSION = "4k2j8fh3kq0s9d8f7g6h5j4k3l2m1n0p"
SECRETS = (SESSION, "hunter", "swordfish")
VARYING = re.compile(r"\b(?:exp|la|cas)=-?\d+|\bt\d+")  # times and counts of a server
Call = collections.namedtuple("Call", "operation text size error rows", defaults=(None,) * 3)


def run(arguments, tracing=None, directory=None, text=None):
    inherited = {key: value for key, value in os.environ.items()
                 if not key.startswith(("OTEL_", "LD_PRELOAD"))}
    outcome = subprocess.run(
        [str(argument) for argument in arguments], capture_output=True, text=True, cwd=directory,
        timeout=servers.PATIENCE_SECONDS, check=False, input=text,
        env={**inherited, **(tracing.environment() if tracing else {})})
    outcome.stdout = VARYING.sub("", outcome.stdout)
    return outcome


def read(tracing):
    for secret in SECRETS:
        assert secret not in tracing.file.read_text()
    return sorted(spans.read(tracing.file), key=lambda span: span.start_ns)


@pytest.fixture(scope="module")
def memcached(run_directory):
    with Memcached(run_directory) as server:
        yield server


@pytest.fixture
def both(memcached, library, directory):
    """Runs a program on an empty server plain, then traced, and returns the plain one's output and
    the traced one's spans, by start."""
    def run_both(arguments, server=memcached, text=None, service="calls"):
        tracing = servers.Tracing(library, directory, service)
        outcomes = []
        for how in (None, tracing):
            server.ask(b"flush_all\r\n")
            outcomes.append(run(arguments, how, directory, text))
        plain, traced = outcomes
        assert plain.returncode == 0, plain.stdout + plain.stderr
        assert (traced.stdout, traced.stderr, traced.returncode) == (
            plain.stdout, plain.stderr, plain.returncode)
        return plain.stdout, read(tracing)
    return run_both


def call_of(span):
    said = span.attributes.get
    return Call(said("db.operation.name"), said("db.query.text"), said("db.operation.batch.size"),
                said("db.response.status_code"), said("db.response.returned_rows"))


def check_attributes(span, port):
    said = span.attributes
    assert (span.kind, span.scope) == ("CLIENT", "otelagent.memcached")
    assert (said["db.system.name"], said["db.system"]) == ("memcached", "memcached")
    assert (said["server.address"], said["server.port"]) == ("127.0.0.1", port)
    assert span.name == said["db.operation.name"] == said["db.operation"]
    assert (span.status == "ERROR") == ("db.response.status_code" in said)
    assert said.get("error.type") == said.get("db.response.status_code")
    assert said.get("security.data_masked") == (True if "session:?" in said["db.query.text"] else None)


def get(keys, rows, name="get"):
    return Call(name, f"{name} {keys}", rows=rows)


def one(text, error=None):
    return Call(text.split(" ")[0], text, error=error)


INCREASED = [one("set n ?"), one("incr n ?"), one("decr n ?"), one("touch n ?"), one("delete n"),
             one("delete n")]
BIG = [one("set big ?"), get("big", 1)]

PYMEMCACHE = [
    one("set user:42 ?"), get("user:42", 1), get("none", 0), get("user:42 none a", 1),
    Call("PIPELINE set", "set a ?; set b ?", 2), get("a", 1, "gets"), one("cas a ?"), one("cas a ?"),
    one("add a ?"), one("replace a ?"), one("append a ?"), one("prepend a ?"),
    one("incr user:42 ?", "CLIENT_ERROR"), *INCREASED, one("set n ?"), get("n", 1),
    get("session:?", 0), *BIG, one("stats"), one("version"), one("flush_all"), one("quit")]

PYLIBMC = [
    one("set user:42 ?"), get("user:42", 1), get("none", 0), get("user:42 none a", 1),
    one("add user:42 ?"), one("replace user:42 ?"), one("append user:42 ?"),
    one("prepend user:42 ?"), *INCREASED, get("session:?", 0), *BIG, one("flush_all"), one("quit")]

FAST = [
    one("set user:42 ?"), get("user:42", 1), get("none", 0), get("user:42 none a", 1),
    Call("PIPELINE set", "set a ?; set b ?", 2), get("a", 1, "gets"), one("cas a ?"), one("cas a ?"),
    one("add a ?"), one("replace a ?"), one("append a ?"), one("prepend a ?"),
    *INCREASED, one("set n ?"), get("n", 1), get("session:?", 0), *BIG, one("flush_all")]

# The program, and what it asks.
CLIENTS = {
    "pymemcache": (["/usr/bin/python3", CALLS / "calls_pymemcache.py"], PYMEMCACHE),
    "pylibmc": (["/usr/bin/python3", CALLS / "calls_pylibmc.py"], PYLIBMC),
    "php-memcached": (["php", CALLS / "calls.php"], PYLIBMC),
    "Cache::Memcached::Fast": (["perl", CALLS / "calls_fast.pl"], FAST),
}


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_says_what_it_asked(client, both, memcached):
    arguments, expected = CLIENTS[client]
    if not str(arguments[0]).startswith("/"):
        arguments = [servers.program(arguments[0]), *arguments[1:]]
    printed, found = both([*arguments, memcached.port, SESSION])
    assert "600000" in printed
    assert [call_of(span) for span in found] == expected
    for span in found:
        check_attributes(span, memcached.port)


# Each line is a write; `= X` reads up to the line that begins so.
META = r"""ms user:42 6 T100\r\nhunter\r\n
= HD
mg user:42 v t\r\n
= VA
mg none s\r\n
= EN
mg Zm9v b v\r\n
= EN
md none q\r\nmn\r\n
= MN
ms a 6 q\r\nhunter\r\nms b 6 q I\r\nhunter\r\n
mn\r\n
= MN
mg a v k q\r\nmg none v k q\r\nmg b v k q\r\nmn\r\n
= MN
mg a v k q\r\nmg none v k q\r\nmg b v k\r\n
= VA 6 kb
ma n N100 J5 v\r\n
= VA
ma n q\r\n
mg n v\r\n
= VA
mg session:4k2j8fh3kq0s9d8f7g6h5j4k3l2m1n0p v Ohunter\r\n
= EN
me a\r\n
= ME
gat 100 a b\r\n
= END
gats 100 none\r\n
= END
get a\r\nget none\r\nversion\r\n
= VERSION
set a 0 0
> 6 noreply\r\nhun
ter\r\n
delete a noreply\r\nget a\r\n
= END
mg a z\r\n
= CLIENT_ERROR
stats reset\r\n
= RESET
verbosity 0 noreply\r\n
mn\r\n
= MN
quit\r\n
""".replace("\n> ", " ")


def test_a_first_command_in_pieces_begins_with_its_first_byte(both, memcached):
    """Also where it is not known before its second write what it is."""
    program = [servers.program("python3"), CALLS.parent / "slow_first.py", memcached.port]
    _, [span] = both([*program, "se", r"t a 0 0 1\r\n1\r\n"])
    assert span.name == "set"
    assert span.end_ns - span.start_ns >= 500_000_000
    assert span.attributes["db.duration_ms"] >= 500


def test_meta_and_quiet_commands(both, memcached):
    printed, found = both(["/usr/bin/python3", CALLS / "talk.py", memcached.port], text=META)
    assert "hunter" in printed
    assert [call_of(span) for span in found] == [
        one("ms user:42 ? T?"), get("user:42 v t", 1, "mg"), get("none s", 0, "mg"),
        get("? b v", 0, "mg"), one("md none q; mn"),
        Call("PIPELINE ms", "ms a ? q; ms b ? q I; mn", 2),
        Call("PIPELINE mg", "mg a v k q; mg none v k q; mg b v k q; mn", 3, rows=2),
        Call("PIPELINE mg", "mg a v k q; mg none v k q; mg b v k", 3, rows=2),
        one("ma n N? J? v"), one("ma n q"), get("n v", 1, "mg"),
        get("session:? v O?", 0, "mg"), one("me a"), Call("gat", "gat ? a b", rows=2),
        Call("gats", "gats ? none", rows=0),
        Call("PIPELINE", "get a; get none; version", 3, rows=1), one("set a ?"),
        Call("PIPELINE", "delete a; get a", 2, rows=0), one("mg a z", "CLIENT_ERROR"),
        one("stats reset"), one("verbosity ?"), one("mn"), one("quit")]


def test_errors_say_their_class_only(both, memcached):
    text = r"""set swordfish 0 0 3000000\r\n
= SERVER_ERROR
incr\r\n
= ERROR
get a\r\n
= END
"""
    value = "x" * 2999998 + "\\r\\n"
    text = text.replace("= SERVER_ERROR\n", f"xx{value}\n= SERVER_ERROR\n").replace("swordfish", "k")
    _, found = both(["/usr/bin/python3", CALLS / "talk.py", memcached.port], text=text)
    assert [call_of(span) for span in found] == [
        one("set k ?", "SERVER_ERROR"), one("incr", "ERROR"), get("a", 0)]


def test_a_login_is_not_told(both, directory):
    logins = directory / "logins"
    logins.write_text("jane:swordfish\n")
    logins.chmod(0o644)
    directory.chmod(0o755)
    with Memcached(directory, options=("-Y", logins)) as server:
        login = r"set auth 0 0 14\r\njane swordfish\r\n"
        text = rf"""get a\r\n
= CLIENT_ERROR
{login.replace("swordfish", "xwordfish")}
= CLIENT_ERROR
{login}
= STORED
get a\r\n
= END
"""
        _, found = both(["/usr/bin/python3", CALLS / "talk.py", server.port], server, text)
    assert [call_of(span) for span in found] == [
        Call("get", "get a", None, "CLIENT_ERROR"), one("set auth ?", "CLIENT_ERROR"),
        one("set auth ?"), get("a", 0)]
    assert "jane" not in "".join(str(span.attributes) for span in found)


def test_calls_are_children_of_the_request(memcached, library, directory):
    tracing = servers.Tracing(library, directory, "server")
    port = servers.free_port()
    with servers.Server("server", ["/usr/bin/python3", CALLS / "server.py", port, memcached.port],
                        directory, tracing=tracing) as server:
        server.wait_until(lambda: servers.answers(port, "/ready"), "answer")
        for number in range(20):
            assert servers.answers(port, f"/pages/{number}")
    found = read(tracing)
    requests = [span for span in found if span.kind == "SERVER"]
    assert len(requests) >= 21
    for request in requests:
        calls = [call_of(span) for span in found if span.parent_id == request.span_id]
        assert calls == [one("set page ?"), get("page none", 1), one("set silent ?")]
    assert len(found) == 4 * len(requests)


def test_the_binary_protocol_is_left_alone(both, memcached):
    printed, found = both([servers.program("ruby"), CALLS / "calls_dalli.rb", memcached.port, SESSION])
    assert "600000" in printed
    assert found == []


def test_a_connection_of_the_binary_protocol_is_counted(memcached, library, directory):
    tracing = servers.Tracing(library, directory, "counted", {"OTEL_LOG_LEVEL": "info"})
    outcome = run(["/usr/bin/python3", CALLS / "binary.py", memcached.port], tracing, directory)
    assert outcome.returncode == 0, outcome.stderr
    assert [call_of(span) for span in read(tracing)] == [get("a", 0)]
    counted = re.search(r"lost from view (\d+), heads", outcome.stderr)
    assert counted and int(counted.group(1)) == 1, outcome.stderr


def test_a_server_of_memcached_makes_no_spans(library, directory):
    tracing = servers.Tracing(library, directory, "server")
    answers = []
    for name, how in (("plain", None), ("traced", tracing)):
        with Memcached(directory, name, how) as server:
            outcome = run(["/usr/bin/python3", CALLS / "talk.py", server.port], text=META)
            answers.append((outcome.stdout, outcome.stderr, outcome.returncode))
    assert answers[0] == answers[1]
    assert spans.read(tracing.file) == []
