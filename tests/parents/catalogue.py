# SPDX-License-Identifier: Apache-2.0
"""The programs under test, a row each: how to start it and what is expected of its calls."""

import dataclasses
import pathlib
import signal

import load
import servers

RIGHT = "RIGHT"  # every call is below its request
NEVER = "NEVER"  # none is below another's; no parent is fine
LIMIT = "LIMIT"  # a stated limit: shown, not judged

C_PROGRAMS = servers.BUILD / "tests" / "parents" / "programs"
APPS = pathlib.Path(__file__).resolve().parent / "apps"


@dataclasses.dataclass
class Row:
    """`command` and the values of `environment` may hold {port}, {upstream} and {directory} (the
    cell's, which is removed afterwards); variables OTEL_… are the agent's."""

    name: str
    command: list
    expect: dict  # shape → RIGHT, NEVER or LIMIT; other shapes are not run
    mode: str = ""
    environment: dict = dataclasses.field(default_factory=dict)
    calls: tuple = ("sql", "http")
    jobs: bool = False  # it works for no request, too, and may do so after the last answer
    first: int = 0  # so many requests in the program's life may have calls below another's
    clients: int = 0  # the most it is to have at once; 0: no bound
    requests: int = 0  # the most of a cell; 0: no bound
    copy: bool = False  # apps/ to {directory}/apps, for a server whose user can't read this tree
    cwd: str = None
    stop_signal: int = signal.SIGTERM
    exits: tuple = (0, -signal.SIGTERM)
    start_seconds: int = 20
    matrix: bool = False  # needs packages of scripts/bootstrap --matrix

    def numbers_of_clients(self, wanted):
        """Those of `wanted`, the most that it bears instead of more."""
        return sorted({min(number, self.clients or number) for number in wanted})


def all_shapes(expected, **others):
    """The same for each shape but `others`; None leaves a shape out."""
    shapes = {**dict.fromkeys(load.SHAPES, expected), **others}
    return {shape: what for shape, what in shapes.items() if what}


def c_program(program, mode="", expect=None, **more):
    return Row(f"{program}:{mode}" if mode else program, [C_PROGRAMS / f"parents_{program}"],
               expect or all_shapes(NEVER), mode, **more)


def c_programs(program, modes, expect=None, **more):
    """A row for each of these modes."""
    return [c_program(program, mode, expect, **more) for mode in modes.split()]


# A process makes a file for so many spans, which takes its time.
SHORT_LIVED = {"OTEL_BSP_MAX_QUEUE_SIZE": "512"}

# A loop that has a request's whole bytes when it wakes, and answers before it looks at another.
WHOLE_REQUESTS = all_shapes(NEVER, keep=RIGHT, close=RIGHT)

C_ROWS = [
    # One thread or process has a connection to itself.
    *c_programs("thread_per_connection",
                "plain before-body multi-wait multi-poll multi-select multi-epoll",
                all_shapes(RIGHT)),
    c_program("prefork", "plain", all_shapes(RIGHT)),
    c_program("prefork", "select", all_shapes(RIGHT, pipeline=None)),  # closes after each
    *c_programs("fork_per_connection", "plain stdin", all_shapes(RIGHT), environment=SHORT_LIVED),
    c_program("fork_after_read", expect=all_shapes(NEVER, pipeline=None),  # closes after each
              environment=SHORT_LIVED),

    # Requests change threads.
    c_program("reactor_pool"),
    c_program("puma_like"),
    *c_programs("mixed_pool", "blocking epoll"),
    c_program("leader_followers", first=8),
    *c_programs("periodic_job", "wait sleep direct", jobs=True),
    # Other threads make the calls of a request than the one that read it.
    *c_programs("helper_threads", "made answers executor"),
    # A request that comes in pieces is read by several threads.
    c_program("shared_epoll", expect=WHOLE_REQUESTS),

    # One thread has many connections, and answers each request before it looks at another.
    *c_programs("event_loop_sync", "epoll poll select",
                all_shapes(RIGHT, pipeline=NEVER, abort=NEVER)),
    # One thread has many requests in work.
    *c_programs("event_loop", "epoll poll select batch deferred"),
    c_program("event_loop", "timer", jobs=True),
    c_program("event_loop", "timer-same-turn", all_shapes(LIMIT), jobs=True),
    *c_programs("curl_multi_loop", "socket perform"),
    *c_programs("coroutines", "mmap bss assembly no-yield"),

    c_program("microhttpd", "thread", all_shapes(RIGHT)),
    # Its epoll thread takes 128 events at a time, and forgets connections where more are ready.
    c_program("microhttpd", "epoll", all_shapes(RIGHT, pipeline=NEVER, abort=NEVER), clients=96),
    c_program("microhttpd", "pool-epoll", all_shapes(RIGHT, pipeline=NEVER, abort=NEVER)),
    *c_programs("microhttpd", "select poll pool-select pool-poll external", WHOLE_REQUESTS),
]


# --- real servers; their applications are in apps/ ---

PYTHON = "/usr/bin/python3"  # whose modules Debian's packages are
IN_A_THREAD = all_shapes(RIGHT, pipeline=NEVER, think=RIGHT, mixed=RIGHT)
ELSEWHERE = all_shapes(NEVER, think=NEVER, mixed=NEVER)


def not_pipelined(expect):
    """Of servers that lose what is behind the first request of a write."""
    return {shape: what for shape, what in expect.items() if shape != "pipeline"}


def real(name, command, expect, mode="", environment=None, **more):
    return Row(f"{name}:{mode}" if mode else name, command, expect, mode=mode or "plain",
               environment={"PYTHONDONTWRITEBYTECODE": "1", **(environment or {})}, cwd=str(APPS),
               **more)


def gunicorn(kind, mode=""):
    """Now and then a worker does not hear SIGTERM, with and without the agent: then its master must
    not wait for it as long as it does by default."""
    return real(f"gunicorn-{kind}", [
        "gunicorn", "--worker-class", kind, "--workers", 2,
        "--threads", 8 if kind == "gthread" else 1, "--timeout", 100, "--graceful-timeout", 3,
        "--bind", "127.0.0.1:{port}", "--log-level", "warning", "work:application"],
        not_pipelined(IN_A_THREAD) if kind == "gthread" else IN_A_THREAD, mode)


def apache(mpm, clients):
    """prefork: a connection has its process until it ends."""
    return real(f"mod_wsgi-{mpm}", ["apache2", "-D", "FOREGROUND", "-f", APPS / "apache.conf"],
                IN_A_THREAD, environment={"MPM": mpm, "FOLDER": "{directory}"}, copy=True,
                clients=clients)


def greenlets(server, mode, expect):
    return real(server, [PYTHON, "greenlets.py"], expect, mode, environment={"SERVER": server})


def uwsgi(how, expect, *options):
    return real(f"uwsgi-{how}", [
        "uwsgi-core", "--plugin", "python3,http", f"--{how}", "127.0.0.1:{port}", "--master",
        "--workers", 2, "--threads", 4, "--listen", 128, "--die-on-term", "--need-app",
        "--disable-logging", *options, "--module", "work:application"], expect)


def starman(driver):
    return real(f"starman-{driver}", [
        "starman", "--workers", 8, "--listen", "127.0.0.1:{port}", "--backlog", 256, "app.psgi"],
        IN_A_THREAD, environment={"DRIVER": driver})


REAL_ROWS = [
    real("puma", ["puma", "--config", "puma.rb"], ELSEWHERE),
    real("tornado", [PYTHON, "tornado_app.py"], ELSEWHERE),
    real("tornado", [PYTHON, "tornado_app.py"], ELSEWHERE, "sleep"),
    *(greenlets(server, mode, ELSEWHERE)
      for server in ("gevent", "eventlet") for mode in ("sleep", "pool")),
    real("ruby-async", ["ruby", "async.rb"], ELSEWHERE),
    uwsgi("http", not_pipelined(ELSEWHERE), "--http-keepalive"),
    real("waitress", [PYTHON, "waitress_app.py"], ELSEWHERE),
    real("starlette-def", [PYTHON, "starlette_app.py"], ELSEWHERE),
    real("redmine", [APPS / "redmine" / "start"], ELSEWHERE, calls=("sql",), start_seconds=90,
         environment={"FOLDER": "{directory}"}, requests=100, matrix=True),
    gunicorn("gthread"),
    gunicorn("sync"),
    gunicorn("sync", "asyncio"),
    gunicorn("sync", "multi"),
    uwsgi("http-socket", IN_A_THREAD, "--add-header", "Connection: close"),
    apache("event", 0),
    apache("prefork", 32),
    starman("mysql"),
    starman("MariaDB"),
    *(greenlets(server, "", IN_A_THREAD) for server in ("gevent", "eventlet")),
]

ROWS = [*C_ROWS, *REAL_ROWS]
