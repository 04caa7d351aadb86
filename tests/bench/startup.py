# SPDX-License-Identifier: Apache-2.0
"""What the agent costs a program that never serves: instructions and time of `true`, memory of
`sleep`."""
import os
import statistics
import subprocess
import time

import callgrind
import subject
from measure import processes, report

RUNS = 300
SLEEPERS = 15  # where the object lies in memory changes how much of it the kernel maps at once


def quiet(arm, sink):
    """The line at start is asked for, and so not a cost."""
    variables = subject.environment(arm, sink.url)
    variables.pop("OTEL_LOG_LEVEL", None)
    return variables


def count_instructions(directory, arm, sink):
    output = os.path.join(directory, f"true-{arm.rstrip('%')}")
    subprocess.run(["valgrind", "--tool=callgrind", "--quiet", f"--callgrind-out-file={output}",
                    subject.program("true")], env=quiet(arm, sink),
                   check=True, capture_output=True)
    return callgrind.Profile().read(output)


def run_milliseconds(arm, sink):
    program = subject.program("true")
    variables = quiet(arm, sink)
    began = time.perf_counter()
    os.waitpid(os.posix_spawn(program, [program], variables), 0)
    return 1000 * (time.perf_counter() - began)


def sleeping_memory(directory, arm, sink):
    with processes.Server([subject.program("sleep"), "60"], os.path.join(directory, "sleep"),
                          quiet(arm, sink)) as sleeper:
        time.sleep(0.3)
        return processes.memory_bytes(sleeper.process.pid)


def run(directory, sink):
    arms = ("untraced", "100%")
    counts = [count_instructions(directory, arm, sink) for arm in arms]
    times = {arm: [] for arm in arms}
    for number in range(RUNS):
        for arm in arms if number % 2 else reversed(arms):
            times[arm].append(run_milliseconds(arm, sink))
    samples = {arm: [] for arm in arms}
    for _ in range(SLEEPERS):
        for arm in arms:
            samples[arm].append(sleeping_memory(directory, arm, sink))
    memory = [[statistics.median(figures) for figures in zip(*samples[arm])] for arm in arms]
    added_ms = [after - before for before, after in zip(*times.values())]
    agent = counts[1].of_object(subject.LIBRARY.name)

    print("a program that never serves\n")
    print(report.table([
        ("", "untraced", "traced", "added"),
        ("`true`, instructions", f"{counts[0].total:,}", f"{counts[1].total:,}",
         f"{counts[1].total - counts[0].total:+,} ({agent:,} of the agent)"),
        (f"`true`, ms ({RUNS} pairs)", report.spread(times["untraced"]),
         report.spread(times["100%"]), report.spread(added_ms, lambda ms: f"{ms:+.3f}")),
        (f"`sleep`, MB resident (median of {SLEEPERS})", f"{memory[0][0] / 1e6:.2f}",
         f"{memory[1][0] / 1e6:.2f}", f"{(memory[1][0] - memory[0][0]) / 1e6:+.2f}"),
        ("`sleep`, MB private", f"{memory[0][1] / 1e6:.2f}", f"{memory[1][1] / 1e6:.2f}",
         f"{(memory[1][1] - memory[0][1]) / 1e6:+.2f}"),
    ]))
    return {
        "instructions_added": counts[1].total - counts[0].total,
        "ms_added": round(report.quartiles(added_ms)[1], 3),
        "resident_mb_added": round((memory[1][0] - memory[0][0]) / 1e6, 2),
    }
