# SPDX-License-Identifier: Apache-2.0
"""What the client matrix knows of a client: how it is started, and what it can't do."""

import dataclasses
import pathlib
import typing

import servers

PROGRAMS = servers.PROGRAMS / "clients"


@dataclasses.dataclass(frozen=True)
class Run:
    """What commands are made of."""

    folder: pathlib.Path  # the client's own; commands run there
    steps: list
    file: pathlib.Path  # the steps, as plan.py has them
    proxy: str  # host:port


@dataclasses.dataclass(frozen=True)
class Client:
    name: str  # as in the table
    # The commands that do the steps, one after the other. A program of tests/programs/clients is
    # one command, and prints as plan.py says; others print what they got.
    commands: typing.Callable[[Run], list]
    prints: bool = True  # as plan.py says
    lacks: dict = dataclasses.field(default_factory=dict)  # feature → why, as the table shows it
    quick: bool = False  # in CI by default
    environment: dict = dataclasses.field(default_factory=dict)
    library: bool = False  # libcurl's: a span a transfer, whether or not it reaches a server
    prepare: typing.Callable[[pathlib.Path], None] = None  # before the first run, in the folder


def script(program, *arguments):
    """The commands of a program that does all steps."""
    def commands(run):
        return [[program, *arguments, run.file, run.proxy]]
    return commands
