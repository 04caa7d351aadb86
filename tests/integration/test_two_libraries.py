# SPDX-License-Identifier: Apache-2.0
"""Two libraries of the same functions in one process: libmariadb and Oracle's client inside an
extension of Python; Debian's two libcurls and one without symbol versions inside a plugin. Whoever
calls reaches its own, whichever came first, and the spans tell what that one did."""

import collections
import os
import subprocess

import pytest

import servers
import spans
from test_curl import both, headers_name_spans, path_of, programs, web  # fixtures, too

# Says what each library says of itself, of a server that it can't reach and of one that it can.
# STEPS: o Oracle's, m libmariadb; capitals: a child does it, of a parent with threads.
MYSQL = """
import os, sys, threading
steps, folder, port, user, password, schema = sys.argv[1:]
sys.path.insert(0, folder)
order = {"o": "_mysql_connector", "m": "MySQLdb"}
loaded = {step: __import__(order[step]) for step in dict.fromkeys(steps.lower())}

def oracle(port):
    db = loaded["o"].MySQL(plugin_dir=folder + "/mysql/vendor/plugin")
    try:
        db.connect(host="127.0.0.1", port=port, user=user, password=password, database=schema)
    except loaded["o"].MySQLInterfaceError as error:
        return print("oracle", error)
    db.query(b"SELECT 'oracle' AS name")
    print("row", db.fetch_row()[0])
    db.free_result()
    try:
        db.query(b"SELECT * FROM oracle_nowhere")
    except loaded["o"].MySQLInterfaceError as error:
        print("oracle", error.errno, error.sqlstate)
    db.ping()
    db.commit()
    db.close()

def maria(port):
    try:
        db = loaded["m"].connect(host="127.0.0.1", port=port, user=user, passwd=password, db=schema)
    except loaded["m"].Error as error:
        return print("maria", error)
    cursor = db.cursor()
    cursor.execute("SELECT 'maria' AS name")
    print(cursor.fetchall())
    try:
        cursor.execute("SELECT * FROM maria_nowhere")
    except loaded["m"].Error as error:
        print("maria", error)
    db.ping()
    db.commit()
    db.close()

def both_servers(step):
    for number in (1, int(port)):
        (oracle if step == "o" else maria)(number)
    sys.stdout.flush()

if steps != steps.lower():
    threading.Thread(target=threading.Event().wait, daemon=True).start()
for step in steps:
    child = step.isupper() and os.fork()
    if not child:
        both_servers(step.lower())
    if step.isupper() and not child:
        os._exit(0)
    if child:
        print(os.waitpid(child, 0)[1])
"""


@pytest.fixture(scope="module")
def connector():
    """The folder of Python's extension that has libmysqlclient in it."""
    folder = servers.cache_directory() / "mysql"
    if not list(folder.glob("_mysql_connector*.so")):
        pytest.fail(f"nothing in {folder}: run scripts/bootstrap --test")
    return folder


@pytest.mark.parametrize("steps", ["omom", "momo", "oMOm", "mMO"])
def test_each_mysql_library_gets_its_own_calls(library, directory, mariadb, connector, steps):
    tracing = servers.Tracing(library, directory, steps)
    arguments = ["/usr/bin/python3", "-c", MYSQL, steps, connector, mariadb.port, "shop",
                 servers.DB_PASSWORD, "shop"]

    def run(**more):
        # Oracle's needs a newer OpenSSL, which it brings; libmariadb is content with that one.
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
        return subprocess.run([str(argument) for argument in arguments], capture_output=True,
                              text=True, cwd=directory, timeout=60, check=False,
                              env={**inherited, "LD_LIBRARY_PATH": str(connector / "mysql/vendor"),
                                   **more})

    plain, traced = run(), run(**tracing.environment())
    assert plain.returncode == 0, plain.stdout + plain.stderr
    assert plain.stdout.count("row oracle\n") == steps.lower().count("o"), plain.stdout
    assert (traced.stdout, traced.returncode) == (plain.stdout, 0), traced.stderr

    told = collections.Counter(
        (span.name, span.attributes.get("server.port"),
         span.attributes.get("db.response.status_code"), span.attributes.get("db.system.name"))
        for span in spans.read(tracing.file) if span.name not in ("SET", "SELECT", "ROLLBACK"))
    times = collections.Counter(steps.lower())
    assert told == {
        ("CONNECT", 1, "2003", "mysql"): times["o"], ("CONNECT", 1, "2002", "mysql"): times["m"],
        ("CONNECT", mariadb.port, None, "mariadb"): len(steps),
        ("SELECT oracle_nowhere", mariadb.port, "1146", "mariadb"): times["o"],
        ("SELECT maria_nowhere", mariadb.port, "1146", "mariadb"): times["m"],
        ("PING", mariadb.port, None, "mariadb"): len(steps),
        ("COMMIT", mariadb.port, None, "mariadb"): len(steps)}


# Both of tests/programs/curl_plugin.c return 0 where the library that it is bound to did it.
CURL = """
import ctypes, sys
opened = []
for argument in sys.argv[2:]:
    name, _, mode = argument.partition(":")
    opened.append(ctypes.CDLL(name, getattr(ctypes, mode or "RTLD_LOCAL")))
for plugin in [*opened, *opened[::-1]]:
    print(plugin.fetch(int(sys.argv[1])), plugin.fetch_by_multi(int(sys.argv[1])))
"""


@pytest.mark.parametrize("order", [
    ("builtin", "gnutls", "openssl"), ("openssl", "builtin", "gnutls"),
    ("gnutls", "openssl", "builtin"), ("openssl:RTLD_GLOBAL", "builtin")], ids=" ".join)
def test_each_libcurl_gets_its_own_calls(programs, library, directory, web, order):
    names = [name.partition(":") for name in order]
    plugins = [f"{programs}/libcurl_{name}.so{colon}{mode}" for name, colon, mode in names]
    plain, found = both(["/usr/bin/python3", "-c", CURL, web.port, *plugins], library, directory,
                        web)
    assert plain.stdout == "0 0\n" * len(order) * 2, plain.stdout + plain.stderr
    headers_name_spans(found, web)
    told = collections.Counter((path_of(span), span.attributes.get("http.response.status_code"))
                               for span in found)
    assert told == {(f"/plugin/{name}", 200): 4 for name, _, _ in names}
