# SPDX-License-Identifier: Apache-2.0
"""Runs one program of the matrix, untraced and traced, and says what came of it."""

import collections
import contextlib
import dataclasses
import pathlib

import accounts
import ledger
import servers
import spans
from matrix import client, judge
from matrix.plan import Plan

FOLDER = "program"  # for what prepare() writes, beside the logs and the spans
NOT_TRACED = "not traced:"  # the agent's line about what it did not look at


@dataclasses.dataclass
class Row:
    """A line of the table."""

    program: object
    expected: int
    seen: int
    wrong: int
    aborted: int

    HEADINGS = ("program", "calls", "expected", "seen", "wrong", "aborted", "lacks")

    def columns(self):
        whys = collections.defaultdict(list)
        for feature, why in self.program.lacks.items():
            whys[why].append(feature)
        lacks = "; ".join(f"{', '.join(features)} ({why})" for why, features in whys.items())
        return (self.program.name, self.program.calls, str(self.expected), str(self.seen),
                str(self.wrong), str(self.aborted), lacks or "–")


def table(rows):
    lines = [Row.HEADINGS, *(row.columns() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(Row.HEADINGS) - 1)]
    return ["  ".join([*(text.ljust(width) for text, width in zip(line, widths)), line[-1]])
            for line in lines]


class Running(servers.Server):
    """The program, traced or not, and what has to run beside it."""

    def __init__(self, program, launch, port, directory, name, tracing=None):
        self.port = port
        self.logs = launch.logs
        self.stop_signal, self.exits = program.stop, program.exits
        self.beside = contextlib.ExitStack()
        with self.beside:
            for number, other in enumerate(launch.beside):
                self.beside.enter_context(servers.Server(
                    f"{name}-beside{number}", other.argv, directory, other.environment,
                    cwd=other.cwd or directory / FOLDER))
            super().__init__(name, launch.argv, directory, launch.environment, tracing,
                             cwd=launch.cwd or directory / FOLDER)
            self.wait_until(lambda: servers.answers(port, f"/status/200?{judge.READY}"), "answer")
            self.beside = self.beside.pop_all()

    def failure(self, what):
        ends = [f"{log}:\n{log.read_text(errors='replace')[-2000:]}"
                for log in self.logs if log.exists()]
        return servers.ServerError("\n".join([str(super().failure(what)), *ends]))

    def stop(self, check=True, seconds=15):
        super().stop(check, seconds)
        self.beside.close()


class Run:
    """What was planned for a program, what a client saw with and without the agent, what the
    spans say."""

    def __init__(self, program, directory, library):
        self.program = program
        self.directory = pathlib.Path(directory)
        self.plan = Plan(program)
        folder = self.directory / FOLDER
        folder.mkdir()
        folder.chmod(0o777)  # workers may be another user
        port = servers.free_port()
        self.launch = program.prepare(folder, port)
        self.plain = self.ask(port, "untraced", None)
        tracing = servers.Tracing(library, self.directory, "traced", {"OTEL_LOG_LEVEL": "info"})
        self.seen = self.ask(port, "traced", tracing)
        self.spans = spans.read(tracing.file)
        (folder / "file").unlink(missing_ok=True)

    def ask(self, port, name, tracing):
        with Running(self.program, self.launch, port, self.directory, name, tracing):
            return client.run(port, self.plan)

    @property
    def said(self):
        """What the agent said, wherever the program's stderr is."""
        logs = (self.directory / "traced.log", *self.launch.logs)
        return "\n".join(path.read_text(errors="replace") for path in logs if path.exists())

    def accounts(self):
        """Faults of the agent's accounts: nothing lost, nothing out of sight."""
        try:
            accounts.balance(accounts.read(self.said, self.program.processes), len(self.spans))
        except AssertionError as error:
            yield f"accounts: {error}"
        yield from (line for line in self.said.splitlines() if NOT_TRACED in line)

    def faults(self):
        """All of them, and the row of the table."""
        missing, wrong = judge.spans(self.plan, self.seen, self.spans)
        expected = judge.expected(self.plan)
        row = Row(self.program, len(expected), len(expected) - len(missing), len(wrong),
                  sum(1 for step in self.plan.steps if step.cut))
        return row, [*judge.answers(self.plan, self.plain),
                     *judge.differences(self.plan, self.plain, self.seen, self.program.varies),
                     *missing, *wrong, *self.accounts(), *ledger.instances(self.spans)]
