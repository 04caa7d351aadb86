# SPDX-License-Identifier: Apache-2.0
"""The programs under test, a row each: how to start it and what is expected of its calls."""

import dataclasses
import signal

import load
import servers

RIGHT = "RIGHT"  # every call is below its request
NEVER = "NEVER"  # none is below another's; no parent is fine
LIMIT = "LIMIT"  # a stated limit: shown, not judged

C_PROGRAMS = servers.BUILD / "tests" / "parents" / "programs"


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
    cwd: str = None
    stop_signal: int = signal.SIGTERM
    exits: tuple = (0, -signal.SIGTERM)
    start_seconds: int = 20

    def numbers_of_clients(self, wanted):
        """Those of `wanted`, the most that it bears instead of more."""
        return sorted({min(number, self.clients or number) for number in wanted})


def all_shapes(expected, **others):
    """The same for each shape but `others`; None leaves a shape out."""
    shapes = {shape: others.get(shape, expected) for shape in load.SHAPES}
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

ROWS = [*C_ROWS]
