# SPDX-License-Identifier: Apache-2.0
"""One cell of the table: a program started afresh under the agent, its load, its score. The
database and the upstream are those of the whole run."""

import contextlib
import dataclasses
import http.client
import pathlib
import shutil
import time

import catalogue
import load
import score
import servers
import spans
import upstream

REQUESTS_OF_A_CLIENT = 250  # more of one client tell nothing that the first have not told
QUIET_SECONDS = 0.25  # spans wait a tenth of a second at most
MISSING_SECONDS = 3
IDLE_SECONDS = 15
COLUMNS = ("right", "none", "wrong", "missing", "foreign")
HEADING = (f"{'program':<34} {'shape':<9} {'clients':>7} {'calls':>6} " +
           " ".join(f"{column:>7}" for column in COLUMNS) + "  verdict")


@dataclasses.dataclass
class Cell:
    row: catalogue.Row
    shape: str
    clients: int
    result: score.Score = dataclasses.field(default_factory=score.Score)
    fault: str = ""  # why it could not be scored

    @property
    def expected(self):
        return self.row.expect[self.shape]

    def faults(self):
        """What is not as expected, as the verdict says it; empty if nothing is."""
        result = self.result
        if self.fault:
            return [self.fault.splitlines()[0]]
        found = []
        if result.unanswered:
            found.append(f"{result.unanswered} unanswered")
        if result.uncalled:
            found.append(f"{result.uncalled} without a call")
        if not result.calls:
            found.append("no calls")
        if self.expected == catalogue.LIMIT:
            return found
        if result.missing:
            found.append("missing")
        if self.expected == catalogue.RIGHT and result.none:
            found.append("none")
        if len(result.misled) > self.row.first:
            found.append(f"{len(result.misled)} misled" +
                         (f", allowed {self.row.first}" if self.row.first else ""))
        return found

    @property
    def passed(self):
        return not self.faults()

    def line(self):
        verdict = "; ".join(self.faults())
        verdict = f"FAILED: {self.expected}: {verdict}" if verdict else f"ok {self.expected}"
        if self.passed and self.row.first:
            verdict += f", misled {len(self.result.misled)} of {self.row.first} allowed"
        return (f"{self.row.name:<34} {self.shape:<9} {self.clients:>7} {self.result.calls:>6} " +
                " ".join(f"{getattr(self.result, column):>7}" for column in COLUMNS) +
                f"  {verdict}")


class Program(servers.Server):
    """A row's program, on a port of its own."""

    def __init__(self, row, directory, environment, tracing):
        self.port = servers.free_port()
        self.stop_signal, self.exits = row.stop_signal, row.exits
        places = {"port": self.port, "directory": directory, "upstream": environment["UPSTREAM"]}
        own = {name: value.format(**places) for name, value in row.environment.items()}
        super().__init__(
            "program", [servers.program(row.command[0]),
                        *(str(word).format(**places) for word in row.command[1:])], directory,
            {**environment, "PORT": str(self.port), "MODE": row.mode, **own}, tracing,
            cwd=row.cwd and row.cwd.format(**places))
        self.wait_until(self.is_ready, "answer to /ready", row.start_seconds)

    def is_ready(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=servers.PATIENCE_SECONDS / 3)
        with contextlib.closing(connection):
            connection.request("GET", "/ready", headers={"Connection": "close"})
            return connection.getresponse().status == 200


class Progress:
    """What is known so far of a running cell."""

    def __init__(self, file, record, mark):
        self.file, self.record, self.mark = file, record, mark
        self.read_bytes = 0
        self.spans = []
        self.calls = self.served = 0

    def look(self):
        """Reads what is new in the span file; (calls with a span, served requests, requests that
        reached the upstream)."""
        with open(self.file, "rb") as file:
            file.seek(self.read_bytes)
            text = file.read()
        text = text[:text.rfind(b"\n") + 1]
        self.read_bytes += len(text)
        new = spans.parse(text.decode().splitlines(), self.file)
        self.spans += new
        self.calls += sum(span.kind == "CLIENT" and score.owner_of(span) is not None
                          for span in new)
        self.served += len(score.server_spans(new))
        return self.calls, self.served, len(self.record.seen(self.mark))

    def wait_until_idle(self, answered, statements, goes_on):
        """Until there are as many spans as are known of; if the program `goes_on` after the last
        answer, until a bit later, and if some are missing until no more come."""
        deadline = time.monotonic() + IDLE_SECONDS
        last, since = None, time.monotonic()
        while time.monotonic() < deadline:
            calls, served, fetches = now = self.look()
            if now != last:
                last, since = now, time.monotonic()
            complete = calls >= statements + fetches and served >= answered
            patience = MISSING_SECONDS if not complete else QUIET_SECONDS if goes_on else 0
            if time.monotonic() - since >= patience:
                return
            time.sleep(0.02)


class Bench:
    """What all cells of a run share: a database, an upstream, the agent's library."""

    def __init__(self, directory, library):
        self.directory = pathlib.Path(directory)
        self.library = pathlib.Path(library)
        self.number = 0
        self.stack = contextlib.ExitStack()
        with contextlib.ExitStack() as starting:
            self.database = starting.enter_context(servers.MariaDB(self.directory))
            self.upstream = starting.enter_context(upstream.Upstream(self.directory))
            self.stack = starting.pop_all()

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.stack.close()

    def environment(self):
        return {"DB_HOST": "127.0.0.1", "DB_PORT": str(self.database.port), "DB_USER": "shop",
                "DB_PASSWORD": servers.DB_PASSWORD, "DB_NAME": "shop",
                "UPSTREAM": f"http://127.0.0.1:{self.upstream.port}"}

    def run(self, row, shape, clients, requests, keep=False):
        """A cell. Its directory, with spans and log, stays if `keep` or if it failed."""
        cell = Cell(row, shape, clients)
        self.number += 1
        name = row.name.replace("/", "-").replace(":", "-")
        directory = self.directory / f"{self.number:03d}-{name}-{shape}-{clients}"
        directory.mkdir()
        directory.chmod(0o755)
        try:
            cell.result = self.measure(row, shape, clients, requests, directory)
        except (OSError, servers.ServerError, ValueError) as error:
            cell.fault = str(error) or repr(error)
        (directory / "verdict").write_text(
            "\n".join([cell.line(), cell.fault, *cell.result.examples, ""]))
        if cell.passed and not keep:
            shutil.rmtree(directory, ignore_errors=True)
        return cell

    def measure(self, row, shape, clients, requests, directory):
        tracing = servers.Tracing(self.library, directory, "program", {
            name: value for name, value in row.environment.items() if name.startswith("OTEL_")})
        if row.copy:
            shutil.copytree(catalogue.APPS, directory / "apps")
        mark = self.upstream.mark()
        progress = Progress(tracing.file, self.upstream, mark)
        with Program(row, directory, self.environment(), tracing) as program:
            sent = load.run(program.port, shape, clients,
                            min(requests, row.requests or requests, REQUESTS_OF_A_CLIENT * clients),
                            self.number)
            answered = sum(request.answered for request in sent.values())
            statements = score.CALLS_OF_A_REQUEST["sql"] if "sql" in row.calls else 0
            progress.wait_until_idle(answered, answered * statements,
                                     row.jobs or shape in ("abort", "mixed"))
        progress.look()
        return score.score(sent, self.upstream.seen(mark), progress.spans, row.calls)
