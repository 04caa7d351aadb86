# SPDX-License-Identifier: Apache-2.0
"""A server to measure: started, waited for, weighed and stopped together with all it starts.

This process makes itself the reaper of orphans, so that a server which goes into the background
stays among its descendants: nothing else is ever weighed or stopped."""
import collections
import ctypes
import os
import signal
import subprocess
import time

PR_SET_CHILD_SUBREAPER = 36
TICKS = os.sysconf("SC_CLK_TCK")


class ProcessError(Exception):
    """A program that does not start, answer or end as it should; the text says which and why."""


def adopt_orphans():
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def stat_fields(pid):
    """The fields of /proc/PID/stat behind the name, the state first; None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return None


def children():
    """{process: its living children}, of all there are."""
    found = {}
    for name in os.listdir("/proc"):
        fields = stat_fields(name) if name.isdigit() else None
        if fields and fields[0] not in (b"Z", b"X"):
            found.setdefault(int(fields[1]), []).append(int(name))
    return found


def with_descendants(pids, below):
    found, left = [], list(pids)
    while left:
        pid = left.pop()
        found.append(pid)
        left += below.get(pid, [])
    return found


def cpu_seconds(pid):
    """What the process, its threads (ended ones too) and its awaited children used."""
    try:
        # The clock of another process, as clock_getcpuclockid(3) names it: nanoseconds, where
        # /proc/PID/stat has hundredths of a second.
        own = time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0
    fields = stat_fields(pid)
    awaited = (int(fields[13]) + int(fields[14])) / TICKS if fields else 0.0
    return own + awaited


Memory = collections.namedtuple("Memory", "resident private proportional")


def memory_bytes(pid):
    """All resident memory; the pages of its own that it has written to; and all of it where a page
    that n processes share counts as an nth (PSS)."""
    found = {"Rss": 0, "Private_Dirty": 0, "Pss": 0}
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name in found:
                    found[name] = int(value.split()[0]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return Memory(found["Rss"], found["Private_Dirty"], found["Pss"])


def threads(pid):
    """{thread: its name}"""
    found = {}
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/comm", encoding="utf-8",
                      errors="replace") as file:
                found[int(thread)] = file.read().rstrip("\n")
    except OSError:
        pass  # it has ended
    return found


def thread_seconds(pid, thread):
    """What a living thread used, exactly: the first number of its schedstat, in nanoseconds."""
    try:
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[0]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


class Server:
    """A running server, its output in a file. Use as a context manager. Of several at a time, all
    must stay in the foreground."""

    started = set()  # the first process of each, to tell them from what they leave behind

    def __init__(self, command, output_path, environment=None):
        self.command = command
        self.output_path = output_path
        self.before = set(children().get(os.getpid(), []))
        with open(output_path, "wb") as output:
            try:
                self.process = subprocess.Popen(
                    [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output,
                    stderr=output, env=environment, start_new_session=True)
            except OSError as error:
                raise ProcessError(f"{command[0]}: {error.strerror}") from None
        Server.started.add(self.process.pid)

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.stop()

    def output(self):
        with open(self.output_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def complaint(self, what):
        said = self.output().splitlines()[-20:]
        said = ["its last lines:"] + ["  " + line for line in said] if said else ["it said nothing"]
        return ProcessError("\n".join([f"the server {what}; {said[0]}", *said[1:]]))

    def processes(self):
        """The first one, where it lives, what it left behind, and all below those."""
        below = children()
        own = below.get(os.getpid(), [])
        top = [pid for pid in own if pid == self.process.pid or
               (pid not in self.before and pid not in Server.started)]
        return with_descendants(top, below)

    def wait_until(self, ready, seconds, what):
        deadline = time.monotonic() + seconds
        while not ready():
            status = self.process.poll()
            if status is not None and not self.processes():
                raise self.complaint(f"ended with status {status} before it answered")
            if time.monotonic() > deadline:
                raise self.complaint(f"does not answer at {what} after {seconds:g} s")
            time.sleep(0.02)

    def cpu_seconds(self):
        return sum(cpu_seconds(pid) for pid in self.processes())

    def memory_bytes(self):
        """Sums over the processes; shared pages count once a process in the first."""
        sizes = [memory_bytes(pid) for pid in self.processes()]
        return sum(size[0] for size in sizes), sum(size[1] for size in sizes)

    def stop(self, seconds=10):
        """SIGTERM to the first process (or to what it left behind), SIGKILL to what stays."""
        first = [self.process.pid] if self.process.poll() is None else self.processes()
        signal_all(first, signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while self.processes() and time.monotonic() < deadline:
            self.reap()
            time.sleep(0.02)
        stubborn = self.processes()
        signal_all(stubborn, signal.SIGKILL)
        while self.processes():
            self.reap()
            time.sleep(0.02)
        self.reap()
        return not stubborn

    def reap(self):
        self.process.poll()
        while True:  # orphans that became ours
            try:
                waited = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if waited is None or waited.si_pid == self.process.pid:
                return
            os.waitpid(waited.si_pid, 0)


def signal_all(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass
