# SPDX-License-Identifier: Apache-2.0
"""What libraries of MySQL do later than, or beside, the call that was asked for it: texts that are
gone, reconnects, later results (tests/programs/mysql_later.c); libmysqlclient's nonblocking calls;
and whether a function of theirs that talks to a server has no hook."""

import os
import subprocess

import pytest

import accounts
import servers
import spans

SECRETS = ("hunter", "swordfish", servers.DB_PASSWORD)
# (name, db.namespace, db.response.status_code) of each span
EXPECTED = [
    ("CONNECT", "shop", None),
    ("CREATE TABLE items INSERT items CREATE TABLE numbers INSERT numbers CREATE PROCEDURE report",
     "shop", None),
    ("SHOW PROCESSLIST", "shop", None),
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


@pytest.mark.parametrize("how", ["close", "exit", "fork"])
def test_a_call_that_never_ends_is_told_or_counted(library, directory, mariadb, how):
    program = servers.BUILD / "tests" / "programs" / "mysql_later"
    tracing = servers.Tracing(library, directory, how, {"OTEL_LOG_LEVEL": "info"})
    place = [program, mariadb.port, "shop", servers.DB_PASSWORD, "shop"]
    assert run(place, directory).returncode == 0  # makes the tables
    done = run([*place, how], directory, tracing)
    assert done.returncode == 0 and "waits: 1" in done.stdout, done.stdout + done.stderr
    found = [span for span in spans.read(tracing.file) if span.name == "SELECT numbers"]
    counted = accounts.read(done.stderr)
    assert len(found) == (0 if how == "exit" else 1), found
    accounts.balance(counted, 3 if how == "fork" else 2)  # with connects, one of them a child's
    assert counted.abandoned == (1 if how == "exit" else 0), done.stderr
    if how == "fork":  # the parent's
        assert found[0].end_ns - found[0].start_ns >= 1e9


def test_a_failure_without_a_reason_has_none(library, directory, mariadb):
    program = servers.BUILD / "tests" / "programs" / "mysql_later"
    place = [program, mariadb.port, "shop", servers.DB_PASSWORD, "shop"]
    assert run(place, directory).returncode == 0  # makes the tables
    tracing = servers.Tracing(library, directory, "refused")
    done = run([*place, "refused"], directory, tracing)
    assert "prepare: 1, 0" in done.stdout, done.stdout + done.stderr
    failed, = (span for span in spans.read(tracing.file) if span.status == "ERROR")
    assert failed.name == "SELECT items" and failed.attributes["error.type"] == "_OTHER"
    assert "error.message" not in failed.attributes
    assert "db.response.status_code" not in failed.attributes


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


# Not in this list and without a hook: a function that nobody has looked at.
REMEMBERED = """affected_rows data_seek debug embedded eof errno error fetch_field fetch_field_direct
    fetch_fields fetch_lengths field_count field_seek field_tell get_client_info get_client_version
    get_client_info_with_version_update get_server_info_with_version_update get_host_info
    get_option get_optionv get_parameters get_proto_info get_server_info get_server_name
    get_server_version get_socket get_ssl_cipher get_ssl_session_data get_ssl_session_reused
    free_ssl_session_data get_timeout_value get_timeout_value_ms get_connect_nonblocking_stage
    get_character_set_info get_charset_by_name get_charset_by_nr character_set_name info insert_id
    more_results num_fields num_rows result_metadata row_seek row_tell sqlstate thread_id
    warning_count use_result session_track_get_first session_track_get_next server_last_errno
    server_last_error stmt_affected_rows stmt_attr_get stmt_attr_set stmt_bind_named_param
    stmt_bind_param stmt_bind_result stmt_data_seek stmt_errno stmt_error stmt_fetch_column
    stmt_field_count stmt_insert_id stmt_more_results stmt_num_rows stmt_param_count
    stmt_param_metadata stmt_result_metadata stmt_row_seek stmt_row_tell stmt_sqlstate
    stmt_warning_count bind_param"""  # told from memory
PREPARED = """options options4 optionsv plugin_options plugin_get_option ssl_set load_plugin
    load_plugin_v client_find_plugin client_register_plugin client_plugin_init
    client_plugin_deinit client_builtins ps_fetch_functions read_default_options
    reset_server_public_key set_local_infile_default set_local_infile_handler server_init
    server_end thread_init thread_end thread_safe extension_init extension_free
    extension_bind_free close_free close_free_options clear_session_track_info
    decode_session_track_payload int_serialize_param_data escape_string hex_string
    real_escape_string real_escape_string_quote net_field_length"""  # nothing goes over the wire
BY_ANOTHER = """list_dbs list_tables set_character_set reconnect"""
# by mysql_query(), mysql_real_query() and mysql_real_connect(), whose spans these are
ROWS = """fetch_row fetch_row_start fetch_row_nonblocking free_result free_result_start
    free_result_nonblocking"""  # of a result whose statement has its span; rows are not timed
RAW = """binlog_open binlog_fetch binlog_close net_read_packet"""  # a replica's endless stream
MARIADB = """get_info get_infov connection cancel convert_string deinitialize_ssl field_attr
    get_charset_by_name get_charset_by_nr stmt_fetch_fields free_rpl_event rpl_close rpl_errno
    rpl_error rpl_extract_rows rpl_fetch rpl_get_optionsv rpl_init_ex rpl_open
    rpl_optionsv"""  # memory, closing a socket, a replica's stream
WITHOUT = {f"mysql_{name}" for names in (REMEMBERED, PREPARED, BY_ANOTHER, ROWS, RAW)
           for name in names.split()} | {f"mariadb_{name}" for name in MARIADB.split()}


def unknown(names, hooks):
    """_cont goes on with a call that has its hook at _start, or is named above."""
    starts = {name.removesuffix("_cont") + "_start" if name.endswith("_cont") else name
              for name in names}
    return sorted(starts - hooks - WITHOUT)


def test_no_function_that_talks_is_missing(library, connector):
    hooks = symbols(library)
    mariadb = next(path for path in (servers.pathlib.Path(folder) / "libmariadb.so.3" for folder in
                   ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu")) if path.exists())
    theirs = symbols(mariadb), symbols(connector)
    assert min(len(names) for names in theirs) > 100
    assert unknown(theirs[0], hooks) == []
    assert unknown(theirs[1], hooks) == []
    assert sorted(WITHOUT & hooks) == [], "hooked and said not to be"


NONBLOCKING = """
import ctypes, os, sys
sys.setdlopenflags(os.RTLD_NOW | os.RTLD_GLOBAL)
sys.path.insert(0, sys.argv[1])
import _mysql_connector
library = ctypes.CDLL(None)
library.mysql_init.restype = ctypes.c_void_p
library.mysql_thread_id.restype = ctypes.c_ulong
RECONNECT, PLUGIN_DIR = 15, 16
def handle():
    mysql = ctypes.c_void_p(library.mysql_init(None))
    library.mysql_options(mysql, RECONNECT, ctypes.byref(ctypes.c_bool(True)))
    library.mysql_options(mysql, PLUGIN_DIR, (sys.argv[1] + "/mysql/vendor/plugin").encode())
    return mysql
def until_ready(name, *arguments):
    function = getattr(library, name)
    while (status := function(*arguments)) == 1:
        pass
    print(name, status)
def place():
    return (b"127.0.0.1", b"shop", sys.argv[3].encode(), b"shop",
            ctypes.c_uint(int(sys.argv[2])), None, ctypes.c_ulong(1 << 16))
def ask(mysql, text):
    copy = ctypes.create_string_buffer(text)
    until_ready("mysql_real_query_nonblocking", mysql, copy, ctypes.c_ulong(len(text)))
    while True:
        result = ctypes.c_void_p()
        until_ready("mysql_store_result_nonblocking", mysql, ctypes.byref(result))
        if result:
            library.mysql_free_result(result)
        if not library.mysql_more_results(mysql):
            break
        until_ready("mysql_next_result_nonblocking", mysql)
mysql = handle()
until_ready("mysql_real_connect_nonblocking", mysql, *place())
ask(mysql, b"SELECT SLEEP(0.1) FROM DUAL WHERE 'hunter two' <> 'x'")
ask(mysql, b"SELECT * FROM absent WHERE a = 'hunter two'")
ask(mysql, b"SELECT 1 FROM DUAL; SELECT 2 FROM elsewhere")
until_ready("mysql_reset_connection_nonblocking", mysql)
killer = handle()
library.mysql_real_connect(killer, *place())
library.mysql_query(killer, b"KILL %d" % library.mysql_thread_id(mysql))
print(library.mysql_ping(mysql), library.mysql_query(mysql, b"DO 1"))
library.mysql_close(killer)
library.mysql_close(mysql)
"""


def test_libmysqlclient(library, directory, mariadb, connector):
    found, lines = both(["/usr/bin/python3", "-c", NONBLOCKING, connector.parent, mariadb.port,
                         servers.DB_PASSWORD], directory, library, "nonblocking")
    assert "mysql_real_query_nonblocking 0" in lines, lines
    told_of = [told(span) for span in found if span.name != "SET"]
    assert told_of == [
        ("CONNECT", "shop", None), ("SELECT", "shop", None), ("SELECT absent", "shop", "1146"),
        ("SELECT SELECT elsewhere", "shop", None), ("SELECT SELECT elsewhere", "shop", "1146"),
        ("RESET CONNECTION", "shop", None), ("CONNECT", "shop", None), ("KILL", "shop", None),
        ("PING", "shop", None), ("CONNECT", "shop", None), ("DO", "shop", None)]
    assert found[1].attributes["db.duration_ms"] >= 100
    assert {span.attributes.get("server.address") for span in found} == {"127.0.0.1"}
