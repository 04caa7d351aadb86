# SPDX-License-Identifier: Apache-2.0
"""Instructions a call, by callgrind: the figure that a shared machine can repeat.

nginx as a single process answers a fixed number of requests on one connection, or a client makes a
fixed number of calls, after a warm-up that is not counted. Callgrind counts instructions in user
space, each thread by itself; what the kernel does for a call is not in it."""
import collections
import contextlib
import glob
import os
import pathlib
import subprocess
import time

import callgrind
import relay
import subject
from measure import report

WARM_UP = 400
SETTLE_SECONDS = 3  # the exporter's delay, and its work under valgrind
AGENT = subject.LIBRARY.name
HEADS = ("hello", "browser")

# Groups of source files, by the beginning of their path; the first that fits.
GROUPS = (
    ("hooks, net", ("hooks/", "agent/observe/", "agent/net/")),
    ("protocol", ("agent/protocols/", "agent/libraries/", "agent/sql/")),
    ("span, describe", ("agent/span/", "agent/describe/")),
    ("ring", ("agent/queue/",)),
    ("work", ("agent/work/",)),
    ("redaction, route", ("agent/text/",)),
    ("base", ("agent/base/", "agent/life/", "agent/main.c", "config/")),
    ("exporter", ("exporter/",)),
)
OTHER = "other"  # of the agent: from the compiler's and the C library's headers
CALLED = "called outside"  # the C library, zlib and the like, less what an untraced call spends


def control(pid, option):
    subprocess.run(["callgrind_control", option, str(pid)], check=True, capture_output=True)


def profile(directory, name, start, phases):
    """{phase: (the first thread, all other threads together)}. `start(wrapper)`: a context that
    gives what is measured; `phases`: {name: action of (what is measured, warming up?)}."""
    # A percent sign is valgrind's, for the process and such.
    output = os.path.join(directory, f"callgrind-{name.replace('%', '-percent')}")
    wrapper = ["valgrind", "--tool=callgrind", "--separate-threads=yes", "--quiet",
               f"--callgrind-out-file={output}"]
    with start(wrapper) as measured:
        pid = measured.process.pid
        for action in phases.values():
            action(measured, True)
        time.sleep(SETTLE_SECONDS)
        control(pid, "--zero")
        for action in phases.values():
            action(measured, False)
            time.sleep(SETTLE_SECONDS)
            control(pid, "--dump")  # it also sets all to zero
    found = {}
    for number, phase in enumerate(phases, 1):
        own, others = callgrind.Profile(), callgrind.Profile()
        for path in sorted(glob.glob(f"{output}*.{number}-*")):
            (own if path.endswith("-01") else others).read(path)
        found[phase] = own, others
    return found


def measure_server(directory, load, requests):
    """{variant: {head: (request's thread, other threads)}} of nginx."""
    def phase(head):
        return lambda server, warm_up: load.run(server.port, WARM_UP if warm_up else requests, 1,
                                                head=head)

    phases = {head: phase(head) for head in HEADS}
    return {variant: profile(directory, variant, lambda wrapper, variant=variant: subject.Nginx(
        os.path.join(directory, "counted-" + variant), subject.environment(variant, load.url),
        0, wrapper), phases) for variant in ("untraced", "100%", "stable", "unsampled")}


def measure_client(directory, name, words, load, calls):
    """({variant: {what: (the caller's thread, other threads)}}, {what: bytes of a call})"""
    sizes = {}

    def phase(what):
        def act(client, warm_up):
            said = client.calls(what, WARM_UP if warm_up else calls)
            sizes[what] = round(said["call_bytes"])
        return act

    kinds = {kind for what, plain, _ in subject.CALLS_OF[name] for kind in (what, plain)}
    phases = {kind: phase(kind) for kind in sorted(kinds)}
    found = {}
    for variant in ("untraced", "100%", "unsampled"):
        variables = subject.environment(variant, load.url)
        found[variant] = profile(
            directory, f"{name}-{variant}", lambda wrapper, variables=variables: subject.Client(
                words, variables, wrapper), phases)
    return found, sizes


def summarise_server(profiles, requests, head_bytes):
    """The figures of the gate; `head_bytes`: {head: its length}."""
    def own(variant, head):
        return profiles[variant][head][0].total / requests

    def added(variant, head):
        return own(variant, head) - own("untraced", head)

    longer = head_bytes["browser"] - head_bytes["hello"]
    found = {
        "untraced_per_request": own("untraced", "hello"),
        "traced_per_request": own("100%", "hello"),
        "per_span": added("100%", "hello"),
        "per_unsampled_request": added("unsampled", "hello"),
        "exporter_per_span": profiles["100%"]["hello"][1].total / requests,
        "exporter_per_span_stable": profiles["stable"]["hello"][1].total / requests,
        "per_span_browser": added("100%", "browser"),
        "per_unsampled_browser": added("unsampled", "browser"),
    }
    found = {key: round(value) for key, value in found.items()}
    found["bytes_of_head"] = round(head_bytes["hello"])
    found["bytes_of_browser_head"] = round(head_bytes["browser"])
    for key, variant in (("per_head_byte", "100%"), ("per_unsampled_head_byte", "unsampled")):
        found[key] = round((added(variant, "browser") - added(variant, "hello")) / longer, 2)
    return found


def summarise_client(name, profiles, calls, sizes):
    found = {}
    for what, plain, title in subject.CALLS_OF[name]:
        key = title.replace(" ", "_")
        untraced = profiles["untraced"][plain][0].total
        traced, others = profiles["100%"][what]
        found[f"untraced_per_{key}"] = round(untraced / calls)
        found[f"per_{key}"] = round((traced.total - untraced) / calls)
        found[f"per_unsampled_{key}"] = round(
            (profiles["unsampled"][what][0].total - untraced) / calls)
        found[f"exporter_per_{key}"] = round(others.total / calls)
        found[f"bytes_of_{key}"] = sizes[what]
    return found


def relative(path):
    """A source file's place in the tree, whatever tree it was built in, and from wherever in it:
    with link-time optimisation `build/release/../../agent/main.c`."""
    source = str(subject.TREE) + "/"
    if path.startswith(source):
        path = path[len(source):]
    path = path.rpartition("/../")[2]
    found = max(("/" + path).rfind("/" + beginning) for _, beginnings in GROUPS
                for beginning in beginnings)
    return path[max(found, 0):]


def group_of(path):
    for name, beginnings in GROUPS:
        if path.startswith(beginnings):
            return name
    return OTHER


def by_group(traced, untraced_total, count):
    """{group: instructions a call} of a thread that does more than the agent's work: what an
    untraced one spends is not the agent's."""
    groups = collections.Counter({name: 0 for name, _ in GROUPS})
    for (owner, path), cost in traced.files.items():
        if owner == AGENT:
            groups[group_of(relative(path))] += cost / count
    groups[CALLED] = (traced.total - untraced_total) / count - sum(groups.values())
    return {name: round(cost) for name, cost in groups.items() if round(cost)}


def print_groups(columns):
    """`columns`: {title: {group: instructions}}"""
    names = [name for name, _ in GROUPS] + [OTHER, CALLED]
    rows = [("instructions by group", *columns)]
    rows += [(name, *(f"{column.get(name, 0):,}" for column in columns.values()))
             for name in names if any(column.get(name) for column in columns.values())]
    rows.append(("together", *(f"{sum(column.values()):,}" for column in columns.values())))
    print(report.table(rows))


def server_groups(profiles, requests):
    untraced = {head: profiles["untraced"][head][0].total for head in HEADS}
    return {
        "span": by_group(profiles["100%"]["hello"][0], untraced["hello"], requests),
        "span, browser": by_group(profiles["100%"]["browser"][0], untraced["browser"], requests),
        "not sampled": by_group(profiles["unsampled"]["hello"][0], untraced["hello"], requests),
        "exporter": by_group(profiles["100%"]["hello"][1], 0, requests),
        "exporter, stable": by_group(profiles["stable"]["hello"][1], 0, requests),
    }


def client_groups(name, profiles, calls):
    found = {}
    for what, plain, title in subject.CALLS_OF[name]:
        own, others = profiles["100%"][what]
        found[title] = by_group(own, profiles["untraced"][plain][0].total, calls)
        found[f"exporter, {title}"] = by_group(others, 0, calls)
    return found


def most(costs, calls, count, lines):
    """Rows (what, instructions a call, calls of it) of the most expensive."""
    rows = []
    for key, cost in costs.most_common(lines):
        rows.append((key[1] if key[0] == AGENT else f"{key[1]} ({key[0]})",
                     report.shorter(cost / count),
                     report.shorter(calls[key] / count) if calls else ""))
    return rows


def only(costs, owner):
    return type(costs)({key: cost for key, cost in costs.items() if key[0] == owner})


def print_part(title, costs, calls, count, lines):
    print(f"\n{title}\n")
    print(report.table([("", "instructions", "calls" if calls else ""),
                        *most(costs, calls, count, lines)]))


def print_breakdown(traced, unsampled, count, lines):
    """`traced`, `unsampled`: (the thread that is measured, the others)."""
    own, others = traced
    files = type(own.files)()
    for (owner, path), cost in only(own.files, AGENT).items():
        files[owner, relative(path)] += cost
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
         only(unsampled[0].functions, AGENT), unsampled[0].calls_of),
    )
    for title, costs, calls in parts:
        print_part(title, costs, calls, count, lines)


def run_server(directory, requests, lines):
    with subject.Load() as load:
        heads = {}
        profiles = measure_server(directory, HeadBytes(load, heads), requests)
    found = summarise_server(profiles, requests, heads)
    print("instructions a request on its own thread (callgrind, user space)\n")
    print(report.table([
        ("", "hello head", "browser's head"),
        ("bytes of the head", *(f"{heads[head]:.0f}" for head in HEADS)),
        ("untraced", f"{found['untraced_per_request']:,}", ""),
        ("added by a span", f"{found['per_span']:,}", f"{found['per_span_browser']:,}"),
        ("added by a request that is not sampled", f"{found['per_unsampled_request']:,}",
         f"{found['per_unsampled_browser']:,}"),
        ("a byte more of the head: with a span", "", f"{found['per_head_byte']:.2f}"),
        ("a byte more of the head: not sampled", "", f"{found['per_unsampled_head_byte']:.2f}"),
        ("a span on the exporter's thread", f"{found['exporter_per_span']:,}", ""),
        ("the same with the stable names alone", f"{found['exporter_per_span_stable']:,}", ""),
    ]))
    found["groups"] = server_groups(profiles, requests)
    print()
    print_groups(found["groups"])
    print_breakdown(profiles["100%"]["hello"], profiles["unsampled"]["hello"], requests, lines)
    own = profiles["100%"]["browser"][0]
    print_part("the request's thread, a browser's head: functions of the agent, without what they "
               "call", only(own.functions, AGENT), own.calls_of, requests, lines)
    return found


class HeadBytes:
    """A load that notes how long the heads are."""

    def __init__(self, load, lengths):
        self.load, self.lengths, self.url = load, lengths, load.url

    def run(self, *arguments, head):
        found = self.load.run(*arguments, head=head)
        self.lengths[head] = found["head_bytes"]
        return found


def run_client(name, directory, calls, lines):
    with contextlib.ExitStack() as stack:
        load = stack.enter_context(subject.Load())
        what, port, *more = stack.enter_context(
            subject.asked_server(name, pathlib.Path(directory) / f"asked-{name}-counted"))
        words = [what, stack.enter_context(relay.Relay(port)).port, *more]
        profiles, sizes = measure_client(directory, name, words, load, calls)
    found = summarise_client(name, profiles, calls, sizes)
    print(f"{name}: instructions a call on its own thread (callgrind, user space)\n")
    rows = [("", "untraced", "added by a span", "not sampled", "exporter, a span")]
    for what, _, title in subject.CALLS_OF[name]:
        key = title.replace(" ", "_")
        size = f" of {sizes[what]} bytes" if sizes[what] else ", beside one with one more header"
        rows.append((title + size, *(f"{found[form + key]:,}" for form in (
            "untraced_per_", "per_", "per_unsampled_", "exporter_per_"))))
    print(report.table(rows))
    found["groups"] = client_groups(name, profiles, calls)
    print()
    print_groups(found["groups"])
    what = subject.CALLS_OF[name][0][0]
    print_breakdown(profiles["100%"][what], profiles["unsampled"][what], calls, lines)
    return found
