# SPDX-License-Identifier: Apache-2.0
"""The whole table: programs × shapes × clients; see scripts/parents."""

import argparse
import fnmatch
import os
import pathlib
import shutil
import signal
import sys
import tempfile

# Behind this folder, which has a load of its own, too.
sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import servers  # noqa: E402
import catalogue  # noqa: E402
import cell  # noqa: E402
import load  # noqa: E402


def numbers(text):
    return [int(number) for number in text.split(",")]


def shapes(text):
    chosen = text.split(",")
    if not set(chosen) <= set(load.SENDERS):
        raise argparse.ArgumentTypeError(f"shapes are {', '.join(load.SENDERS)}")
    return chosen


def arguments():
    parser = argparse.ArgumentParser(
        prog="scripts/parents", description="Starts servers under the agent, loads them, and "
        "counts whose child each call's span is. PROGRAM is a name of the table's first column, "
        "* and ? are wildcards; all of them without one.")
    parser.add_argument("program", nargs="*", metavar="PROGRAM")
    parser.add_argument("--clients", type=numbers, default=[1, 8, 32, 128])
    parser.add_argument("--requests", type=int, default=2000, help="of a cell (2000)")
    parser.add_argument("--shapes", type=shapes, default=list(load.SENDERS),
                        help=f"of {','.join(load.SENDERS)}")
    parser.add_argument("--list", action="store_true", help="shows the rows, runs nothing")
    parser.add_argument("--keep", action="store_true", help="keeps logs and spans of all cells")
    return parser.parse_args()


def chosen_rows(patterns):
    rows = [row for row in catalogue.ROWS
            if not patterns or any(fnmatch.fnmatch(row.name, pattern) for pattern in patterns)]
    if not rows:
        sys.exit(f"no such program; there are {' '.join(row.name for row in catalogue.ROWS)}")
    return rows


def library():
    path = pathlib.Path(os.environ.get("OTELAGENT_LIBRARY") or os.environ.get("AGENT") or
                        servers.BUILD / "libotelagent.so").resolve()
    if not path.exists():
        sys.exit(f"{path} is missing")
    return path


def run(rows, options):
    """Prints a line a cell; how many passed and failed."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="otelagent-parents-"))
    directory.chmod(0o755)  # the database's user passes through it
    passed = failed = 0
    with cell.Bench(directory, library()) as bench:
        print(f"agent: {bench.library}\n{cell.HEADING}", flush=True)
        for row in rows:
            for shape in (shape for shape in options.shapes if shape in row.expect):
                for clients in row.numbers_of_clients(options.clients):
                    done = bench.run(row, shape, clients, options.requests, options.keep)
                    print(done.line(), flush=True)
                    passed += done.passed
                    failed += not done.passed
    if failed or options.keep:
        print(f"logs and spans: {directory}")
    else:
        shutil.rmtree(directory, ignore_errors=True)
    return passed, failed


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that servers are stopped
    rows = chosen_rows(options.program)
    if options.list:
        for row in rows:
            print(f"{row.name:<34} " + " ".join(f"{shape}={what}"
                                                for shape, what in row.expect.items()))
        return 0
    passed, failed = run(rows, options)
    print(f"{passed} passed, {failed} failed")
    return failed > 0 or not passed


if __name__ == "__main__":
    sys.exit(main())
