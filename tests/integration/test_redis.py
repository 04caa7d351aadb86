# SPDX-License-Identifier: Apache-2.0
"""Spans of Redis: what six clients ask a real server, plain and traced, which changes nothing of
what they print; a cluster that sends them elsewhere; PHP's sessions, whose keys are credentials; and the
server itself, which asks nothing."""

import collections
import contextlib
import json
import socket
import struct
import threading
import time

import pytest

import servers
import spans
from redis_server import PASSWORD, Redis, run

CALLS = servers.PROGRAMS / "redis"
SESSION = "4k2j8fh3kq0s9d8f7g6h5j4k3l2m1n0p"
MISPLACED = "Xsecret77xX"
SECRETS = (PASSWORD, SESSION, "hunter")
Call = collections.namedtuple("Call", "operation text size error namespace")


@pytest.fixture(scope="module")
def redis(run_directory):
    with Redis(run_directory) as server:
        yield server


@pytest.fixture
def both(redis, library, directory):
    """Runs a program on an empty server plain, then traced, and returns the plain one's output and
    the traced one's spans, by start."""
    def run_both(arguments, service="calls", **options):
        tracing = servers.Tracing(library, directory, service)
        outcomes = []
        for how in (None, tracing):
            redis.ask("FLUSHALL")
            outcomes.append(run(arguments, how, directory, **options))
        plain, traced = outcomes
        assert plain.returncode == 0, plain.stdout + plain.stderr
        assert (traced.stdout, traced.stderr, traced.returncode) == (
            plain.stdout, plain.stderr, plain.returncode)
        for secret in SECRETS:
            assert secret not in tracing.file.read_text()
        found = spans.read(tracing.file)
        return plain.stdout, sorted(found, key=lambda span: span.start_ns)
    return run_both


def call_of(span):
    said = span.attributes.get
    return Call(said("db.operation.name"), said("db.query.text"), said("db.operation.batch.size"),
                said("db.response.status_code"), said("db.namespace"))


SETS_UP = {"AUTH", "HELLO", "SELECT", "CLIENT", "PING", "INFO", "COMMAND", "QUIT"}


def in_capitals(text):
    """Names of commands in capitals: some clients write them small."""
    return "; ".join(" ".join([command.split(" ")[0].upper(), *command.split(" ")[1:]])
                     for command in text.split("; "))


def asked(found):
    """The calls but for what only sets up a connection."""
    calls = [call_of(span) for span in found]
    calls = [call._replace(operation=call.operation.upper(), text=in_capitals(call.text))
             for call in calls]
    return [call for call in calls
            if not {text.split(" ")[0] for text in call.text.split("; ")} & SETS_UP]


# What each program of tests/programs/redis asks.
CALLED = [Call("SET", "SET user:42 ?", None, None, "1"),
          Call("GET", "GET user:42", None, None, "1"),
          Call("LPUSH", "LPUSH user:42 ?", None, "WRONGTYPE", "1"),
          Call("PIPELINE GET", "GET a; GET b", 2, None, "1"),
          Call("PIPELINE", "SET a ?; INCR n", 2, None, "1"),
          Call("MULTI", "SET a ?; INCR n", 2, None, "1"),
          Call("SUBSCRIBE", "SUBSCRIBE news", None, None, "1"),
          Call("PUBLISH", "PUBLISH news ?", None, None, "1"),
          Call("UNSUBSCRIBE", "UNSUBSCRIBE", None, None, "1"),
          Call("GET", "GET PHPREDIS_SESSION:?", None, None, "1"),
          Call("ECHO", "ECHO ?", None, None, "1")]

# Each command of a pipeline in a write of its own is a span of its own.
APART = [*CALLED[:3], *(Call(text.split(" ")[0], text, None, None, "1")
                        for text in ("GET a", "GET b", "SET a ?", "INCR n")), *CALLED[5:]]

# The program, and what of these it does not ask.
CLIENTS = {
    "redis-py": (["/usr/bin/python3", CALLS / "calls.py"], {"UNSUBSCRIBE"}),
    "ioredis": (["node", CALLS / "ioredis.js"], {"UNSUBSCRIBE"}),
    "node-redis": (["node", CALLS / "node_redis.js"], {"UNSUBSCRIBE"}),
    "redis-rb": (["ruby", CALLS / "calls.rb"], set()),
    "phpredis": (["php", CALLS / "calls.php"], {"SUBSCRIBE", "UNSUBSCRIBE"}),
    "hiredis": ([servers.BUILD / "tests" / "programs" / "redis_calls"], {"UNSUBSCRIBE"}),
}


def check_attributes(span, port):
    said = span.attributes
    failed = "db.response.status_code" in said
    assert (span.kind, span.scope) == ("CLIENT", "otelagent.redis")
    assert said["db.system.name"] == "redis"
    assert said["db.redis.database_index"] == int(said["db.namespace"])
    assert (said["server.address"], said["server.port"]) == ("127.0.0.1", port)
    assert span.name == said["db.operation.name"]
    assert (span.status == "ERROR") == failed
    assert said.get("error.type") == said.get("db.response.status_code")


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_says_what_it_asked(client, both, redis):
    arguments, omitted = CLIENTS[client]
    if arguments[0] in ("node", "ruby", "php"):
        arguments = [servers.program(arguments[0]), *arguments[1:]]
    modules = "/usr/share/nodejs" if client == "node-redis" else str(
        servers.cache_directory() / "node" / "node_modules")
    printed, found = both([*arguments, redis.port, PASSWORD, SESSION], NODE_PATH=modules)
    assert "600000" in printed
    expected = APART if client == "redis-rb" else CALLED
    assert asked(found) == [call for call in expected if call.operation not in omitted]
    for span in found:
        check_attributes(span, redis.port)


def test_a_connections_first_command_begins_with_its_first_byte(both, redis):
    """Also where it is not known before its second write what it is."""
    program = [servers.program("python3"), CALLS.parent / "slow_first.py", redis.port]
    _, [span] = both([*program, r"*3\r\n$3\r", r"\nSET\r\n$1\r\na\r\n$1\r\n1\r\n"])
    assert span.name == "SET"
    assert span.end_ns - span.start_ns >= 500_000_000
    assert span.attributes["db.duration_ms"] >= 500


def test_redis_cli_says_what_it_asked(both, redis):
    commands = ["SELECT 1", "set user:42 hunter", "GET user:42", "LPUSH user:42 hunter", "MULTI",
                "SET a hunter", "INCR n", "EXEC", f"GET PHPREDIS_SESSION:{SESSION}",
                "CONFIG SET requirepass swordfish", "HMSET myhash field1 hunter field2 hunter",
                "nosuch hunter"]
    _, found = both(redis.cli(), text="\n".join(commands) + "\n")
    calls = [call_of(span) for span in found]
    assert [call for call in calls if call.operation not in ("COMMAND", "HELLO", "PING")] == [
        Call("AUTH", "AUTH", None, None, "0"),
        Call("SELECT", "SELECT 1", None, None, "1"),
        Call("set", "set user:42 ?", None, None, "1"),
        Call("GET", "GET user:42", None, None, "1"),
        Call("LPUSH", "LPUSH user:42 ?", None, "WRONGTYPE", "1"),
        Call("MULTI", "SET a ?; INCR n", 2, None, "1"),
        Call("GET", "GET PHPREDIS_SESSION:?", None, None, "1"),
        Call("CONFIG", "CONFIG SET", None, None, "1"),
        Call("HMSET", "HMSET myhash field1 ? field2 ?", None, None, "1"),
        Call("nosuch", "nosuch ?", None, "ERR", "1")]


def test_a_wrong_password_is_an_error_and_not_told(redis, library, directory):
    tracing = servers.Tracing(library, directory, "cli")
    outcome = run([servers.program("redis-cli"), "-p", redis.port, "AUTH", "jane", "open-sesame"],
                  tracing)
    assert "WRONGPASS" in outcome.stdout
    span, = [span for span in spans.read(tracing.file) if span.name == "AUTH"]
    assert call_of(span) == Call("AUTH", "AUTH", None, "WRONGPASS", "0")
    assert "open-sesame" not in tracing.file.read_text()
    assert "jane" not in tracing.file.read_text()


def test_a_secret_is_hidden_wherever_it_stands(library, directory):
    """Also where the server refuses it: it was sent, and could be told of."""
    tracing = servers.Tracing(library, directory, "secrets")
    outcomes = []
    for name, how in (("plain", None), ("traced", tracing)):
        with Redis(directory, name, password="") as server:
            outcomes.append(run(["/usr/bin/python3", CALLS / "secrets.py", server.port, MISPLACED],
                                how))
    plain, traced = outcomes
    assert (traced.stdout, traced.stderr) == (plain.stdout, plain.stderr)
    assert plain.stdout.count("\n") > 90, plain.stderr
    found = [json.dumps([span.name, span.attributes, span.events])
             for span in spans.read(tracing.file)]
    assert len(found) > 80
    assert [said for said in found if MISPLACED.lower() in said.lower()] == []


@contextlib.contextmanager
def going_server(answer, resets):
    """A server that reads, says `answer`, and goes; its port."""
    def serve(listener):
        connection, _ = listener.accept()
        connection.recv(1000)
        connection.sendall(answer)
        if resets:
            time.sleep(0.3)  # for the answer to be read
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=serve, args=(listener,))
        serving.start()
        yield listener.getsockname()[1]
        serving.join()


@pytest.mark.parametrize("answer,resets,expected", [
    (b"", False, ["connection_closed", "connection_closed"]),
    (b"$1\r\nx\r\n", False, [None, "connection_closed"]),
    (b"$100\r\nhalf", False, ["connection_closed", "connection_closed"]),
    (b"$1\r\nx\r\n$100", True, [None, "ECONNRESET"]),
    (b"$1\r\nx\r\n$-1\r\n", False, [None, None])],
    ids=["nothing", "one", "half", "reset", "both"])
def test_what_is_not_answered_ends_with_its_server(answer, resets, expected, library, directory):
    """The program never closes: what is told is told at the end of the stream."""
    tracing = servers.Tracing(library, directory, "ends")
    printed = []
    for how in (None, tracing):
        with going_server(answer, resets) as port:
            printed.append(run(["/usr/bin/python3", CALLS / "ends.py", port, len(answer)],
                               how).stdout)
    assert printed == [f"{'reset' if resets else 'end'} True\n"] * 2
    found = sorted(spans.read(tracing.file), key=lambda span: span.start_ns)
    print([(call_of(span), span.attributes) for span in found])
    assert [span.attributes.get("error.type") for span in found] == expected
    assert all((span.status == "ERROR") == bool(error) for span, error in zip(found, expected))


def test_calls_that_find_no_room_are_counted(library, directory, redis):
    tracing = servers.Tracing(library, directory, "crowd", {"OTEL_LOG_LEVEL": "info"})
    outcome = run(["/usr/bin/python3", CALLS / "crowd.py", redis.port, PASSWORD, 200], tracing)
    assert outcome.stdout == "200\n"
    found = [span for span in spans.read(tracing.file) if span.name == "GET"]
    assert len(found) == 63
    assert "spans ended 201," in outcome.stderr and "no memory 137;" in outcome.stderr, (
        outcome.stderr)


def test_the_key_of_a_session_is_hidden(both, redis):
    path = f"tcp://127.0.0.1:{redis.port}?auth={PASSWORD}&database=2"
    arguments = [servers.program("php"), "-d", "session.save_handler=redis", "-d",
                 f'session.save_path="{path}"', "-d", "session.use_strict_mode=0",
                 CALLS / "session.php", SESSION]
    _, found = both(arguments)
    calls = [call_of(span) for span in found if span.name not in ("AUTH", "SELECT")]
    assert {call.text.split(" ", 1)[1] for call in calls} == {
        "PHPREDIS_SESSION:?", "PHPREDIS_SESSION:? ? ?"}
    assert {call.namespace for call in calls} == {"2"}
    assert redis.ask("-n", "2", "EXISTS", f"PHPREDIS_SESSION:{SESSION}") == "1\n"
    for span in found:
        assert span.attributes.get("security.data_masked") is (
            True if "PHPREDIS" in span.attributes["db.query.text"] else None)


def test_a_cluster_sends_a_client_elsewhere(library, directory):
    nodes = []
    try:
        for number in range(3):
            folder = directory / str(number)
            folder.mkdir()
            nodes.append(Redis(folder, f"node{number}", password="", options=(
                "--cluster-enabled", "yes", "--cluster-config-file", folder / "nodes.conf",
                "--cluster-port", servers.free_port())))
        for number, node in enumerate(nodes):
            first, last = number * 5462, min(number * 5462 + 5461, 16383)
            assert node.ask("CLUSTER", "ADDSLOTSRANGE", str(first), str(last)) == "OK\n"
            bus = node.ask("CLUSTER", "NODES").split("@")[1].split(" ")[0].split(",")[0]
            assert nodes[0].ask("CLUSTER", "MEET", "127.0.0.1", str(node.port), bus) == "OK\n"
        for node in nodes:
            node.wait_until(lambda node=node: "cluster_state:ok" in node.ask("CLUSTER", "INFO"),
                            "cluster")
        tracing = servers.Tracing(library, directory, "cli")
        words = [servers.program("redis-cli"), "-c", "-p", nodes[0].port]
        for key in ("foo", "bar", "hello"):
            plain, traced = run([*words, "SET", key, "hunter"]), run([*words, "SET", key, "hunter"],
                                                                     tracing)
            assert (traced.stdout, traced.stderr) == (plain.stdout, plain.stderr) == ("OK\n", "")
    finally:
        for node in nodes:
            node.stop()
    found = spans.read(tracing.file)
    assert {span.status for span in found} == {"UNSET"}
    texts = collections.Counter(span.attributes["db.query.text"] for span in found)
    # Slots 12182, 5061 and 866: the first node has the last two.
    assert (texts["SET foo ?"], texts["SET bar ?"], texts["SET hello ?"]) == (2, 1, 1), texts
    assert len({span.attributes["server.port"] for span in found}) == 2


def test_a_server_of_redis_makes_no_spans(library, directory):
    tracing = servers.Tracing(library, directory, "server")
    plain = {}
    for name, how in (("plain", None), ("traced", tracing)):
        with Redis(directory, name, how) as server:
            plain[name] = [server.ask("SET", "a", "1"), server.ask("GET", "a"),
                           run(server.cli(), text="MULTI\nGET a\nEXEC\n").stdout,
                           server.ask("INFO", "replication").split("\n")[1]]
    assert plain["plain"] == plain["traced"]
    assert spans.read(tracing.file) == []


def test_every_command_of_the_server_is_known(redis):
    """Keys are shown only of commands that the table has; so it should have all of the server's."""
    names = [name for name in redis.ask("COMMAND", "LIST").split() if "|" not in name]
    table = (servers.TREE / "agent" / "protocols" / "redis" / "redis_commands.def").read_text()
    assert len(names) > 200
    assert [name for name in names if f'REDIS_COMMAND("{name.upper()}"' not in table] == []
