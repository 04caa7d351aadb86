# SPDX-License-Identifier: Apache-2.0
"""gate.json: the figures of the last --write, and which of them may not rise."""
import json
import pathlib
import platform
import re
import subprocess

import subject
from measure import report

RECORD = pathlib.Path(__file__).with_name("gate.json")
TOLERANCE = 0.02
# Of the parts that are repeatable, what may not rise: the beginning of the figure's name.
GATED = {"instructions": ("per_", "exporter_per_"), "bytes": ("per_span",),
         "idle": ("wake_ups_in_30_s",)}
# Differences of differences: what one gains the other loses.
NOT_GATED = ("per_head_byte", "per_unsampled_head_byte")
# A figure near zero moves by more than its hundredth part when anything is rearranged.
LEAST = {"instructions": 10, "bytes": 2, "idle": 0}


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
        "nginx": first_line(subject.program("nginx") or "nginx", "-v").rpartition("/")[2],
        "libc": " ".join(platform.libc_ver()),
        "valgrind": first_line("valgrind", "--version"),
    }


def load():
    return json.loads(RECORD.read_text()) if RECORD.exists() else {}


def write(found):
    record = load()
    for what, parts in found.items():
        record.setdefault(what, {}).update(parts)
    record["machine"] = machine()
    RECORD.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")
    print(f"\nwritten: {RECORD.relative_to(subject.TREE)}")


def gated(found):
    """[(subject, part, figure, value)] of what is held."""
    return [(what, part, key, value) for what, parts in found.items()
            for part, figures in parts.items() for key, value in figures.items()
            if part in GATED and key.startswith(GATED[part]) and key not in NOT_GATED]


def compare(record, found):
    """[(held?, what it says)] a gated figure that was measured; one without a record is held by
    nothing, and so not held."""
    rows = []
    for what, part, key, now in gated(found):
        title = f"{what}: {part} {key.replace('_', ' ')}"
        before = record.get(what, {}).get(part, {}).get(key)
        if before is None:
            rows.append((False, f"{title}: {now:,}, not recorded: --write"))
            continue
        good = now <= before + max(before * TOLERANCE, LEAST[part])
        change = f" ({report.percent(now / before - 1)})" if before else ""
        rows.append((good, f"{title}: {now:,}, recorded {before:,}{change}"))
    return rows


def check(found):
    """Is everything gated at most the tolerance above the record? Says what is not."""
    record = load()
    rows = compare(record, found)
    print()
    if not rows:
        print("bench: nothing to check: --only leaves out what has a gate")
        return False
    for good, said in rows:
        print(f"{'ok' if good else 'FAILED'}: {said}")
    different = [f"{name} {value} (recorded {record['machine'].get(name)})" for name, value in
                 machine().items() if record.get("machine", {}).get(name) != value]
    if different:
        print("the record was made elsewhere: " + ", ".join(different))
    held = all(good for good, _ in rows)
    if not held:
        print("scripts/bench WHAT --only instructions shows where they go; where the rise is\n"
              "wanted, --write records it and the commit says why.")
    return held
