# SPDX-License-Identifier: Apache-2.0
"""Was the machine ours during a run? What all processors did (/proc/stat) less what the processes
under measurement did is what others used. A run in which they used more than a little is made
again, a bounded number of times, and never counted."""
import os
import time

TICKS = os.sysconf("SC_CLK_TCK")
# User, nice, system, steal: columns of /proc/stat (proc(5)). Interrupts are left out: the packets
# of the load under measurement make most of them.
BUSY = (0, 1, 2, 7)
ALLOWED = 0.06  # of one processor; the kernel counts in ticks, so a second may be two or three off


def busy_seconds(text=None):
    """What all processors together have worked since they started."""
    if text is None:
        with open("/proc/stat", encoding="ascii") as file:
            text = file.read()
    columns = text.partition("\n")[0].split()[1:]
    return sum(int(columns[at]) for at in BUSY if at < len(columns)) / TICKS


class Watch:
    """From its making to foreign(): the share of one processor that others used."""

    def __init__(self, own_seconds, busy=busy_seconds, clock=time.monotonic):
        """`own_seconds`: tells the processor time of all processes that belong to the run."""
        self.own_seconds, self.busy, self.clock = own_seconds, busy, clock
        self.began = clock(), busy(), own_seconds()

    def foreign(self):
        own, busy, now = self.own_seconds(), self.busy(), self.clock()
        elapsed = now - self.began[0]
        others = (busy - self.began[1]) - (own - self.began[2])
        return max(0.0, others / elapsed) if elapsed > 0 else 0.0


class Keeper:
    """Makes runs until one is clean. `most`: how many it may throw away in all; after that it takes
    what comes, marked as not clean."""

    def __init__(self, most, allowed=ALLOWED):
        self.most, self.allowed = most, allowed
        self.made = self.discarded = self.unclean = 0

    def run(self, action):
        """`action()` makes a run: a dictionary with `foreign`. Adds `clean`."""
        while True:
            found = action()
            self.made += 1
            found["clean"] = found["foreign"] <= self.allowed
            if found["clean"]:
                return found
            if self.discarded >= self.most:
                self.unclean += 1
                return found
            self.discarded += 1

    def account(self):
        text = f"{self.made} runs, {self.discarded} discarded and made again"
        if self.unclean:
            text += f", {self.unclean} left out when no more could be made again"
        return f"{text} (others used more than {100 * self.allowed:.0f} % of a processor)"


def pair(sequence, name, plain, key):
    """[(plain, measured)] of the clean runs of `name`, each with the mean of the clean plain runs
    right before and behind it. `sequence`: [(name, run)] in the order of time."""
    found = []
    for at, (which, run) in enumerate(sequence):
        if which != name or not run["clean"]:
            continue
        beside = [other[key] for neighbour, other in sequence[max(at - 1, 0):at] +
                  sequence[at + 1:at + 2] if neighbour == plain and other["clean"]]
        if beside:
            found.append((sum(beside) / len(beside), run[key]))
    return found
