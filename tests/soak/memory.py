# SPDX-License-Identifier: Apache-2.0
"""Resident memory of processes over time, and how fast it grows."""

import collections
import pathlib
import time

KINDS = ("VmRSS", "RssAnon", "RssFile", "RssShmem")


def resident_kib(pid):
    """Each of KINDS, in KiB."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    said = dict(line.split(":", 1) for line in lines)
    return tuple(int(said[kind].split()[0]) for kind in KINDS)


def resident_by_mapping(pid):
    """(start, name) → KiB; what is anonymous has no name."""
    found = {}
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        words = line.split(maxsplit=5)
        if words[0] == "Rss:":
            found[mapping] = int(words[1])
        elif not words[0].endswith(":"):
            mapping = words[0].split("-")[0], words[5] if len(words) == 6 else "anonymous"
    return found


def slope(points):
    """Least squares: how much y grows with x."""
    mean_x, mean_y = (sum(values) / len(points) for values in zip(*points))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


class Watch:
    """Samples of some processes; pid → [(minutes, KiB of each kind)]. All also go into a file, for
    whoever has to find out when something grew."""

    def __init__(self, processes, path, settled):
        """`settled`: the minutes after which growth counts."""
        self.processes = processes  # pid → name
        self.settled = settled
        self.mappings = {}  # pid → resident_by_mapping() once settled
        self.samples = collections.defaultdict(list)
        self.started = time.monotonic()
        self.file = open(path, "w", encoding="ascii", buffering=1)
        print("minutes", "name", "pid", *KINDS, sep="\t", file=self.file)

    def sample(self):
        minutes = (time.monotonic() - self.started) / 60
        for pid, name in self.processes.items():
            kib = resident_kib(pid)
            self.samples[pid].append((minutes, kib))
            print(f"{minutes:.2f}", name, pid, *kib, sep="\t", file=self.file)
            if minutes >= self.settled and pid not in self.mappings:
                self.mappings[pid] = resident_by_mapping(pid)

    def grown(self, pid):
        """Where a process has grown or shrunk since it settled: (KiB, name, start), most first."""
        before, now = self.mappings.get(pid, {}), resident_by_mapping(pid)
        changes = ((now.get(mapping, 0) - before.get(mapping, 0), mapping[1], mapping[0])
                   for mapping in before.keys() | now.keys())
        return sorted((change for change in changes if change[0]), key=lambda one: -abs(one[0]))

    def slopes(self):
        """(name, pid, first and last resident size in KiB, KiB a minute of each kind) of each
        process since it settled."""
        for pid, samples in self.samples.items():
            late = [(minutes, kib) for minutes, kib in samples if minutes >= self.settled]
            growth = [slope([(minutes, kib[kind]) for minutes, kib in late])
                      for kind in range(len(KINDS))]
            yield self.processes[pid], pid, late[0][1][0], late[-1][1][0], growth
