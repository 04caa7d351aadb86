# SPDX-License-Identifier: Apache-2.0
"""Compares what was asked with what the spans say: every request accounted for, nothing under a
wrong parent, nothing missing, nothing twice.

Whose a statement or an object is stands in it: the alias `r_<id>` and the key end with the id of
the request that made it. Nothing here depends on what the agent believes about parents."""

import collections
import re

from servers import READY_ID

ALIAS = re.compile(r"\br_([A-Za-z0-9]+)")


def expect_none(faults):
    """Fails with the faults themselves, the first of many."""
    if faults:
        raise AssertionError("\n".join([f"{len(faults)} faults:", *faults[:20]]))


def differences(first, second):
    """Requests whose answers are not the same, as text."""
    return [f"{key}: {first.get(key)} / {second.get(key)}"
            for key in sorted(first.keys() | second.keys())
            if key not in first or key not in second or not first[key].same(second[key])]


def unexpected_answers(requests, answers):
    """Requests that were not answered as the plan foresees: then a test would prove nothing."""
    return [f"{request.id} {request.method} {request.path}: {answers[request.id]}"
            for request in requests
            if answers[request.id].status != request.status or answers[request.id].error]


def server_spans(requests, answers, spans):
    """Faults of the SERVER spans of one service: one a request, and what it says is so."""
    faults = []
    found = collections.defaultdict(list)
    for span in spans:
        if span.kind == "SERVER":
            found[span.attributes.get("request.id")].append(span)
    known = {request.id for request in requests} | {READY_ID}
    faults += [f"a SERVER span of nobody: {span.name} {span.attributes}"
               for key, several in found.items() if key not in known for span in several]
    for request in requests:
        several = found[request.id]
        if len(several) != 1:
            faults.append(f"{request.id} {request.method} {request.path}: "
                          f"{len(several)} SERVER spans")
            continue
        faults += [f"{request.id} {request.method} {request.path}: {fault}"
                   for fault in server_span(request, answers[request.id], several[0])]
    return faults


def server_span(request, answer, span):
    said = span.attributes
    wanted = {
        "http.request.method": request.method,
        "http.response.status_code": answer.status,
        "url.path": request.path.partition("?")[0],
        "network.protocol.version": "1.1",
    }
    if request.method != "HEAD":
        wanted["http.response.body.size"] = answer.body_bytes
    if request.body:  # the size of an empty one may be told or left out
        wanted["http.request.body.size"] = len(request.body)
    for name, value in wanted.items():
        if said.get(name) != value:
            yield f"{name} is {said.get(name)!r}, not {value!r}"
    if request.route:
        # An answer like 404 may leave the route out: scanners must not invent routes.
        routes = (request.route,) if answer.status < 400 else (request.route, None)
        if said.get("http.route") not in routes:
            yield f"http.route is {said.get('http.route')!r}, not {request.route!r}"
        route = said.get("http.route")
        name = f"{request.method} {route}" if route else request.method
        if span.name != name:
            yield f"the name is {span.name!r}, not {name!r}"
    if span.status != ("ERROR" if answer.status >= 500 else "UNSET"):
        yield f"the status is {span.status} at {answer.status}"
    if span.end_ns < span.start_ns:
        yield "it ends before it starts"
    yield from remote_parent(request, span)


def remote_parent(request, span):
    if request.traceparent:
        _version, trace_id, parent_id, _flags = request.traceparent.split("-")
        if (span.trace_id, span.parent_id) != (trace_id, parent_id):
            yield f"the parent is {span.trace_id}/{span.parent_id}, not {trace_id}/{parent_id}"
        if not span.remote_parent:
            yield f"flags {span.flags:#x} do not say that the parent is remote"
    elif span.parent_id:
        yield f"a parent {span.parent_id} without an incoming traceparent"


def owner(span, owners_of_keys):
    """The request id that a client span's own words name; None where they name nobody."""
    key = span.attributes.get("aws.s3.key")
    if key is not None:
        return owners_of_keys.get((span.attributes.get("rpc.method"), key))
    found = ALIAS.search(span.attributes.get("db.query.text", ""))
    return found[1] if found else None


def housekeeping(span):
    """Statements of the client library (SET NAMES, autocommit) and connects: they name no table,
    and belong to whichever request was the first on a connection."""
    return ("db.system.name" in span.attributes and "db.collection.name" not in span.attributes and
            not ALIAS.search(span.attributes.get("db.query.text", "")))


def client_spans(requests, spans, owners_of_keys):
    """Faults of the SQL and S3 spans: under their own request, none missing, none too many.

    `owners_of_keys`: (rpc.method, key) → request id."""
    faults = []
    servers = {span.attributes.get("request.id"): span for span in spans if span.kind == "SERVER"}
    below = collections.defaultdict(list)
    by_id = {(span.trace_id, span.span_id): span for span in spans}
    for span in spans:
        if span.kind != "CLIENT" or housekeeping(span):
            continue
        parent = by_id.get((span.trace_id, span.parent_id))
        mine = owner(span, owners_of_keys)
        if parent:
            below[parent.attributes.get("request.id")].append(span)
        if mine and (not parent or parent is not servers.get(mine)):
            whose = parent.attributes.get("request.id") if parent else "no request"
            faults.append(f"{mine}: {span.name} is under {whose}")
        if not mine and parent:
            faults.append(f"{span.name} {span.attributes} names nobody, and is under "
                          f"{parent.attributes.get('request.id')}")
        if "aws.s3.key" in span.attributes and mine is None:
            faults.append(f"{span.name}: the key of nobody: {span.attributes['aws.s3.key']}")
    for request in requests:
        names = tuple(span.name for span in sorted(below[request.id], key=lambda s: s.start_ns))
        if names != request.calls:
            faults.append(f"{request.id} {request.method} {request.path}: its calls are {names}, "
                          f"not {request.calls}")
    return faults


def s3_headers(spans, arrived):
    """Faults of the traceparent headers that arrived at S3: each names the span of its request."""
    faults = []
    by_call = {(span.attributes["rpc.method"], span.attributes["aws.s3.key"]): span
               for span in spans if "aws.s3.key" in span.attributes}
    methods = {"PUT": "PutObject", "GET": "GetObject"}
    for request in arrived:
        key = request["path"].split("/", 2)[2]
        span = by_call.get((methods[request["method"]], key))
        wanted = f"00-{span.trace_id}-{span.span_id}-01" if span else None
        said = request["traceparent"]
        if not said or not wanted or said[:53] != wanted[:53]:
            faults.append(f"{request['method']} {key}: traceparent {said}, the span says {wanted}")
    return faults


def instances(spans):
    """Faults of service.instance.id: one a process, and no two processes the same."""
    pairs = {(span.resource.get("process.pid"), span.resource.get("service.instance.id"))
             for span in spans}
    faults = [f"{pairs}: something is not set"] if any(None in pair for pair in pairs) else []
    if len({pid for pid, _ in pairs}) != len(pairs) or len({one for _, one in pairs}) != len(pairs):
        faults.append(f"processes and instances do not match: {sorted(pairs)}")
    return faults


def service(requests, answers, spans, owners_of_keys):
    """All faults of one service's spans."""
    return (server_spans(requests, answers, spans) + client_spans(requests, spans, owners_of_keys) +
            instances(spans))
