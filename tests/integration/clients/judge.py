# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a run of a client: with what it printed, as plan.py says; with what it printed
and sent under the agent, compared with a run without; with the spans, compared with what the server
saw. One span for each request that came, and none besides."""

import collections
import re

from matrix.judge import CLOCK_NS

SCOPE = "otelagent.http"
URL_NUMBER = re.compile(r"[?&]r=(\d+)(?:&|$)")
HOST_NUMBER = re.compile(r"^r(\d+)\.test$")


def label(request):
    return f"{request.number} {request.method} {request.target[:100]} ({request.end})"


# --- What was printed, and sent ---


def printed(steps, text):
    """Faults of what a program printed."""
    lines = text.splitlines()
    faults = []
    for line, step in zip(lines, steps):
        # Not every client finds fault with an answer that was cut off.
        fits = line == step.answer if step.status else line.startswith(f"{step.number} ")
        if not fits:
            faults.append(f"it printed {line!r}, not {step.answer!r}")
    if len(lines) != len(steps):
        faults.append(f"it printed {len(lines)} lines for {len(steps)} steps: {text[-500:]!r}")
    return faults


def arrived(steps, requests):
    """Faults of what came at the server: then a run would prove nothing."""
    found = collections.defaultdict(list)
    for request in requests:
        found[request.number].append(request)
    kept = collections.defaultdict(set)
    for step in steps:
        several = found[step.number]
        if (step.feature != "refused") != bool(several):
            yield f"{step.line}: {len(several)} requests came"
        if several and not any((request.method, request.path) == (step.method, step.path)
                               for request in several):
            yield f"{step.line}: what came is {[label(request) for request in several]}"
        if step.kept:
            kept[step.feature] |= {request.connection for request in several}
        if step.way == "proxy" and not all(request.target.startswith("http://")
                                           for request in several):
            yield f"{step.line}: not asked as a proxy"
    yield from (f"{feature}: {len(connections)} connections" for feature, connections
                in kept.items() if len(connections) != 1)


def wires(plain, traced):
    """Differences of the bytes that came, connection by connection."""
    if len(plain) != len(traced):
        yield f"{len(plain)} connections, {len(traced)} under the agent"
    for number, (one, other) in enumerate(zip(plain, traced)):
        if one != other:
            at = next((at for at, (a, b) in enumerate(zip(one, other)) if a != b),
                      min(len(one), len(other)))
            yield (f"connection {number} differs at byte {at} of {len(one)} and {len(other)}: "
                   f"{one[max(0, at - 40):at + 80]!r} / {other[max(0, at - 40):at + 80]!r}")


# --- The spans ---


def number_of(span):
    """The request number in what a CLIENT span says, None where there is none."""
    found = URL_NUMBER.search(span.attributes.get("url.full", ""))
    found = found or HOST_NUMBER.search(span.attributes.get("server.address", ""))
    return int(found[1]) if found else None


def pairs(requests, spans):
    """The requests with their spans, as (request, span) and faults: those of a number are in order
    of time, because it is one client's."""
    found = collections.defaultdict(list)
    for span in spans:
        found[number_of(span)].append(span)
    asked = collections.defaultdict(list)
    for request in requests:
        asked[request.number].append(request)
    together, missing, wrong = [], [], []
    for number in found.keys() - asked.keys():
        wrong += [f"a span of nobody: {span.name} {span.attributes}" for span in found[number]]
    for number, several in asked.items():
        ours = sorted(found[number], key=lambda span: span.start_ns)
        if len(ours) < len(several):
            missing.append(f"{[label(request) for request in several]}: {len(ours)} spans: "
                           f"{[span.attributes for span in ours]}")
        elif len(ours) > len(several):
            wrong.append(f"{[label(request) for request in several]}: {len(ours)} spans: "
                         f"{[span.attributes for span in ours]}")
        else:
            together += zip(several, ours)
    return together, missing, wrong


def error_of(request):
    if request.end == "whole":
        return str(request.status) if request.status >= 400 else None
    return {"reset": "ECONNRESET", "silent": "timeout"}[request.end]


def wanted(request, port):
    """The attributes of a request's span."""
    host, _, host_port = (request.target if request.method == "CONNECT" else
                          request.host).partition(":")
    absolute = request.target.startswith("http://")
    return {
        "http.request.method": request.method,
        "url.full": None if request.method == "CONNECT" else
                    request.target if absolute else f"http://{request.host}{request.target}",
        "server.address": host,
        "server.port": int(host_port or 80),
        "network.peer.address": "127.0.0.1",
        "network.peer.port": port,
        "network.protocol.version": "1.1" if request.status else f"1.{request.minor}",
        "http.response.status_code": request.status or None,
        "error.type": error_of(request),
    }


def sizes(request, said):
    size = said.get("http.request.body.size")
    if size != request.body_bytes and (request.body_bytes or size is not None):
        yield f"http.request.body.size is {size}, not {request.body_bytes}"
    size = said.get("http.response.body.size")
    expected = request.answer_bytes if request.status else None
    if size != expected and (expected or size is not None):
        yield f"http.response.body.size is {size}, not {expected}"


def times(request, span):
    if span.end_ns < span.start_ns:
        yield "it ends before it starts"
    if span.start_ns > request.came_ns + CLOCK_NS:
        yield f"it starts {(span.start_ns - request.came_ns) / 1e6:.3f} ms after its head came"
    if request.sent_ns and span.end_ns < request.sent_ns - CLOCK_NS:
        yield f"it ends {(request.sent_ns - span.end_ns) / 1e6:.3f} ms before its answer was sent"


def events(request, span):
    names = [name for name, _ in span.events]
    if ("first_byte" in names) != bool(request.status):
        yield f"its events are {names}, the status is {request.status}"
    if len(names) != len(set(names)):
        yield f"an event stands twice: {names}"
    if "connect.done" in names and not request.first:
        yield f"{names}, on a connection that stood before"


def span_of(request, span, port):
    """Faults of one request's span."""
    for name, value in wanted(request, port).items():
        if span.attributes.get(name) != value:
            yield f"{name} is {span.attributes.get(name)!r}, not {value!r}"
    if (span.kind, span.scope, span.name) != ("CLIENT", SCOPE, request.method):
        yield f"it is {span.kind} {span.scope} {span.name}"
    failed = error_of(request) is not None
    if span.status != ("ERROR" if failed else "UNSET"):
        yield f"the status is {span.status}"
    yield from sizes(request, span.attributes)
    yield from times(request, span)
    yield from events(request, span)


def spans(requests, recorded, port):
    """Faults of the CLIENT spans, as (missing, wrong)."""
    together, missing, wrong = pairs(requests, recorded)
    for request, span in together:
        wrong += [f"{label(request)}: {fault}" for fault in span_of(request, span, port)]
    return missing, wrong


def libcurl_spans(requests, recorded):
    """The same of libcurl's, one a transfer: a tunnel and what a redirect leads to are part of it,
    and one that reaches nobody has one, too. What else they say is for test_curl.py."""
    transfers = [request for request in requests
                 if request.method != "CONNECT" and request.path != "/redirect"]
    reached = [span for span in recorded if span.attributes.get("error.type") != "ECONNREFUSED"]
    together, missing, wrong = pairs(transfers, reached)
    for request, span in together:
        said = span.attributes
        if (span.kind, span.scope, span.name) != ("CLIENT", "otelagent.curl", request.method):
            wrong.append(f"{label(request)}: it is {span.kind} {span.scope} {span.name}")
        if said.get("http.response.status_code") != (request.status or None):
            wrong.append(f"{label(request)}: it says {said}")
        if (span.status == "ERROR") != (request.end != "whole" or request.status >= 400):
            wrong.append(f"{label(request)}: its status is {span.status}")
    return len(transfers), missing, wrong


def parents(recorded):
    """Faults of the parents of CLIENT spans, and how many have one: the SERVER span of the same
    number, or none."""
    by_id = {(span.trace_id, span.span_id): span for span in recorded}
    right, wrong = 0, []
    for span in recorded:
        if span.kind != "CLIENT" or not span.parent_id:
            continue
        parent = by_id.get((span.trace_id, span.parent_id))
        query = parent.attributes.get("url.query", "") if parent else ""
        if parent and parent.kind == "SERVER" and URL_NUMBER.search(f"?{query}") and (
                int(URL_NUMBER.search(f"?{query}")[1]) == number_of(span)):
            right += 1
        else:
            wrong.append(f"{span.attributes.get('url.full')} is under {query or span.parent_id}")
    return right, wrong
