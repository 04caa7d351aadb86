# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a run: with the answers, as the contract of program.py has them; with the
answers under the agent, compared with those without; with the spans, compared with what the client
saw. One span for each complete head that the server read, and none for the others."""

import collections
import functools
import hashlib
import re

from matrix.plan import CUT_BODY, CUT_HEAD, CUT_RESPONSE
from matrix.program import content

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY")
NUMBER = re.compile(r"(?:^|&)r=(\d+)(?:&|$)")
READY = "r=ready"  # the query of the requests that wait for a server
LATE_NS = 5_000_000  # a span may end this much after the client has the last byte
CLOCK_NS = 1_000_000  # the agent reads the monotonic clock, and sets it by the wall clock now and then


@functools.lru_cache(maxsize=None)
def hash_of_content(size):
    return hashlib.blake2b(content(size)).hexdigest()


def label(step):
    return f"{step.number} {step.method} {step.path}" + (f" (cut in {step.cut})" if step.cut else "")


def labelled(step, faults):
    return [f"{label(step)}: {fault}" for fault in faults]


# --- The answers ---


def answers(plan, seen):
    """Faults of the answers themselves. A run with such would prove nothing."""
    keeps_alive = plan.program.has("keep_alive")
    return [fault for step in plan.steps
            for fault in labelled(step, answer(step, seen[step.number], keeps_alive))]


def answer(step, seen, keeps_alive):
    if seen.error:
        yield seen.error
        return
    if step.cut in (CUT_HEAD, CUT_BODY):
        return
    if step.status and seen.status != step.status or not step.status and seen.status // 100 != 2:
        yield f"the answer is {seen.status}, not {step.status or '2xx'}"
    if keeps_alive and seen.closed and not step.last and seen.status < 400:
        yield "the connection is not kept"
    if step.cut or step.size is None:
        return
    size = 0 if step.method == "HEAD" else step.size
    if (seen.body_bytes, seen.body_hash) != (size, hash_of_content(size)):
        yield f"the body is {seen.body_bytes} bytes, not the {size} of content()"


def masked(head, varies):
    """An answer's lines without what differs from run to run."""
    names = ("date", *varies)
    return tuple(line for line in head if line.partition(":")[0].lower() not in names)


def differences(plan, first, second, varies=()):
    """Answers that are not the same in two runs, byte for byte."""
    faults = []
    for step in plan.steps:
        one, other = first[step.number], second[step.number]
        pairs = [("status", one.status, other.status), ("interim answers", one.interim, other.interim),
                 ("head", masked(one.head, varies), masked(other.head, varies))]
        if not step.cut:
            pairs.append(("body", (one.body_bytes, one.body_hash),
                          (other.body_bytes, other.body_hash)))
        faults += labelled(step, (f"{name}: {a!r} / {b!r}" for name, a, b in pairs if a != b))
    return faults


# --- The spans ---


def expected(plan):
    """The steps that make a span each: whose head was complete."""
    return [step for step in plan.steps if step.cut != CUT_HEAD]


def by_number(spans):
    """Request number → its SERVER spans; None → those of nobody. What a proxy asks for it is judged
    elsewhere (clients/)."""
    found = collections.defaultdict(list)
    for span in spans:
        if span.kind == "CLIENT":
            continue
        query = span.attributes.get("url.query", "")
        number = NUMBER.search(query)
        if query != READY:
            found[int(number[1]) if number else None].append(span)
    return found


def spans(plan, seen, recorded):
    """Faults of the spans, as (missing, wrong)."""
    found = by_number(recorded)
    missing, wrong = [], []
    known = {step.number for step in expected(plan)}
    for number in found.keys() - known:
        wrong += [f"a span of nobody: {span.kind} {span.name} {span.attributes}"
                  for span in found[number]]
    for step in expected(plan):
        several = found[step.number]
        if not several:
            missing += labelled(step, ["no span"])
        elif len(several) > 1:
            wrong += labelled(step, [f"{len(several)} spans"])
        else:
            wrong += labelled(step, span_of(step, seen[step.number], several[0]))
    return missing, wrong


def span_of(step, seen, span):
    for name, value in wanted(step, seen).items():
        if span.attributes.get(name) != value:
            yield f"{name} is {span.attributes.get(name)!r}, not {value!r}"
    if span.kind != "SERVER":
        yield f"its kind is {span.kind}"
    method = step.method if step.method in METHODS else "HTTP"
    if span.name.split(" ")[0] != method:
        yield f"the name is {span.name!r}"
    failed = aborted(step, seen) or seen.status >= 500
    if span.status != ("ERROR" if failed else "UNSET"):
        yield f"the status is {span.status}"
    yield from sizes(step, seen, span.attributes)
    yield from times(seen, span, aborted(step, seen))


def aborted(step, seen):
    """Did the exchange end before its answer did?"""
    return step.cut == CUT_RESPONSE or (step.cut == CUT_BODY and seen.status == 0)


def wanted(step, seen):
    known = step.method in METHODS
    error = f"{seen.status}" if seen.status >= 500 else None
    return {
        "http.request.method": step.method if known else "_OTHER",
        "http.request.method_original": None if known else step.method,
        "url.path": step.path,
        "url.query": f"r={step.number}",
        "network.protocol.version": f"1.{step.minor}",
        "http.response.status_code": seen.status or None,
        "error.type": "connection_aborted" if aborted(step, seen) else error,
    }


def sizes(step, seen, said):
    size = len(step.body or b"")
    request = said.get("http.request.body.size")
    if request != size and (size or request is not None):  # of an empty one it may be left out
        yield f"http.request.body.size is {request}, not {size}"
    response = said.get("http.response.body.size")
    if step.cut == CUT_RESPONSE:
        if not isinstance(response, int) or not seen.body_bytes <= response < step.size:
            yield f"http.response.body.size is {response}, not {seen.body_bytes} to {step.size}"
    elif response != (seen.body_bytes if seen.status else None):
        yield f"http.response.body.size is {response}, not {seen.body_bytes}"


def times(seen, span, cut):
    if span.end_ns < span.start_ns:
        yield "it ends before it starts"
    if not seen.sent_ns - CLOCK_NS <= span.start_ns <= seen.received_ns + CLOCK_NS:
        yield (f"it starts {(span.start_ns - seen.sent_ns) / 1e6:.3f} ms after the first byte went, "
               f"the last came after {(seen.received_ns - seen.sent_ns) / 1e6:.3f} ms")
    if not cut and span.end_ns > seen.received_ns + LATE_NS:
        yield f"it ends {(span.end_ns - seen.received_ns) / 1e6:.3f} ms after the last byte came"
