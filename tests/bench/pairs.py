# SPDX-License-Identifier: Apache-2.0
"""CPU a request, latencies and memory: each variant beside the plain runs next to it.

One process a variant, all at once, idle but for the one that is loaded. A round visits plain,
variant, plain, the next variant … so that what a busy hour of the machine does, it does to both
of a pair. CPU is what the threads' schedstat say, the exporter's included, until the last spans are
out. The server has one processor, the load another; the exporter's thread is put beside either."""
import collections
import contextlib
import os
import statistics
import time

import subject
from measure import plot, processes, quiet, report, verdict

SETTLE_SECONDS = 1.2  # OTEL_BSP_SCHEDULE_DELAY is 1 s, and some for the sending
PLAIN_SETTLE_SECONDS = 0.05
OPEN_SECONDS = 1.5
WARM_UPS = 3
EXPORTER = "otelagent"  # the name of its thread
PLACES = ("same", "other")
PLAIN = "untraced"
MEASURED = {"same": ("again", "disabled", "1%", "100%", "stable"), "other": ("100%", "stable")}
TITLES = {"untraced": "untraced", "again": "untraced, again", "disabled": "disabled",
          "1%": "1 % sampled", "100%": "100 %", "stable": "100 %, stable names"}


def processors():
    """(the server's, the load's)"""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise processes.ProcessError("CPU is measured with two processors: one for the server, one "
                                     "for the load; --only instructions needs one")
    return usable[0], usable[1]


def settle(variant):
    time.sleep(SETTLE_SECONDS if variant in subject.EXPORTING else PLAIN_SETTLE_SECONDS)


def thread_cpu(pids):
    """Processor time in seconds of the exporter's threads and of all others: (others, exporter)."""
    seconds = [0.0, 0.0]
    for pid in pids:
        for thread, name in processes.threads(pid).items():
            seconds[name == EXPORTER] += processes.thread_seconds(pid, thread)
    return seconds


def place(pids, server_cpu, exporter_cpu):
    for pid in pids:
        for thread, name in processes.threads(pid).items():
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(thread, {exporter_cpu if name == EXPORTER else server_cpu})


class Bench:
    """The variants of one subject, running. Use as a context manager."""

    def __init__(self, what, directory, keeper, counts, cpus):
        """`counts`: requests of a closed run, connections, workers."""
        self.what, self.directory, self.keeper, self.counts = what, directory, keeper, counts
        self.cpus, self.running, self.log = cpus, {}, None
        self.asked, self.arrived = collections.Counter(), collections.Counter()
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        self.load = self.stack.enter_context(subject.Load(self.cpus[1]))
        is_server = self.what in subject.SERVERS
        words = None if is_server else self.stack.enter_context(subject.asked_server(
            self.what, os.path.join(self.directory, f"asked-{self.what}")))
        for variant in (PLAIN, *MEASURED["same"]):
            variables = subject.environment(variant, self.load.url)
            if is_server:
                kind = subject.SERVERS[self.what]
                more = {"workers": self.counts["workers"]} if self.what == "http" else {}
                one = kind(os.path.join(self.directory, f"{self.what}-{variant}"), variables, **more)
            else:
                one = subject.Client(words, variables)
            self.running[variant] = self.stack.enter_context(one)
        return self

    def __exit__(self, *exception):
        return self.stack.__exit__(*exception)

    def pids(self, variant):
        return self.running[variant].processes()

    def drive(self, variant, rate):
        """One load; what it said."""
        one = self.running[variant]
        if isinstance(one, subject.Client):
            what = subject.CALLS_OF[self.what][0][0]
            return one.calls(what, self.counts["requests"])
        requests = round(OPEN_SECONDS * rate) if rate else self.counts["requests"]
        return self.load.run(one.port, requests, self.counts["connections"], rate)

    def warm_up(self, exporter_cpu):
        """Page faults, caches, the exporter's start; then all threads are there to be placed."""
        for variant in self.running:
            for _ in range(WARM_UPS):
                self.drive(variant, 0)
        time.sleep(SETTLE_SECONDS)
        for variant in self.running:
            place(self.pids(variant), self.cpus[0], exporter_cpu)
        self.load.take()

    def one_run(self, variant, rate):
        pids = self.pids(variant)

        def own_seconds():
            return (sum(thread_cpu(pids)) + sum(thread_cpu([self.load.process.pid, os.getpid()])) +
                    self.asked_seconds())

        watch = quiet.Watch(own_seconds)
        before = thread_cpu(pids)
        found = self.drive(variant, rate)
        settle(variant)
        after = thread_cpu(pids)
        found["foreign"] = watch.foreign()
        count = found.get("requests") or found["calls"]
        found["exporter_us"] = 1e6 * (after[1] - before[1]) / count
        found["cpu_us"] = 1e6 * (after[0] - before[0]) / count + found["exporter_us"]
        found["per_second"] = count / found["seconds"]
        found["spans"] = self.load.take()["spans"]
        self.asked[variant] += count
        self.arrived[variant] += found["spans"]
        return found

    def asked_seconds(self):
        """Of the server that a client asks: all other descendants of this process."""
        if self.what in subject.SERVERS:
            return 0.0
        below = processes.children()
        mine = set(processes.with_descendants([os.getpid()], below))
        known = {os.getpid(), self.load.process.pid, *(pid for variant in self.running
                                                       for pid in self.pids(variant))}
        return sum(thread_cpu(mine - known))

    def rounds(self, count, rates, where, write_line):
        """{rate: [(variant, run)] in order of time}; rate 0 is the closed loop."""
        sequence = {rate: [] for rate in rates}
        for number in range(count):
            order = [name for variant in MEASURED[where] for name in (PLAIN, variant)] + [PLAIN]
            if number % 2:
                order.reverse()
            for variant in order:
                for rate in rates:
                    found = self.keeper.run(lambda: self.one_run(variant, rate))
                    sequence[rate].append((variant, found))
                    write_line({"subject": self.what, "exporter": where, "round": number + 1,
                                "variant": variant, "rate": rate, **found})
        return sequence

    def memory_mb(self, variant):
        """(resident, private, proportional) of a worker, the mean over all."""
        sizes = [processes.memory_bytes(pid) for pid in self.running[variant].workers()]
        return processes.Memory(*(statistics.mean(column) / 1e6 for column in zip(*sizes)))


def changes(sequence, variant, key):
    """Shares by which it differs from the plain runs beside it."""
    pairs = quiet.pair(sequence, variant, PLAIN, key)
    return report.paired_change(*zip(*pairs)) if pairs else []


def added(sequence, variant, key):
    return [after - before for before, after in quiet.pair(sequence, variant, PLAIN, key)]


def clean(sequence, variant, key):
    return [run[key] for which, run in sequence if which == variant and run["clean"]]


def spread_or_dash(values, form=report.shorter):
    return report.spread(values, form) if values else "-"


def signed(value):
    return f"{value:+.2f}"


def print_closed(sequence, where):
    rows = [(f"closed loop, exporter on the {'server' if where == 'same' else 'load'}'s CPU",
             "CPU, µs", "added, µs", "added", "exporter, µs", "per second", "clean pairs")]
    plain = clean(sequence, PLAIN, "cpu_us")
    rows.append((TITLES[PLAIN], spread_or_dash(plain), "", "", "",
                 spread_or_dash(clean(sequence, PLAIN, "per_second")), f"{len(plain)} runs"))
    for variant in MEASURED[where]:
        share = changes(sequence, variant, "cpu_us")
        rows.append((TITLES[variant], spread_or_dash(clean(sequence, variant, "cpu_us")),
                     spread_or_dash(added(sequence, variant, "cpu_us"), signed),
                     spread_or_dash(share, report.percent),
                     spread_or_dash(clean(sequence, variant, "exporter_us")),
                     spread_or_dash(changes(sequence, variant, "per_second"), report.percent),
                     str(len(share))))
    print(report.table(rows))


LATENCIES = ("p50_us", "p99_us", "p999_us")


def print_open(sequence, rate, where):
    titles = ("p50, µs", "p99, µs", "p99.9, µs")
    rows = [(f"{rate:,}/s, exporter on the {'server' if where == 'same' else 'load'}'s CPU",
             *titles, "p99 of untraced", "clean pairs")]
    for variant in (PLAIN, *MEASURED[where]):
        share = changes(sequence, variant, "p99_us") if variant != PLAIN else []
        rows.append((TITLES[variant],
                     *(spread_or_dash(clean(sequence, variant, key)) for key in LATENCIES),
                     spread_or_dash([1 + value for value in share], lambda ratio: f"×{ratio:.2f}")
                     if variant != PLAIN else "", str(len(share)) if variant != PLAIN else ""))
    print(report.table(rows))


def print_verdicts(sequences, where):
    rates = [rate for rate in sequences if rate]
    for variant in MEASURED[where]:
        cpu = changes(sequences[0], variant, "cpu_us")
        latency = changes(sequences[rates[-1]], variant, "p99_us") if rates else []
        said = verdict.sentence(cpu, latency).partition("verdict: ")[2]
        print(f"{TITLES[variant]}: {said if cpu or latency else 'no clean pair'}")


def print_memory(bench):
    sizes = {variant: bench.memory_mb(variant) for variant in (PLAIN, *MEASURED["same"])}
    rows = [("memory a process, MB", "resident", "added", "proportional", "added", "private",
             "added")]
    for variant, size in sizes.items():
        cells = []
        for key in ("resident", "proportional", "private"):
            value, plain = getattr(size, key), getattr(sizes[PLAIN], key)
            cells += [f"{value:.1f}", f"{value - plain:+.1f}" if variant != PLAIN else ""]
        rows.append((TITLES[variant], *cells))
    print(report.table(rows))
    return sizes


def print_accounts(bench):
    """Stops the servers: what is lost they say at their end."""
    for variant in subject.EXPORTING:
        server = bench.running[variant]
        server.stop()
        ended, dropped = server.accounts()
        said = f"{ended:,} ended in all, {dropped:,} dropped; " if ended else ""  # node says nothing
        print(f"spans, {TITLES[variant]}: {said}of {bench.asked[variant]:,.0f} requests in runs, "
              f"{bench.arrived[variant]:,.0f} arrived")


def panels(title, sequences, where):
    """Of the plot."""
    def rows(sequence, key):
        found = [(TITLES[variant], changes(sequence, variant, key)) for variant in MEASURED[where]]
        return [(name, values) for name, values in found if values]

    beside = f"exporter on the {'server' if where == 'same' else 'load'}'s CPU"
    found = [plot.Panel(f"{title}: CPU a request above untraced, closed loop, {beside}",
                        rows(sequences[0], "cpu_us"), True, report.percent)]
    for rate in sequences:
        if rate:
            found.append(plot.Panel(f"{title}: p99 above untraced at {rate:,}/s, {beside}",
                                    rows(sequences[rate], "p99_us"), True, report.percent))
    return [panel for panel in found if panel.rows]


def middle(values, digits):
    return round(report.quartiles(values)[1], digits) if values else None


def summarise(sequences, where):
    """Medians and, of the ratios, the quartiles and how many pairs they stand on."""
    found = {}
    for variant in MEASURED[where]:
        share = changes(sequences[0], variant, "cpu_us")
        one = {"pairs": len(share)}
        if share:
            low, half, high = (round(1 + value, 3) for value in report.quartiles(share))
            one.update(ratio=half, ratio_quartiles=[low, high],
                       added_us=middle(added(sequences[0], variant, "cpu_us"), 2),
                       exporter_us=middle(clean(sequences[0], variant, "exporter_us"), 2))
        for rate in sequences:
            latency = changes(sequences[rate], variant, "p99_us") if rate else []
            if latency:
                one[f"p99_ratio_at_{rate}"] = round(1 + report.quartiles(latency)[1], 2)
                one[f"p99_pairs_at_{rate}"] = len(latency)
        found[variant] = one
    return found


def run(what, directory, arguments, write_line):
    """(figures, panels of the plot)"""
    kind = subject.SERVERS.get(what)
    rates = (0, *kind.rates) if kind and not arguments.closed else (0,)
    title = kind.title if kind else f"a loop of {what}"
    counts = {"requests": arguments.requests or (kind.requests if kind else 4000),
              "connections": arguments.connections, "workers": arguments.workers}
    runs = sum(len(MEASURED[where]) * 2 + 1 for where in arguments.places)
    keeper = quiet.Keeper(arguments.discard * arguments.pairs * len(rates) * runs,
                          arguments.foreign / 100)
    figures, shown = {}, []
    with Bench(what, directory, keeper, counts, processors()) as bench:
        for where in arguments.places:
            server_cpu, load_cpu = bench.cpus
            bench.warm_up(server_cpu if where == "same" else load_cpu)
            sequences = bench.rounds(arguments.pairs, rates, where, write_line)
            print(f"{title}: {arguments.pairs} rounds; median [quartiles]\n")
            print_closed(sequences[0], where)
            for rate in rates[1:]:
                print()
                print_open(sequences[rate], rate, where)
            print()
            print_verdicts(sequences, where)
            print(flush=True)
            figures[f"exporter_{where}"] = summarise(sequences, where)
            shown += panels(title, sequences, where)
            if where == "same":
                figures["us_per_request_untraced"] = middle(clean(sequences[0], PLAIN, "cpu_us"), 2)
        sizes = print_memory(bench)
        print()
        if kind:
            print_accounts(bench)
        print(keeper.account())
    for key in ("resident", "private", "proportional"):
        figures[f"{key}_mb_added"] = round(
            getattr(sizes["100%"], key) - getattr(sizes[PLAIN], key), 1)
    figures["runs_discarded"], figures["runs"] = keeper.discarded, keeper.made
    return figures, shown
