# SPDX-License-Identifier: Apache-2.0
"""Instructions a request, by callgrind: the figure that a shared machine can repeat.

nginx as a single process answers a fixed number of requests on one connection, after a warm-up
that is not counted. Callgrind counts instructions in user space, each thread by itself; what the
kernel does for a call is not in it."""
import glob
import os
import subprocess
import time

import callgrind
import subject
from measure import report

WARM_UP = 400
SETTLE_SECONDS = 3  # the exporter's delay, and its work under valgrind
AGENT = subject.LIBRARY.name


def control(pid, option):
    subprocess.run(["callgrind_control", option, str(pid)], check=True, capture_output=True)


def profile(directory, arm, collector, requests):
    """(the request's thread, all other threads together) of one arm."""
    output = os.path.join(directory, f"callgrind-{arm}")
    wrapper = ["valgrind", "--tool=callgrind", "--separate-threads=yes", "--quiet",
               f"--callgrind-out-file={output}"]
    server = subject.Nginx(os.path.join(directory, "nginx-" + arm), arm, collector.url, 0, wrapper)
    with server:
        subject.load(server.port, WARM_UP, 1)
        time.sleep(SETTLE_SECONDS)
        control(server.process.pid, "--zero")
        subject.load(server.port, requests, 1)
        time.sleep(SETTLE_SECONDS)
        control(server.process.pid, "--dump")
    threads = sorted(glob.glob(output + "*.1-*"))
    own, others = callgrind.Profile(), callgrind.Profile()
    for path in threads:
        (own if path.endswith("-01") else others).read(path)
    return own, others


def measure(directory, collector, requests):
    """{arm: (request's thread, other threads)}; the figures of the gate are summarise()'s."""
    return {arm: profile(directory, arm, collector, requests)
            for arm in ("untraced", "traced", "unsampled")}


def summarise(profiles, requests):
    own = {arm: threads[0].total / requests for arm, threads in profiles.items()}
    return {
        "untraced_per_request": round(own["untraced"]),
        "traced_per_request": round(own["traced"]),
        "per_span": round(own["traced"] - own["untraced"]),
        "per_unsampled_request": round(own["unsampled"] - own["untraced"]),
        "exporter_per_span": round(profiles["traced"][1].total / requests),
    }


def most(costs, calls, requests, count):
    """Rows (what, instructions a request, calls a request) of the most expensive."""
    rows = []
    for key, cost in costs.most_common(count):
        rows.append((key[1] if key[0] == AGENT else f"{key[1]} ({key[0]})",
                     report.shorter(cost / requests),
                     report.shorter(calls[key] / requests) if calls else ""))
    return rows


def only(costs, owner):
    return type(costs)({key: cost for key, cost in costs.items() if key[0] == owner})


def print_breakdown(profiles, requests, count):
    own, others = profiles["traced"]
    source = str(subject.TREE) + "/"
    files = type(own.files)()
    for (owner, path), cost in only(own.files, AGENT).items():
        files[owner, path.replace(source, "")] += cost
    parts = (
        ("the request's thread: functions of the agent, without what they call",
         only(own.functions, AGENT), own.calls_of),
        ("the request's thread: source files, inlined functions where they were written",
         files, None),
        ("the request's thread: what the agent calls outside, with all that this calls",
         own.leaving[AGENT], own.leaving_calls[AGENT]),
        ("the exporter's thread: functions, without what they call",
         others.functions, others.calls_of),
        ("a request that is not sampled: functions of the agent, without what they call",
         only(profiles["unsampled"][0].functions, AGENT), profiles["unsampled"][0].calls_of),
    )
    for title, costs, calls in parts:
        print(f"\n{title}\n")
        print(report.table([("", "instructions", "calls" if calls else ""),
                            *most(costs, calls, requests, count)]))
