# SPDX-License-Identifier: Apache-2.0
"""scripts/bench http: what tracing costs nginx answering a small static file over keep-alive,
every request sampled and exported to a collector on this machine.

Instructions are repeatable and have a gate; times are reported, because a shared machine's are
not."""
import argparse
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))

import instructions  # noqa: E402
import startup  # noqa: E402
import subject  # noqa: E402
import times  # noqa: E402
from measure import collector, processes, report  # noqa: E402

RECORD = pathlib.Path(__file__).with_name("gate.json")
PARTS = ("instructions", "cpu", "startup")
# Held by --check: these may be at most so much above the record.
GATED = {"per_span": "instructions per span", "per_unsampled_request":
         "instructions per request that is not sampled"}
TOLERANCE = 0.02


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Measures what the agent costs.", epilog=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["http"], help="nginx, a small static file, keep-alive")
    parser.add_argument("--only", action="append", choices=PARTS, metavar="PART",
                        help=f"measure this part only: {', '.join(PARTS)}; may be repeated")
    parser.add_argument("--check", action="store_true", help="fail when instructions rose more "
                        f"than {100 * TOLERANCE:.0f} percent above tests/bench/gate.json")
    parser.add_argument("--write", action="store_true", help="record what was measured there")
    parser.add_argument("--pairs", type=int, default=10, metavar="N",
                        help="CPU: runs of each arm (default 10)")
    parser.add_argument("--requests", type=int, default=30000, metavar="N",
                        help="CPU: requests of one run (default 30000)")
    parser.add_argument("--connections", type=int, default=16, metavar="N",
                        help="CPU: keep-alive connections (default 16)")
    parser.add_argument("--workers", type=int, default=1, metavar="N",
                        help="CPU: nginx's workers (default 1)")
    parser.add_argument("--counted", type=int, default=2000, metavar="N",
                        help="instructions: requests counted (default 2000)")
    parser.add_argument("--top", type=int, default=15, metavar="N",
                        help="instructions: lines of each breakdown (default 15)")
    return parser.parse_args()


def run_instructions(arguments, directory, sink):
    profiles = instructions.measure(directory, sink, arguments.counted)
    found = instructions.summarise(profiles, arguments.counted)
    print("instructions a request on its own thread (callgrind, user space)\n")
    print(report.table([
        ("", "instructions"),
        ("untraced", f"{found['untraced_per_request']:,}"),
        ("traced", f"{found['traced_per_request']:,}"),
        ("added by a span", f"{found['per_span']:,}"),
        ("added by a request that is not sampled", f"{found['per_unsampled_request']:,}"),
        ("a span on the exporter's thread", f"{found['exporter_per_span']:,}"),
    ]))
    instructions.print_breakdown(profiles, arguments.counted, arguments.top)
    return found


def run_cpu(arguments, directory, _sink):
    return times.run(directory, arguments.pairs, arguments.requests, arguments.connections,
                     arguments.workers)


def run_startup(_arguments, directory, sink):
    return startup.run(directory, sink)


def first_line(*command):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
    except OSError:
        return "?"
    return done.stdout.partition("\n")[0].strip()


def compiler():
    with open(subject.LIBRARY, "rb") as file:
        found = re.search(rb"GCC: \([^)]*\) [\d.]+|clang version [\d.]+", file.read())
    return found.group().decode() if found else "?"


def machine():
    return {
        "compiler": compiler(),
        "nginx": first_line(subject.program("nginx"), "-v").rpartition("/")[2],
        "libc": " ".join(platform.libc_ver()),
        "valgrind": first_line("valgrind", "--version"),
    }


def load_record():
    return json.loads(RECORD.read_text()) if RECORD.exists() else {}


def write_record(found):
    record = {**load_record(), **found, "machine": machine()}
    RECORD.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")
    print(f"\nwritten: {RECORD.relative_to(subject.TREE)}")


def check(found):
    """Is everything gated at most the tolerance above the record? Says what is not."""
    record = load_record()
    if "instructions" not in record or "instructions" not in found:
        print("\nbench: nothing to check: gate.json has no instructions, or --only leaves them out")
        return False
    print()
    held = True
    for key, title in GATED.items():
        before, now = record["instructions"][key], found["instructions"][key]
        change = report.percent(now / before - 1)
        good = now <= before * (1 + TOLERANCE)
        held &= good
        print(f"{'ok' if good else 'FAILED'}: {title}: {now:,}, recorded {before:,} ({change})")
    different = [f"{name} {value} (recorded {record['machine'].get(name)})" for name, value in
                 machine().items() if record.get("machine", {}).get(name) != value]
    if different:
        print("the record was made elsewhere: " + ", ".join(different))
    if not held:
        print("scripts/bench http --only instructions shows where they go; where the rise is\n"
              "wanted, --write records it and the commit says why.")
    return held


def main():
    arguments = parse_arguments()
    parts = {"instructions": run_instructions, "cpu": run_cpu, "startup": run_startup}
    for path in (subject.LIBRARY, subject.LOAD):
        if not path.exists():
            sys.exit(f"bench: {path} is not built: cmake --build build/release")
    processes.adopt_orphans()
    found = {}
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="otelagent-bench-") as directory, \
                collector.Collector() as sink:
            for name in PARTS:
                if not arguments.only or name in arguments.only:
                    found[name] = parts[name](arguments, directory, sink)
                    print(flush=True)
    except processes.ProcessError as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit("bench: interrupted; the servers are stopped")
    print(f"{time.monotonic() - began:.0f} s, load average {os.getloadavg()[0]:.1f}")
    held = check(found) if arguments.check else True
    if arguments.write:
        write_record(found)
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
