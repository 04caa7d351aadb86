# SPDX-License-Identifier: Apache-2.0
"""CPU a request, throughput and memory: three servers side by side, loaded in turn.

CPU is user and system time of all threads of nginx's processes, the exporter's included; each run
waits until its last spans are out. A round loads each arm once, in an order that rotates."""
import contextlib
import os
import time

import subject
from measure import collector, processes, report

ARMS = ("untraced", "traced", "1%")
SETTLE_SECONDS = 1.2  # OTEL_BSP_SCHEDULE_DELAY is 1 s, and some for the sending


def one_run(server, requests, connections):
    before = server.cpu_seconds()
    found = subject.load(server.port, requests, connections)
    time.sleep(SETTLE_SECONDS)
    found["cpu_us"] = 1e6 * (server.cpu_seconds() - before) / requests
    found["per_second"] = requests / found["seconds"]
    return found


def memory_mb(server):
    """(resident, private) of a worker, the mean over all."""
    sizes = [processes.memory_bytes(pid) for pid in server.workers()]
    return [sum(size[i] for size in sizes) / len(sizes) / 1e6 for i in (0, 1)]


def rounds(servers, pairs, requests, connections):
    runs = {arm: [] for arm in ARMS}
    for server in servers.values():  # not counted: page faults, caches, the exporter's start
        one_run(server, requests // 3, connections)
    for number in range(pairs):
        for i in range(len(ARMS)):
            arm = ARMS[(number + i) % len(ARMS)]
            runs[arm].append(one_run(servers[arm], requests, connections))
    return runs


METRICS = (("cpu_us", "CPU a request, µs"), ("per_second", "requests/s"),
           ("p50_us", "latency p50, µs"), ("p99_us", "latency p99, µs"))


def print_runs(runs):
    rows = [("", "untraced", "traced", "change", "1%", "change")]
    for key, title in METRICS:
        values = {arm: [run[key] for run in some] for arm, some in runs.items()}
        row = [title, report.spread(values["untraced"])]
        for arm in ARMS[1:]:
            change = report.paired_change(values["untraced"], values[arm])
            row += [report.spread(values[arm]), report.spread(change, report.percent)]
        rows.append(tuple(row))
    print(report.table(rows))
    print()
    print(report.plot("CPU a request, µs", [(arm, [run["cpu_us"] for run in some])
                                            for arm, some in runs.items()]))


def print_accounts(servers, sinks):
    for arm in ARMS[1:]:
        ended, dropped = servers[arm].accounts()
        spans, size = sinks[arm].take()
        print(f"spans, {arm}: {ended:,} ended, {spans:,} arrived, {dropped:,} dropped; "
              f"{size / spans if spans else 0:.0f} bytes each")


def ratio(runs, arm):
    change = report.paired_change([run["cpu_us"] for run in runs["untraced"]],
                                  [run["cpu_us"] for run in runs[arm]])
    return round(1 + report.quartiles(change)[1], 3)


def run(directory, pairs, requests, connections, workers):
    with contextlib.ExitStack() as stack:
        sinks = {arm: stack.enter_context(collector.Collector()) for arm in ARMS}
        servers = {arm: stack.enter_context(
            subject.Nginx(os.path.join(directory, "times-" + arm), arm, sinks[arm].url, workers))
            for arm in ARMS}
        runs = rounds(servers, pairs, requests, connections)
        memory = {arm: memory_mb(server) for arm, server in servers.items()}
        for server in servers.values():
            server.stop()
        print(f"{pairs} rounds of {requests:,} requests, {connections} connections, "
              f"{workers} worker{'s' if workers > 1 else ''}; median [quartiles]\n")
        print_runs(runs)
        print()
        print_accounts(servers, sinks)
    added = [memory["traced"][i] - memory["untraced"][i] for i in (0, 1)]
    print(f"memory a worker: {memory['untraced'][0]:.1f} MB resident untraced, {added[0]:+.1f} MB "
          f"traced ({added[1]:+.1f} MB of it private)")
    return {
        "us_per_request_untraced": round(report.quartiles(
            [run["cpu_us"] for run in runs["untraced"]])[1], 2),
        "ratio_traced": ratio(runs, "traced"),
        "ratio_1_percent": ratio(runs, "1%"),
        "resident_mb_added": round(added[0], 1),
        "private_mb_added": round(added[1], 1),
    }
