# SPDX-License-Identifier: Apache-2.0
"""Runs a client of the matrix, untraced and traced, and says what came of it."""

import collections
import dataclasses
import os
import subprocess

import accounts
import ledger
import servers
import spans
from clients import judge
from clients.client import Run
from clients.origin import Origin
from clients.plan import plan

SECONDS = 180


@dataclasses.dataclass
class Row:
    """A line of the table."""

    name: str
    requests: int
    missing: int
    wrong: int
    parents: str
    lacks: dict

    HEADINGS = ("client", "requests", "missing", "wrong", "with a parent", "lacks")

    def columns(self):
        whys = collections.defaultdict(list)
        for feature, why in self.lacks.items():
            whys[why].append(feature)
        lacks = "; ".join(f"{', '.join(features)} ({why})" for why, features in whys.items())
        return (self.name, str(self.requests), str(self.missing), str(self.wrong), self.parents,
                lacks or "–")


def table(rows):
    lines = [Row.HEADINGS, *(row.columns() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(Row.HEADINGS) - 1)]
    return ["  ".join([*(text.ljust(width) for text, width in zip(line, widths)), line[-1]])
            for line in lines]


@dataclasses.dataclass
class Seen:
    """What came of a run."""

    output: list  # (stdout, exit status) a command
    said: list  # stderr, a command
    requests: list
    wires: list


class ClientRun:
    """What a client was asked, did with and without the agent, and what the spans say."""

    def __init__(self, client, directory, library):
        self.client = client
        self.directory = directory
        self.folder = directory / "client"
        self.folder.mkdir()
        if client.prepare:
            client.prepare(self.folder)
        with Origin() as origin:
            self.port = origin.port
            self.steps = plan(client, origin.port, servers.free_port())
            file = self.folder / "steps"
            file.write_text("".join(f"{step.line}\n" for step in self.steps))
            proxy = f"127.0.0.1:{origin.port}"
            commands = [*client.commands(Run(self.folder, self.steps, file, proxy))]
            self.plain = self.ask(commands, origin, None)
            tracing = servers.Tracing(library, directory, "traced", {"OTEL_LOG_LEVEL": "info"})
            self.traced = self.ask(commands, origin, tracing)
        self.spans = spans.read(tracing.file)

    def ask(self, commands, origin, tracing):
        inherited = {key: value for key, value in os.environ.items()
                     if not key.startswith(("OTEL_", "LD_PRELOAD")) and
                     not key.lower().endswith("_proxy")}
        output, said = [], []
        for command in commands:
            done = subprocess.run(
                [str(word) for word in command], cwd=self.folder, stdin=subprocess.DEVNULL,
                capture_output=True, timeout=SECONDS, check=False,
                env={**inherited, **(tracing.environment() if tracing else {}),
                     **self.client.environment})
            output.append((done.stdout, done.returncode))
            said.append(done.stderr.decode(errors="replace"))
        return Seen(output, said, *origin.take())

    def outputs(self):
        """Faults of what was printed."""
        if self.client.prints:
            text, = [stdout.decode(errors="replace") for stdout, _ in self.plain.output]
            yield from judge.printed(self.steps, text)
        for number, (one, other) in enumerate(zip(self.plain.output, self.traced.output)):
            if one != other:
                yield f"command {number}: {one[0][-300:]!r} {one[1]} / {other[0][-300:]!r} {other[1]}"
        for one, other in zip(self.plain.said, self.traced.said):
            rest = "".join(line for line in other.splitlines(keepends=True)
                           if not line.startswith("otelagent["))
            if one != rest:
                yield f"stderr: {one[-500:]!r} / {rest[-500:]!r}"

    def accounts(self):
        text = "\n".join(self.traced.said)
        try:
            accounts.balance(accounts.read(text), len(self.spans))
        except AssertionError as error:
            yield f"accounts: {error}"

    def faults(self):
        """All of them, and the row of the table."""
        requests = self.traced.requests
        if self.client.library:
            count, missing, wrong = judge.libcurl_spans(requests, self.spans)
        else:
            count = len(requests)
            missing, wrong = judge.spans(requests, self.spans, self.port)
        wrong += [f"{span.attributes.get('url.full')} has a parent" for span in self.spans
                  if span.parent_id]
        row = Row(self.client.name, count, len(missing), len(wrong), "–",
                  self.client.lacks)
        return row, [*self.outputs(), *judge.arrived(self.steps, self.plain.requests),
                     *judge.wires(self.plain.wires, self.traced.wires), *missing, *wrong,
                     *self.accounts(), *ledger.instances(self.spans)]
