# SPDX-License-Identifier: Apache-2.0
"""Spans as the file exporter writes them: one OTLP/JSON TracesData a line.

It reads what the OTLP/JSON encoding prescribes and nothing laxer: ids in hexadecimal, 64-bit
integers as text, enumerations as numbers. A field that is not so is an error here, because it
would be one in a collector."""

import collections
import dataclasses
import json
import re

KINDS = {1: "INTERNAL", 2: "SERVER", 3: "CLIENT", 4: "PRODUCER", 5: "CONSUMER"}
STATUSES = {0: "UNSET", 1: "OK", 2: "ERROR"}


@dataclasses.dataclass
class Span:
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str  # "" for none
    start_ns: int
    end_ns: int
    status: str
    status_message: str
    flags: int
    attributes: dict
    events: list  # (name, attributes)
    links: list  # (trace id, span id)
    resource: dict
    scope: str
    dropped_attributes: int = 0
    children: list = dataclasses.field(default_factory=list)

    @property
    def service(self):
        return self.resource.get("service.name", "")

    @property
    def remote_parent(self):
        """What the parent's process is known to be: W3C flags has-remote and is-remote."""
        return bool(self.flags & 0x100) and bool(self.flags & 0x200)


def value_of(value):
    (kind, content), = value.items()
    if kind == "intValue":
        if not isinstance(content, str):
            raise ValueError(f"intValue is not text: {content!r}")
        return int(content)
    if kind == "arrayValue":
        return [value_of(item) for item in content.get("values", [])]
    if kind not in ("stringValue", "boolValue", "doubleValue"):
        raise ValueError(f"unknown kind of value: {kind}")
    return content


def attributes_of(pairs):
    attributes = {pair["key"]: value_of(pair["value"]) for pair in pairs}
    if len(attributes) != len(pairs):
        raise ValueError(f"an attribute stands twice: {[pair['key'] for pair in pairs]}")
    return attributes


def id_of(text, length):
    if not re.fullmatch("[0-9a-f]{%d}" % length, text) or not text.strip("0"):
        raise ValueError(f"not an id of {length} hexadecimal digits: {text!r}")
    return text


def time_of(text):
    if not isinstance(text, str):
        raise ValueError(f"a time is not text: {text!r}")
    return int(text)


def span_of(span, resource, scope):
    status = span.get("status", {})
    return Span(
        name=span["name"], kind=KINDS[span["kind"]], trace_id=id_of(span["traceId"], 32),
        span_id=id_of(span["spanId"], 16),
        parent_id=id_of(span["parentSpanId"], 16) if span.get("parentSpanId") else "",
        start_ns=time_of(span["startTimeUnixNano"]), end_ns=time_of(span["endTimeUnixNano"]),
        status=STATUSES[status.get("code", 0)], status_message=status.get("message", ""),
        flags=span.get("flags", 0), attributes=attributes_of(span.get("attributes", [])),
        events=[(event["name"], attributes_of(event.get("attributes", [])))
                for event in span.get("events", [])],
        links=[(link["traceId"], link["spanId"]) for link in span.get("links", [])],
        resource=resource, scope=scope,
        dropped_attributes=span.get("droppedAttributesCount", 0))


def parse(lines, path):
    """The spans of these lines; `path` is where they are from."""
    spans = []
    for number, line in enumerate(lines, 1):
        try:
            for of_resource in json.loads(line)["resourceSpans"]:
                resource = attributes_of(of_resource["resource"]["attributes"])
                for of_scope in of_resource["scopeSpans"]:
                    scope = of_scope.get("scope", {}).get("name", "")
                    spans += [span_of(span, resource, scope) for span in of_scope["spans"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}:{number}: {error!r}: {line[:300]}") from error
    return spans


def read(*paths):
    """All spans of these files; a file that does not exist has none, and nor has a last line that
    is still being written."""
    spans = []
    for path in paths:
        try:
            text = open(path, encoding="utf-8").read()
        except FileNotFoundError:
            continue
        spans += parse(text[:text.rfind("\n") + 1].splitlines(), path)
    return spans


def link_children(spans):
    """Fills `children`, by start; returns the spans whose parent is not among these."""
    by_id = {(span.trace_id, span.span_id): span for span in spans}
    roots = []
    for span in spans:
        span.children = []
    for span in sorted(spans, key=lambda each: each.start_ns):
        parent = by_id.get((span.trace_id, span.parent_id))
        (parent.children if parent and parent is not span else roots).append(span)
    return roots


def tree(root, depth=0):
    """The lines of a span and what is below it: name, kind, duration, status, service."""
    duration = (root.end_ns - root.start_ns) / 1e6
    notes = []
    if root.status != "UNSET":
        notes.append(root.status + (f" ({root.status_message})" if root.status_message else ""))
    code = root.attributes.get("http.response.status_code")
    if code:
        notes.append(str(code))
    name = "  " * depth + ("└ " if depth else "") + root.name
    lines = [f"{name:<46} {root.kind:<8} {duration:9.2f} ms  {root.service:<10} "
             f"{' '.join(notes)}".rstrip()]
    for child in root.children:
        lines += tree(child, depth + 1)
    return lines


def forest(spans):
    """All traces as text, by their first start."""
    traces = collections.defaultdict(list)
    for root in link_children(spans):
        traces[root.trace_id].append(root)
    lines = []
    for trace_id, roots in traces.items():
        lines.append(f"trace {trace_id}")
        for root in roots:
            lines += ["  " + line for line in tree(root)]
    return "\n".join(lines)


def by_request(spans, kind="SERVER"):
    """request.id → its spans of a kind."""
    result = collections.defaultdict(list)
    for span in spans:
        if span.kind == kind and "request.id" in span.attributes:
            result[span.attributes["request.id"]].append(span)
    return result
