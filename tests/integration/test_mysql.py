# SPDX-License-Identifier: Apache-2.0
"""Spans of libmariadb: every call of tests/programs/mysql_calls.c against a real server, and
Python's extension, which opens the library where the agent's symbol search can't see it."""

import os
import subprocess

import pytest

import servers

SECRETS = ("hunter", "swordfish", "open-sesame", "prepared-secret", "wrong-password",
           servers.DB_PASSWORD, "committed", "rolled back")


def run(arguments, directory, tracing=None):
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    return subprocess.run([str(argument) for argument in arguments], capture_output=True, text=True,
                          cwd=directory, timeout=60, check=False,
                          env={**inherited, **(tracing.environment() if tracing else {})})


@pytest.fixture(scope="module")
def program():
    build = os.environ.get("OTELAGENT_BUILD") or servers.TREE / "build" / "release"
    path = servers.pathlib.Path(build) / "tests" / "programs" / "mysql_calls"
    if not path.exists():
        pytest.fail(f"{path} is missing: scripts/bootstrap --test, then build")
    return path


@pytest.fixture
def calls(program, library, directory, mariadb):
    """What mysql_calls prints untraced and traced, and the spans of the traced run."""
    import spans
    arguments = [program, "127.0.0.1", mariadb.port, mariadb.socket, "shop", servers.DB_PASSWORD,
                 "shop"]
    tracing = servers.Tracing(library, directory, "calls")
    plain, traced = run(arguments, directory), run(arguments, directory, tracing)
    assert plain.returncode == 0, plain.stdout + plain.stderr
    assert (traced.stdout, traced.stderr, traced.returncode) == (plain.stdout, plain.stderr, 0)
    for secret in SECRETS:
        assert secret not in tracing.file.read_text()
    return sorted(spans.read(tracing.file), key=lambda span: span.start_ns)


def said(span, name):
    return span.attributes.get(name)


def test_every_call_once_and_with_its_meaning(calls, mariadb):
    assert {(span.kind, span.scope) for span in calls} == {("CLIENT", "otelagent.mysql")}
    names = [span.name for span in calls]
    assert names == [
        "CONNECT", "CREATE TABLE people", "INSERT people", "SELECT people", "UPDATE people",
        "DELETE people", "INSERT people", "SELECT nowhere", "mariadb", "SELECT people", "SELECT",
        # transactions
        "SET", "INSERT people", "COMMIT", "INSERT people", "ROLLBACK", "SET",
        # several statements in one text, the last of which fails
        "SELECT INSERT people", "SELECT INSERT people",
        # sent and read apart
        "SELECT people", "SELECT people",
        # prepared: executed twice, then one that can't be prepared
        "INSERT people", "INSERT people", "SELECT",
        # places
        "USE", "SELECT tables", "USE shop", "SELECT people", "USE", "CHANGE USER", "SELECT tables",
        "PING",
        # by socket, nonblocking, refused, denied
        "CONNECT", "SELECT", "CONNECT", "SELECT", "SELECT", "CONNECT", "CONNECT",
        # jumped out of a query, which goes on until its connection is closed
        "CONNECT", "SELECT", "CONNECT", "SELECT",
        # a lock wait and a retry
        "CONNECT", "CONNECT", "CREATE TABLE locks", "REPLACE locks", "SET", "BEGIN",
        "UPDATE locks", "UPDATE locks", "COMMIT", "UPDATE locks", "DROP TABLE locks"]
    first = calls[1]
    assert said(first, "db.system.name") == "mariadb"
    assert said(first, "server.address") == "127.0.0.1"
    assert said(first, "server.port") == mariadb.port
    assert said(first, "db.user") == "shop"
    assert said(first, "db.connection_string") == f"mysql://127.0.0.1:{mariadb.port}/shop"
    assert said(calls[3], "db.query.text") == (
        "SELECT name FROM people WHERE name = ? OR id IN (?)")
    assert said(calls[2], "db.rows_affected") == 2


def test_failures_are_told(calls):
    failed = [(span.name, said(span, "db.response.status_code"), said(span, "error.type"))
              for span in calls if span.status == "ERROR"]
    assert failed == [
        ("INSERT people", "1062", "23000"), ("SELECT nowhere", "1146", "42S02"),
        ("mariadb", "1064", "42000"), ("SELECT INSERT people", "1062", "23000"),
        ("SELECT people", "1054", "42S22"), ("INSERT people", "1062", "23000"),
        ("SELECT", "1064", "42000"), ("USE", "1044", "42000"),
        ("CONNECT", "2002", "CR_CONNECTION_ERROR"), ("CONNECT", "1045", "28000"),
        ("UPDATE locks", "1205", "HY000")]
    for span in calls:
        exceptions = [event for event, _ in span.events if event == "exception"]
        assert len(exceptions) == (span.status == "ERROR"), span
    assert said(calls[6], "error.message") == "Duplicate entry ?"


def test_slow_and_repeated_statements_are_marked(calls):
    slow = [span for span in calls if said(span, "db.slow_query")]
    # Others may be slow, too, on a busy machine.
    assert slow == [span for span in calls if span.end_ns - span.start_ns >= 100_000_000]
    assert {"SELECT", "UPDATE locks"} <= {span.name for span in slow}
    sleeping = next(span for span in slow if span.name == "SELECT")
    name, event = sleeping.events[0]
    assert name == "slow_query_detected"
    assert event["query.threshold_ms"] == 100 and event["query.duration_ms"] >= 150
    again, = [span for span in calls if said(span, "db.attempt")]
    assert said(again, "db.attempt") == 2
    assert again.events[0][0] == "db_retry" and again.events[0][1]["error.type"] == "1205"


def test_the_place_follows_the_connection(calls, mariadb):
    places = [said(span, "db.namespace") for span in calls[24:31]]
    assert places == ["information_schema", "information_schema", "shop", "shop", "shop",
                      "information_schema", "information_schema"]
    by_socket = calls[33]
    assert said(by_socket, "server.address") == str(mariadb.socket)
    assert said(by_socket, "network.transport") == "unix"
    assert said(by_socket, "server.port") is None


PYTHON = """
import MySQLdb, sys
db = MySQLdb.connect(unix_socket=sys.argv[1], user="shop", passwd=sys.argv[2], db="shop")
cursor = db.cursor()
cursor.execute("SELECT 'swordfish' FROM DUAL")
print(cursor.fetchall())
try:
    cursor.execute("SELECT * FROM nowhere WHERE a = 'hunter two'")
except MySQLdb.Error as error:
    print(error)
db.commit()
db.close()
"""


def test_python_loads_the_library_by_itself(library, directory, mariadb):
    import spans
    arguments = ["/usr/bin/python3", "-c", PYTHON, mariadb.socket, servers.DB_PASSWORD]
    tracing = servers.Tracing(library, directory, "python")
    plain, traced = run(arguments, directory), run(arguments, directory, tracing)
    assert plain.returncode == 0, plain.stderr
    assert (traced.stdout, traced.stderr, traced.returncode) == (plain.stdout, plain.stderr, 0)
    found = sorted(spans.read(tracing.file), key=lambda span: span.start_ns)
    assert [span.name for span in found if span.name != "SET"] == [
        "CONNECT", "SELECT", "SELECT nowhere", "COMMIT"]
    for secret in SECRETS:
        assert secret not in tracing.file.read_text()


GENERATED = """
import MySQLdb, sys, uuid
db = MySQLdb.connect(unix_socket=sys.argv[1], user="shop", passwd=sys.argv[2], db="shop")
cursor = db.cursor()
def ask(text):
    try:
        cursor.execute(text)
    except MySQLdb.Error:
        pass
for i in range(300):
    ask("select * from tmp_%d" % (81723 + i * 7))
    ask("select * from part_%s" % uuid.UUID(int=i * 2 ** 100 + i).hex)
    ask("select * from `log_2026_%02d_%02d`" % (i // 28 + 1, i % 28 + 1))
    ask("execute stmt_%d" % i)
ask("select * from utf8_words")
"""


def test_names_do_not_grow_with_generated_tables(library, directory, mariadb):
    import spans
    tracing = servers.Tracing(library, directory, "generated")
    ran = run(["/usr/bin/python3", "-c", GENERATED, mariadb.socket, servers.DB_PASSWORD],
              directory, tracing)
    assert ran.returncode == 0, ran.stderr
    found = [span for span in spans.read(tracing.file)
             if span.name.split()[0] in ("SELECT", "EXECUTE") and " " in span.name]
    assert {span.name for span in found} == {
        "SELECT tmp_?", "SELECT part_?", "SELECT log_?", "EXECUTE stmt_?", "SELECT utf8_words"}
    assert {span.name for span in found} == {span.attributes["db.query.summary"] for span in found}
    tables = {span.attributes.get("db.collection.name") for span in found}
    assert len(found) == 1201 and len(tables - {None}) == 901 and "tmp_81730" in tables


def test_a_sampled_out_program_says_nothing(program, library, directory, mariadb):
    tracing = servers.Tracing(library, directory, "off", {"OTEL_TRACES_SAMPLER": "always_off"})
    traced = run([program, "127.0.0.1", mariadb.port, mariadb.socket, "shop", servers.DB_PASSWORD,
                  "shop"], directory, tracing)
    assert traced.returncode == 0
    assert tracing.file.read_text() == ""


def test_the_library_comes_and_goes(program, library, directory, mariadb, monkeypatch):
    """A hundred times, in two threads: each call reaches the library that is there now."""
    import spans
    monkeypatch.setenv("PASSWORD", servers.DB_PASSWORD)
    tracing = servers.Tracing(library, directory, "plugins")
    arguments = [program.parent / "plugins", mariadb.port, 50,
                 program.parent / "libmysql_plugin.so"]
    plain, traced = run(arguments, directory), run(arguments, directory, tracing)
    assert plain.stdout == "has gone\n", plain.stdout + plain.stderr
    assert (traced.stdout, traced.stderr, traced.returncode) == (plain.stdout, plain.stderr, 0)
    names = [span.name for span in spans.read(tracing.file)]
    assert sorted(names) == ["CONNECT"] * 100 + ["SELECT"] * 100
