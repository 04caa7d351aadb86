# SPDX-License-Identifier: Apache-2.0
"""scripts/bench: what the agent costs servers that answer little over keep-alive, and clients that
ask the same again and again, in the variants untraced, untraced again, disabled, 1 % sampled, every
request traced, and that with the stable names alone.

  http, flask, node   nginx; gunicorn and Flask; node's http server
  mysql, curl         a loop of statements (libmariadb); a loop of transfers (libcurl)
  sockets, redis      the same over plain sockets: requests of HTTP, commands of Redis
  idle                how often the agent's thread wakes where nothing happens
  all                 all of these
  table               prints what tests/bench/gate.json has, as scripts/COST.md shows it; --plot
                      draws the instructions in it

Instructions and bytes are repeatable and have a gate; times are reported with their spread, because a
shared machine's are not. Runs during which other programs used a processor are thrown away and made
again."""
import argparse
import json
import os
import pathlib
import signal
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))

import gate  # noqa: E402
import idle  # noqa: E402
import instructions  # noqa: E402
import page  # noqa: E402
import pairs  # noqa: E402
import startup  # noqa: E402
import subject  # noqa: E402
import wire  # noqa: E402
from measure import collector, plot, processes, quiet  # noqa: E402

SERVER_PARTS, CLIENT_PARTS = ("bytes", "cpu"), ("instructions", "cpu")
# Of each subject, in this order.
PARTS = {
    "http": ("instructions", "bytes", "cpu", "startup"),
    "flask": SERVER_PARTS,
    "node": SERVER_PARTS,
    "mysql": CLIENT_PARTS,
    "curl": CLIENT_PARTS,
    "sockets": CLIENT_PARTS,
    "redis": CLIENT_PARTS,
    "idle": ("idle",),
}
ALL_PARTS = tuple(dict.fromkeys(part for parts in PARTS.values() for part in parts))


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: at least 1")
    return value


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Measures what the agent costs.", epilog=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="+", choices=[*PARTS, "all", "table"], metavar="WHAT",
                        help=", ".join([*PARTS, "all", "table"]))
    parser.add_argument("--only", action="append", choices=ALL_PARTS, metavar="PART",
                        help=f"measure this part only: {', '.join(ALL_PARTS)}; may be repeated")
    parser.add_argument("--check", action="store_true", help="fail when instructions, bytes or idle "
                        f"wake-ups rose more than {100 * gate.TOLERANCE:.0f} percent above "
                        "tests/bench/gate.json")
    parser.add_argument("--write", action="store_true", help="record what was measured there, and in "
                        "scripts/COST.md; of http's CPU, also the plot scripts/cost.svg")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE",
                        help="append a line of JSON a run, and one a part")
    parser.add_argument("--plot", type=pathlib.Path, metavar="FILE", help="draw what was measured "
                        "(SVG)")
    parser.add_argument("--pairs", type=positive, default=12, metavar="N",
                        help="CPU: runs of each variant (default 12)")
    parser.add_argument("--requests", type=positive, metavar="N",
                        help="CPU: requests of a closed run (default: of about half a second)")
    parser.add_argument("--connections", type=positive, default=16, metavar="N",
                        help="CPU: keep-alive connections (default 16)")
    parser.add_argument("--workers", type=positive, default=1, metavar="N",
                        help="CPU: nginx's workers (default 1)")
    parser.add_argument("--closed", action="store_true",
                        help="CPU: the closed loop only, without latencies at fixed rates")
    parser.add_argument("--exporter", choices=["same", "other", "both"], default="both",
                        help="CPU: the exporter's thread has the server's processor, the load's, or "
                        "one after the other (default both)")
    parser.add_argument("--foreign", type=float, default=100 * quiet.ALLOWED, metavar="PERCENT",
                        help="CPU: how much of a processor others may use during a run that counts "
                        f"(default {100 * quiet.ALLOWED:.0f})")
    parser.add_argument("--discard", type=float, default=2, metavar="N", help="CPU: for each run, "
                        "how many may be thrown away, all runs together (default 2)")
    parser.add_argument("--counted", type=positive, default=2000, metavar="N",
                        help="instructions: requests counted, of clients half as many calls "
                        "(default 2000)")
    parser.add_argument("--top", type=positive, default=15, metavar="N",
                        help="instructions: lines of each breakdown (default 15)")
    arguments = parser.parse_args()
    arguments.places = pairs.PLACES if arguments.exporter == "both" else (arguments.exporter,)
    if "all" in arguments.what:
        arguments.what = list(PARTS)
    return arguments


class Bench:
    """What is measured in one call, and what has been found so far."""

    def __init__(self, arguments, directory, lines):
        self.arguments, self.directory, self.lines = arguments, directory, lines
        self.found, self.panels = {}, []

    def write_line(self, line):
        if self.lines:
            self.lines.write(json.dumps(line) + "\n")
            self.lines.flush()

    def run_instructions(self, what):
        counted, top = self.arguments.counted, self.arguments.top
        if what in subject.SERVERS:
            figures = instructions.run_server(self.directory, counted, top)
            title = subject.SERVERS[what].title
        else:
            # Half as many, because the answers come late (relay.py).
            figures = instructions.run_client(what, self.directory, max(counted // 2, 1), top)
            title = what
        self.panels.append(plot.Stacks(f"{title}: instructions a span, by group",
                                       list(figures["groups"].items())))
        return figures

    def run_bytes(self, what):
        return wire.run(what, self.directory)

    def run_cpu(self, what):
        figures, panels = pairs.run(what, self.directory, self.arguments, self.write_line)
        self.panels += panels
        return figures

    def run_startup(self, _what):
        with collector.Collector() as sink:
            return startup.run(self.directory, sink)

    def run_idle(self, _what):
        return idle.run(self.directory)

    def run(self):
        for what in self.arguments.what:
            for part in PARTS[what]:
                if self.arguments.only and part not in self.arguments.only:
                    continue
                figures = getattr(self, "run_" + part)(what)
                self.found.setdefault(what, {})[part] = figures
                self.write_line({"subject": what, "part": part, "figures": figures})
                print(flush=True)


def draw(file, subjects, panels):
    if not panels:
        return
    words = ["scripts/bench " + " ".join(subjects)]
    if any(isinstance(panel, plot.Panel) for panel in panels):
        words.append("a dot is a run beside its untraced neighbours, the line their median, the box "
                     "its quartiles")
    file.write_text(plot.draw("What otelagent costs", words, panels), encoding="utf-8")
    print(f"plot: {file}")


def measure(arguments):
    """What was found; draws it, too."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the servers are stopped
    processes.adopt_orphans()
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="otelagent-bench-") as directory, \
                subject.own_state(), \
                open(arguments.json or os.devnull, "a", encoding="utf-8") as lines:
            bench = Bench(arguments, directory, lines)
            bench.run()
    except processes.ProcessError as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit("bench: interrupted; the servers are stopped")
    print(f"{time.monotonic() - began:.0f} s, load average {os.getloadavg()[0]:.1f}")
    files = [arguments.plot] if arguments.plot else []
    if arguments.write and "cpu" in bench.found.get("http", {}):
        files.append(page.PLOT)
    for file in files:
        draw(file, arguments.what, bench.panels)
    return bench.found


def main():
    arguments = parse_arguments()
    if "table" in arguments.what:
        print(page.table(gate.load()))
        if arguments.plot:
            draw(arguments.plot, arguments.what, page.panels(gate.load()))
        return
    for path in (subject.LIBRARY, subject.LOAD, subject.CALLS):
        if not path.exists():
            sys.exit(f"bench: {path} is not built: cmake --build build/release")
    found = measure(arguments)
    held = gate.check(found) if arguments.check else True
    if arguments.write:
        gate.write(found)
        page.refresh(gate.load())
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
