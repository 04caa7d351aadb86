# SPDX-License-Identifier: Apache-2.0
"""How often the agent's thread wakes in a server that has nothing to do.

Looked at once a second from outside, which wakes nobody. Because some looks of the thread's are as
rare as once a minute, it is watched for longer than that, and the quietest half minute is told
beside the whole."""
import os
import time

import subject
from measure import collector, processes, report

AFTER_SECONDS = 40  # from the last span on
WATCH_SECONDS = 75
WINDOW_SECONDS = 30
EXPORTER = "otelagent"


def wake_ups(pid, thread):
    """How often the thread has gone to sleep by itself, which is how often it was woken."""
    with open(f"/proc/{pid}/task/{thread}/status", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith("voluntary_ctxt_switches:"):
                return int(line.split()[1])
    return 0


def quietest(counts, window=WINDOW_SECONDS):
    """The fewest wake-ups in any `window` seconds of counts taken once a second."""
    if len(counts) <= window:
        raise ValueError(f"{len(counts)} counts are no window of {window} s")
    return min(counts[at + window] - counts[at] for at in range(len(counts) - window))


def watch(pids, seconds):
    """{(process, thread): counts, one a second}"""
    threads = [(pid, thread) for pid in pids for thread, name in processes.threads(pid).items()
               if name == EXPORTER]
    counts = {key: [] for key in threads}
    began = time.monotonic()
    for number in range(seconds + 1):
        time.sleep(max(0.0, began + number - time.monotonic()))
        for key, values in counts.items():
            values.append(wake_ups(*key))
    return counts


def run(directory):
    with subject.Load() as load, collector.Collector() as sink:
        with subject.Nginx(os.path.join(directory, "idle"),
                           subject.environment("100%", sink.url)) as server:
            load.run(server.port, 1000, 4)
            time.sleep(AFTER_SECONDS)
            counts = watch(server.processes(), WATCH_SECONDS)
    if not counts:
        raise processes.ProcessError("no thread named otelagent in nginx's processes")
    fewest = max(quietest(values) for values in counts.values())
    most = max(values[-1] - values[0] for values in counts.values())
    print(report.table([
        ("wake-ups of the agent's thread, idle", ""),
        (f"in the quietest {WINDOW_SECONDS} s, from {AFTER_SECONDS} s after the last span on",
         str(fewest)),
        (f"in all {WATCH_SECONDS} s that were watched", str(most)),
        ("processes that have such a thread", str(len(counts))),
    ]))
    return {"wake_ups_in_30_s": fewest, f"wake_ups_in_{WATCH_SECONDS}_s": most}
