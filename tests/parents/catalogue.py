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
    cell's, which is removed afterwards)."""

    name: str
    command: list
    expect: dict  # shape → RIGHT, NEVER or LIMIT; other shapes are not run
    mode: str = ""
    environment: dict = dataclasses.field(default_factory=dict)
    calls: tuple = ("sql", "http")
    first: int = 0  # so many requests in the program's life may have calls below another's
    clients: int = 0  # the most it is to have at once; 0: no bound
    cwd: str = None
    stop_signal: int = signal.SIGTERM
    exits: tuple = (0, -signal.SIGTERM)
    start_seconds: int = 20


def all_shapes(expected, **others):
    """The same for each shape but `others`; None leaves a shape out."""
    shapes = {shape: others.get(shape, expected) for shape in load.SHAPES}
    return {shape: what for shape, what in shapes.items() if what}


def c_program(program, mode="", **more):
    more.setdefault("expect", all_shapes(NEVER))
    return Row(f"{program}:{mode}" if mode else program, [C_PROGRAMS / f"parents_{program}"],
               mode=mode, **more)


C_ROWS = [
    c_program("thread_per_connection", expect=all_shapes(RIGHT)),
    c_program("thread_per_connection", "before-body", expect=all_shapes(RIGHT)),
    c_program("prefork", expect=all_shapes(RIGHT)),
    c_program("prefork", "select", expect=all_shapes(RIGHT, pipeline=None)),
]

ROWS = [*C_ROWS]
