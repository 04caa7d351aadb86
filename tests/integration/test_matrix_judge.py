# SPDX-License-Identifier: Apache-2.0
"""The matrix's judge itself: a perfect run has no fault, and each kind of mistake is one. Without
this, a judge that looks at nothing would call every program perfect."""

import copy
import dataclasses

import pytest

import spans
from matrix import judge
from matrix.client import Seen
from matrix.plan import CUT_BODY, CUT_HEAD, CUT_RESPONSE, REQUESTS, Plan
from matrix.program import FEATURES, Program

PROGRAM = Program("ideal", "read + write", None)
PLAN = Plan(PROGRAM)
SECOND = 1_000_000_000


def seen_of(step):
    """What a client sees of a server that does all as it should."""
    seen = Seen(sent_ns=step.number * SECOND, received_ns=step.number * SECOND + 100_000_000)
    if step.cut in (CUT_HEAD, CUT_BODY):
        return seen
    seen.status = step.status or 200
    seen.head = (f"HTTP/1.1 {seen.status} X", f"Date: {step.number}", "Content-Type: text/plain")
    if step.cut == CUT_RESPONSE:
        seen.body_bytes = 500
    elif step.size is not None and step.method != "HEAD":
        seen.body_bytes, seen.body_hash = step.size, judge.hash_of_content(step.size)
    elif step.size is not None:
        seen.body_hash = judge.hash_of_content(0)
    elif seen.status not in (101, 204, 304) and step.method != "HEAD":
        seen.body_bytes, seen.body_hash = 11, "abc"
    return seen


def span_of(step, seen):
    said = {name: value for name, value in judge.wanted(step, seen).items() if value is not None}
    if step.body:
        said["http.request.body.size"] = len(step.body)
    if seen.status:
        said["http.response.body.size"] = seen.body_bytes
    failed = "error.type" in said
    method = said["http.request.method"].replace("_OTHER", "HTTP")
    return spans.Span(
        name=f"{method} {step.path}", kind="SERVER", trace_id=f"{step.number:032x}",
        span_id=f"{step.number:016x}", parent_id="", start_ns=seen.sent_ns + 1_000_000,
        end_ns=seen.received_ns, status="ERROR" if failed else "UNSET", status_message="", flags=0,
        attributes=said, events=[], links=[], resource={}, scope="")


class Perfect:
    """A run without a fault, until something is changed."""

    def __init__(self):
        self.plan = PLAN
        self.plain = {step.number: seen_of(step) for step in self.plan.steps}
        self.seen = copy.deepcopy(self.plain)
        self.spans = [span_of(step, self.seen[step.number])
                      for step in judge.expected(self.plan)]

    def faults(self):
        missing, wrong = judge.spans(self.plan, self.seen, self.spans)
        return [*judge.answers(self.plan, self.plain),
                *judge.differences(self.plan, self.plain, self.seen), *missing, *wrong]

    def step(self, **like):
        """The first one with these attributes."""
        return next(step for step in self.plan.steps
                    if all(getattr(step, name) == value for name, value in like.items()))

    def span(self, **like):
        number = self.step(**like).number
        return next(span for span in self.spans
                    if span.attributes["url.query"] == f"r={number}")

    def answer(self, **like):
        return self.seen[self.step(**like).number]


WHOLE = {"path": "/bytes/4096", "method": "GET", "cut": "", "close": False, "minor": 1}
MISTAKES = {}


def mistake(function):
    MISTAKES[function.__name__] = function


def change(name, value, **like):
    def apply(run):
        run.span(**(like or WHOLE)).attributes[name] = value
    MISTAKES[f"{name}_is_{value}{'_' if like else ''}{'_'.join(map(str, like.values()))}"] = apply


change("http.request.method", "POST")
change("http.request.method_original", "GET")
change("http.request.method", "BREW", method="BREW")
change("url.path", "/bytes/4097")
change("network.protocol.version", "1.0")
change("http.response.status_code", 201)
change("error.type", "200")
change("error.type", "503", path="/status/500")
change("http.request.body.size", 1)
change("http.request.body.size", 0, method="PUT", cut="")
change("http.request.body.size", 1, path="/echo", body=b"")
change("http.response.body.size", 4095)
change("http.response.body.size", 4096, path="/bytes/4096", method="HEAD")
change("http.response.body.size", 11, path="/status/304")
change("http.response.body.size", 499, cut=CUT_RESPONSE)
change("http.response.body.size", 50_000_000, cut=CUT_RESPONSE)
change("http.response.body.size", 0, cut=CUT_BODY)
change("http.response.status_code", 400, cut=CUT_BODY)
change("http.response.status_code", 200, path="/upgrade")
change("error.type", None, cut=CUT_BODY)


@mistake
def a_span_is_lost(run):
    del run.spans[7]


@mistake
def a_span_comes_twice(run):
    run.spans.append(copy.deepcopy(run.spans[7]))


@mistake
def two_spans_are_swapped(run):
    one, other = run.span(path="/bytes/4096"), run.span(path="/status/404", method="GET")
    one.attributes["url.query"], other.attributes["url.query"] = (
        other.attributes["url.query"], one.attributes["url.query"])


@mistake
def half_a_head_has_a_span(run):
    step = run.step(cut=CUT_HEAD)
    run.spans.append(span_of(step, run.seen[step.number]))


@mistake
def a_span_has_no_number(run):
    run.spans.append(copy.deepcopy(run.spans[7]))
    del run.spans[-1].attributes["url.query"]


@mistake
def a_span_has_a_number_of_nobody(run):
    run.spans.append(copy.deepcopy(run.spans[7]))
    run.spans[-1].attributes["url.query"] = "r=4000"


@mistake
def a_span_is_of_a_client(run):
    run.span(**WHOLE).kind = "CLIENT"


@mistake
def a_name_has_another_method(run):
    run.span(**WHOLE).name = "POST /bytes/{id}"


@mistake
def an_unknown_method_is_in_a_name(run):
    run.span(method="BREW").name = "BREW /status/{id}"


@mistake
def a_good_answer_is_an_error(run):
    run.span(**WHOLE).status = "ERROR"


@mistake
def an_abortion_is_no_error(run):
    run.span(cut=CUT_RESPONSE).status = "UNSET"


@mistake
def a_bad_answer_is_no_error(run):
    run.span(path="/status/500").status = "UNSET"


@mistake
def it_starts_before_the_first_byte(run):
    run.span(**WHOLE).start_ns = run.answer(**WHOLE).sent_ns - 2_000_000


@mistake
def it_starts_after_the_last_byte(run):
    span = run.span(**WHOLE)
    span.start_ns = span.end_ns = run.answer(**WHOLE).received_ns + 2_000_000


@mistake
def it_ends_late(run):
    run.span(**WHOLE).end_ns = run.answer(**WHOLE).received_ns + 6_000_000


@mistake
def it_ends_before_it_starts(run):
    span = run.span(**WHOLE)
    span.end_ns = span.start_ns - 1


@mistake
def the_answer_has_another_status(run):
    run.answer(**WHOLE).status = 206


@mistake
def the_answer_has_a_header_more(run):
    run.answer(**WHOLE).head += ("traceparent: 00",)


@mistake
def the_answer_has_other_bytes(run):
    run.answer(**WHOLE).body_hash = "other"


@mistake
def the_answer_has_a_hundred_more(run):
    run.answer(**WHOLE).interim += 1


@mistake
def the_cut_answer_has_another_header(run):
    run.answer(cut=CUT_RESPONSE).head += ("X: y",)


@mistake
def an_answer_did_not_come(run):
    for seen in (run.plain, run.seen):
        seen[run.step(**WHOLE).number].error = "timed out"


@mistake
def an_answer_is_not_as_planned_in_both_runs(run):
    for seen in (run.plain, run.seen):
        seen[run.step(**WHOLE).number].body_hash = "other"


@mistake
def a_connection_is_not_kept(run):
    for seen in (run.plain, run.seen):
        seen[run.step(**WHOLE).number].closed = True


@mistake
def a_status_is_not_as_planned_in_both_runs(run):
    for seen in (run.plain, run.seen):
        seen[run.step(path="/status/404", method="GET").number].status = 200


def test_a_perfect_run_has_no_fault():
    assert not Perfect().faults()


@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_is_a_fault(name):
    run = Perfect()
    MISTAKES[name](run)
    assert run.faults()


def test_a_date_may_differ_and_what_is_said_to_vary():
    run = Perfect()
    run.answer(**WHOLE).head = ("HTTP/1.1 200 X", "Date: now", "Content-Type: text/html")
    number = run.step(**WHOLE).number
    assert [fault.split(" ")[0] for fault in run.faults()] == [str(number)]
    assert not judge.differences(run.plan, run.plain, run.seen, ("content-type",))


# What shows that a plan has a feature, or a method.
SHOWS = {
    "methods": lambda step: step.method == "BREW",
    "status": lambda step: step.path == "/status/500",
    "pipelined": lambda step: step.in_batch,
    "pipelined_body": lambda step: step.in_batch and step.body is not None,
    "chunked_request": lambda step: step.chunked,
    "chunked_response": lambda step: step.path.startswith("/chunked/"),
    "head": lambda step: step.method == "HEAD",
    "no_content": lambda step: step.status == 204,
    "not_modified": lambda step: step.status == 304,
    "expect_continue": lambda step: step.expect,
    "upgrade": lambda step: step.status == 101,
    "empty": lambda step: step.path == "/bytes/0" and step.method == "GET" or step.body == b"",
    "large": lambda step: step.path == "/bytes/5000000" and step.method == "GET" and not step.cut,
    "file": lambda step: step.path == "/file",
    "trickle": lambda step: step.trickle,
    "aborted": lambda step: step.cut,
    "half_head": lambda step: step.cut == CUT_HEAD and not step.reset,
    "close": lambda step: step.close or step.minor == 0,
    "PUT": lambda step: step.method == "PUT",
    "BREW": lambda step: step.method == "BREW",
}

# What is not shown either where a feature is lacking.
GOES_WITH = {
    "methods": {"BREW", "pipelined_body"},
    "BREW": {"methods"},
    "pipelined": {"pipelined_body"},
    "aborted": {"half_head"},
}


@pytest.mark.parametrize("lacking", [None, *SHOWS])
def test_a_plan_has_300_requests_of_all_that_is_not_lacking(lacking):
    plan = Plan(dataclasses.replace(PROGRAM, lacks={lacking: "it is so"} if lacking else {}))
    assert [step.number for step in plan.steps] == list(range(1, REQUESTS + 1))
    for batch in plan.batches:
        for step in batch:
            step.in_batch = len(batch) > 1
    shown = {name for name, shows in SHOWS.items() if any(map(shows, plan.steps))}
    assert shown == SHOWS.keys() - {lacking} - GOES_WITH.get(lacking, set())
    assert sum(1 for step in plan.steps if step.cut) == (0 if lacking == "aborted" else
                                                         REQUESTS // 10)


def test_the_matrix_knows_what_each_feature_is():
    assert SHOWS.keys() - {"PUT", "BREW"} | {"keep_alive"} == FEATURES.keys()
