# SPDX-License-Identifier: Apache-2.0
"""Whose child is each call? Ids in URL, SQL alias and upstream path say whose it has to be.

Of each call of a request (client spans and what the upstream saw) exactly one is true:
  right    its parent is the server span of the request whose id it bears
  none     it has no parent, and a trace of its own (of a job's calls this is the right one)
  wrong    any other parent or trace
  missing  the request was answered, or the upstream saw the call, but there is no span
Besides, of the requests that reached the upstream:
  foreign  it carried another request's trace, tracestate or baggage"""

import collections
import dataclasses
import re

SQL_ALIAS = re.compile(r"\bAS ([rj]\d+)\b")
HTTP_TARGET = re.compile(r"/up/(\d+|job\d+)(?:[?]|$)")
WORK = re.compile(r"^/work/(\d+)$")
CALLS_OF_A_REQUEST = {"sql": 2, "http": 1}


@dataclasses.dataclass
class Score:
    right: int = 0
    none: int = 0
    wrong: int = 0
    missing: int = 0
    foreign: int = 0
    unanswered: int = 0  # requests without their answer, but for those that the client cut
    uncalled: int = 0  # answered requests that never reached the upstream: the program's fault
    misled: set = dataclasses.field(default_factory=set)  # requests with a wrong or foreign call
    examples: list = dataclasses.field(default_factory=list)

    @property
    def calls(self):
        return self.right + self.none + self.wrong + self.missing

    def note(self, kind, owner, what):
        setattr(self, kind, getattr(self, kind) + 1)
        if kind in ("wrong", "foreign"):
            self.misled.add(owner)
        if kind not in ("right", "none") and len(self.examples) < 20:
            self.examples.append(f"{kind}: {owner}: {what}")


def owner_of(span):
    """(kind of call, whose): a request's id, "j1" for a job; None for a span that is no call."""
    statement = span.attributes.get("db.query.text")
    if statement:
        alias = SQL_ALIAS.search(statement)
        if not alias:
            return None
        return "sql", int(alias[1][1:]) if alias[1].startswith("r") else alias[1]
    target = HTTP_TARGET.search(span.attributes.get("url.full", ""))
    if not target:
        return None
    return "http", int(target[1]) if target[1].isdecimal() else target[1].replace("job", "j")


def is_job(owner):
    return isinstance(owner, str)


def server_spans(spans):
    """(trace id, span id) → the request's id."""
    found = {}
    for span in spans:
        work = span.kind == "SERVER" and WORK.match(span.attributes.get("url.path", ""))
        if work:
            found[span.trace_id, span.span_id] = int(work[1])
    return found


def judge_span(span, owner, servers, requests, own_traces):
    """right, none or wrong."""
    if not span.parent_id:
        alone = span.trace_id not in own_traces
        return ("right" if is_job(owner) else "none") if alone else "wrong"
    if is_job(owner) or owner not in requests:
        return "wrong"
    if span.trace_id != requests[owner].trace_id:
        return "wrong"
    # No two requests share a trace. Of one that the client cut there may be no server span: a
    # forked child that could send nothing has not taken it over.
    unseen = requests[owner].cut and owner not in servers.values()
    return "right" if unseen or servers.get((span.trace_id, span.parent_id)) == owner else "wrong"


def judge_handed_on(seen, owner, requests, own_traces):
    """What is another's in the head of a request that reached the upstream; "" if nothing."""
    of_owner = own_traces.get(seen.trace_id)
    if of_owner is not None and of_owner != owner:
        return f"traceparent of {of_owner}"
    own = owner in requests
    if seen.tracestate and not (own and seen.tracestate == f"t={owner}"):
        return f"tracestate {seen.tracestate}"
    if seen.baggage and not (own and seen.baggage == f"who={owner}"):
        return f"baggage {seen.baggage}"
    return ""


def score(requests, upstream, spans, calls=("sql", "http")):
    """`requests`: id → load.Request; `upstream`: what it saw; `calls`: kinds that the program can
    make."""
    result = Score()
    own_traces = {request.trace_id: request.id for request in requests.values()}
    servers = server_spans(spans)
    found = collections.Counter()
    for span in spans:
        owned = span.kind == "CLIENT" and owner_of(span)
        if not owned:
            continue
        found[owned] += 1
        kind = judge_span(span, owned[1], servers, requests, own_traces)
        parent = servers.get((span.trace_id, span.parent_id)) or span.parent_id or "none"
        result.note(kind, owned[1], f"{span.name} [{span.trace_id} {span.span_id}] below {parent}")

    reached = collections.Counter()
    for seen in upstream:
        owner = (seen.target.replace("job", "j") if seen.target.startswith("job") else
                 int(seen.target) if seen.target.isdecimal() else None)
        if owner is None:
            continue
        reached[owner] += 1
        other = judge_handed_on(seen, owner, requests, own_traces)
        if other:
            result.note("foreign", owner, other)

    made = collections.Counter({("http", owner): count for owner, count in reached.items()})
    for request in requests.values():
        if request.answered:
            for kind in calls:
                made[kind, request.id] = max(made[kind, request.id], CALLS_OF_A_REQUEST[kind])
            result.uncalled += "http" in calls and not reached[request.id]
        elif not request.cut:
            result.unanswered += 1
            result.examples.append(f"unanswered: {request.id}: {request.error or 'no answer'}")
    for (kind, owner), count in made.items():
        for _ in range(count - found[kind, owner]):
            result.note("missing", owner, kind)
    return result
