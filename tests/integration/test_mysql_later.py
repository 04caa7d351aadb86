# SPDX-License-Identifier: Apache-2.0
"""What libraries of MySQL do later than, or beside, the call that was asked for it: texts that are
gone, reconnects, later results (tests/programs/mysql_later.c); libmysqlclient's nonblocking calls;
and whether a function of theirs that talks to a server has no hook."""

import os
import subprocess

import pytest

import servers
import spans

SECRETS = ("hunter", "swordfish", servers.DB_PASSWORD)
# (name, db.namespace, db.response.status_code) of each span
EXPECTED = [
    ("CONNECT", "shop", None),
    ("CREATE TABLE items INSERT items CREATE TABLE numbers INSERT numbers CREATE PROCEDURE report",
     "shop", None),
    # nonblocking
    ("CONNECT", "shop", None), ("SELECT items", "shop", None), ("UPDATE items", "shop", "1292"),
    ("SELECT items", "shop", "1054"), ("USE", "shop", None),
    ("CHANGE USER", "information_schema", None), ("SELECT tables", "information_schema", None),
    # reconnecting
    ("CONNECT", "shop", None), ("CONNECT", "shop", None), ("KILL", "shop", None),
    ("INSERT items", "shop", None), ("CONNECT", "shop", None), ("SET", "shop", None),
    ("DELETE items", "shop", None), ("KILL", "shop", None),
    ("PING", "shop", None), ("CONNECT", "shop", None), ("SET", "shop", None),
    ("SELECT items", "shop", None), ("KILL", "shop", None),
    ("STATISTICS", "shop", None), ("CONNECT", "shop", None), ("SET", "shop", None),
    ("SELECT items", "shop", None), ("KILL", "shop", None),
    ("CONNECT", "shop", None), ("SET", "shop", None), ("REPLACE items", "shop", None),
    # later results, alone, after a batch, prepared, and among rows
    ("CALL report", "shop", None), ("CALL report", "shop", "1146"),
    ("INSERT items DELETE items", "shop", None),
    ("CALL report", "shop", None), ("CALL report", "shop", "1146"),
    ("CALL report", "shop", None), ("CALL report", "shop", "1146"),
    ("SELECT SELECT numbers numbers", "shop", None),
    ("SELECT SELECT numbers numbers", "shop", "1242"),
    # made and run at once, and once more
    ("DELETE items", "shop", None), ("DELETE items", "shop", None),
    ("DELETE absent", "shop", "1146")]


def run(arguments, directory, tracing=None):
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    return subprocess.run([str(argument) for argument in arguments], capture_output=True, text=True,
                          cwd=directory, timeout=60, check=False,
                          env={**inherited, **(tracing.environment() if tracing else {})})


def both(arguments, directory, library, name):
    """The spans of a program that does the same untraced and traced, and its lines."""
    tracing = servers.Tracing(library, directory, name, {"OTEL_AGENT_DB_SPANS": "all"})
    plain, traced = run(arguments, directory), run(arguments, directory, tracing)
    assert plain.returncode == 0, plain.stdout + plain.stderr
    assert (traced.stdout, traced.stderr, traced.returncode) == (plain.stdout, plain.stderr, 0)
    for secret in SECRETS:
        assert secret not in tracing.file.read_text()
    return sorted(spans.read(tracing.file), key=lambda span: span.start_ns), plain.stdout


def told(span):
    return (span.name, span.attributes.get("db.namespace"),
            span.attributes.get("db.response.status_code"))


def test_later_than_the_call(library, directory, mariadb):
    program = servers.BUILD / "tests" / "programs" / "mysql_later"
    found, _ = both([program, mariadb.port, "shop", servers.DB_PASSWORD, "shop"], directory,
                    library, "later")
    assert [told(span) for span in found] == EXPECTED
    assert {span.attributes.get("server.address") for span in found} == {"127.0.0.1"}
    assert {span.attributes.get("server.port") for span in found} == {mariadb.port}


def symbols(library):
    text = subprocess.run(["nm", "-D", "--defined-only", str(library)], check=True,
                          capture_output=True, text=True).stdout
    names = {line.split()[2].partition("@")[0] for line in text.splitlines() if line.split()[1] in
             "TW"}
    return {name for name in names if name.startswith(("mysql_", "mariadb_"))}


@pytest.fixture(scope="module")
def connector():
    """Python's extension that has libmysqlclient in it."""
    folder = servers.cache_directory() / "mysql"
    found = list(folder.glob("_mysql_connector*.so"))
    if not found:
        pytest.fail(f"nothing in {folder}: run scripts/bootstrap --test")
    return found[0]
