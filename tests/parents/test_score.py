# SPDX-License-Identifier: Apache-2.0
"""The scorer itself: a perfect set of calls is all right, and each kind of mistake is counted as
what it is. Without this, a scorer that looks at nothing would call every program perfect."""

import pytest

import catalogue
import cell
import load
import score
import spans
from upstream import Seen

REQUESTS = 5


def make(kind, number, trace_id, parent_id, **attributes):
    return spans.Span(
        name=kind, kind=kind, trace_id=trace_id, span_id=f"{number:016x}", parent_id=parent_id,
        start_ns=number, end_ns=number + 1, status="UNSET", status_message="", flags=0x101,
        attributes={name.replace("_", "."): value for name, value in attributes.items()},
        events=[], links=[], resource={}, scope="")


class World:
    """Requests 10, 11, … with their spans as they should be, and what the upstream saw."""

    def __init__(self):
        self.requests = {}
        self.spans = []
        self.upstream = []
        for id in range(10, 10 + REQUESTS):
            request = load.Request(id, f"{id:032x}", f"{id:016x}", answered=True)
            self.requests[id] = request
            server = self.add("SERVER", request.trace_id, request.span_id, url_path=f"/work/{id}")
            for which in (1, 2):
                self.sql(f"r{id}", request.trace_id, server.span_id)
            call = self.http(id, request.trace_id, server.span_id)
            self.upstream.append(Seen(f"/up/{id}", f"00-{call.trace_id}-{call.span_id}-01",
                                      f"t={id}", f"who={id}"))

    def add(self, *arguments, **attributes):
        self.spans.append(make(arguments[0], len(self.spans) + 100, *arguments[1:], **attributes))
        return self.spans[-1]

    def sql(self, alias, trace_id, parent_id):
        return self.add("CLIENT", trace_id, parent_id, db_query_text=f"SELECT ? AS {alias}")

    def http(self, target, trace_id, parent_id):
        return self.add("CLIENT", trace_id, parent_id,
                        url_full=f"http://127.0.0.1:8080/up/{target}")

    def server(self, id):
        return next(span for span in self.spans
                    if span.attributes.get("url.path") == f"/work/{id}")

    def calls(self, id):
        return [span for span in self.spans if span.kind == "CLIENT" and
                score.owner_of(span)[1] == id]

    def seen(self, id):
        return next(seen for seen in self.upstream if seen.path == f"/up/{id}")

    def score(self, calls=("sql", "http")):
        return score.score(self.requests, self.upstream, self.spans, calls)

    def counts(self, **more):
        """right, none, wrong, missing, foreign."""
        result = self.score(**more)
        return tuple(getattr(result, column) for column in cell.COLUMNS)


@pytest.fixture
def world():
    return World()


ALL = 3 * REQUESTS


def test_perfect_calls_are_all_right(world):
    assert world.counts() == (ALL, 0, 0, 0, 0)
    assert world.score().calls == ALL


# --- none ---


def test_a_call_that_begins_a_trace_of_its_own_has_none(world):
    call = world.calls(12)[0]
    call.trace_id, call.parent_id = "f" * 32, ""
    assert world.counts() == (ALL - 1, 1, 0, 0, 0)


# --- wrong ---


def below_another_request(world):
    other = world.server(13)
    call = world.calls(12)[0]
    call.trace_id, call.parent_id = other.trace_id, other.span_id


def swapped_between_two_requests(world):
    first, second = world.calls(12)[2], world.calls(13)[2]
    first.trace_id, first.parent_id, second.trace_id, second.parent_id = (
        second.trace_id, second.parent_id, first.trace_id, first.parent_id)


def in_anothers_trace_below_nothing(world):
    call = world.calls(12)[1]
    call.trace_id, call.parent_id = world.requests[13].trace_id, ""


def in_its_requests_trace_below_nothing(world):
    world.calls(12)[1].parent_id = ""


def below_another_request_in_its_own_trace(world):
    world.calls(12)[1].parent_id = world.server(13).span_id


def below_its_request_in_anothers_trace(world):
    world.calls(12)[1].trace_id = world.requests[13].trace_id


def below_a_span_that_nobody_wrote(world):
    world.calls(12)[1].parent_id = "e" * 16


def beside_its_server_span(world):
    world.calls(12)[1].parent_id = world.requests[12].span_id


def below_a_call_of_its_request(world):
    first, second, _ = world.calls(12)
    second.parent_id = first.span_id


def whose_id_is_another_of_the_same_beginning(world):
    request = world.requests[12]
    world.sql("r1", request.trace_id, world.server(12).span_id)


@pytest.mark.parametrize("mistake", [
    below_another_request, in_anothers_trace_below_nothing, in_its_requests_trace_below_nothing,
    below_another_request_in_its_own_trace, below_its_request_in_anothers_trace,
    below_a_span_that_nobody_wrote, beside_its_server_span, below_a_call_of_its_request,
], ids=lambda mistake: mistake.__name__)
def test_a_call_is_wrong_that_is(world, mistake):
    mistake(world)
    assert world.counts() == (ALL - 1, 0, 1, 0, 0)
    assert world.score().misled == {12}


def test_two_swapped_calls_are_two_wrong_ones(world):
    swapped_between_two_requests(world)
    assert world.counts() == (ALL - 2, 0, 2, 0, 0)
    assert world.score().misled == {12, 13}


def test_a_call_below_a_request_that_has_its_id_as_beginning_is_wrong(world):
    whose_id_is_another_of_the_same_beginning(world)
    assert world.counts() == (ALL, 0, 1, 0, 0)


# --- missing ---


@pytest.mark.parametrize("place", range(3))
def test_a_call_without_its_span_is_missing(world, place):
    world.spans.remove(world.calls(12)[place])
    assert world.counts() == (ALL - 1, 0, 0, 1, 0)


def test_a_call_is_missing_where_the_upstream_saw_it_though_the_client_had_gone(world):
    world.requests[12].answered, world.requests[12].cut = False, True
    for span in world.calls(12):
        world.spans.remove(span)
    assert world.counts() == (ALL - 3, 0, 0, 1, 0)


def test_calls_of_a_request_that_was_cut_may_not_have_been_made(world):
    world.requests[12].answered, world.requests[12].cut = False, True
    for span in world.calls(12):
        world.spans.remove(span)
    world.upstream.remove(world.seen(12))
    assert world.counts() == (ALL - 3, 0, 0, 0, 0)
    assert not world.score().unanswered


def test_a_cut_request_may_have_no_span_above_its_calls(world):
    world.spans.remove(world.server(12))
    assert world.counts() == (ALL - 3, 0, 3, 0, 0)
    world.requests[12].answered, world.requests[12].cut = False, True
    assert world.counts() == (ALL, 0, 0, 0, 0)
    world.calls(12)[0].trace_id = world.requests[13].trace_id
    assert world.counts() == (ALL - 1, 0, 1, 0, 0)


def test_kinds_that_a_program_does_not_make_are_not_missing(world):
    world.spans = [span for span in world.spans if "db.query.text" not in span.attributes]
    assert world.counts(calls=("http",)) == (REQUESTS, 0, 0, 0, 0)


# --- foreign ---


@pytest.mark.parametrize("field, value", [
    ("tracestate", "t=13"), ("tracestate", "t=12,t=13"), ("baggage", "who=13"),
    ("baggage", "who=12,who=13"), ("traceparent", f"00-{13:032x}-{'a' * 16}-01")])
def test_what_is_anothers_at_the_upstream_is_foreign(world, field, value):
    setattr(world.seen(12), field, value)
    assert world.counts() == (ALL, 0, 0, 0, 1)
    assert world.score().misled == {12}


@pytest.mark.parametrize("field, value", [
    ("tracestate", ""), ("baggage", ""), ("traceparent", ""),
    ("traceparent", f"00-{'c' * 32}-{'a' * 16}-01")])
def test_nothing_of_another_at_the_upstream_is_not_foreign(world, field, value):
    setattr(world.seen(12), field, value)
    assert world.counts() == (ALL, 0, 0, 0, 0)


# --- jobs, which belong to no request ---


def add_job(world, trace_id, parent_id):
    world.sql("j7", trace_id, parent_id)
    call = world.http("job7", trace_id, parent_id)
    world.upstream.append(Seen("/up/job7", f"00-{trace_id}-{call.span_id}-01"))


def test_a_job_has_no_parent(world):
    add_job(world, "d" * 32, "")
    assert world.counts() == (ALL + 2, 0, 0, 0, 0)


def test_a_job_below_a_request_is_wrong_and_its_header_foreign(world):
    add_job(world, world.requests[12].trace_id, world.server(12).span_id)
    assert world.counts() == (ALL, 0, 2, 0, 1)
    assert world.score().misled == {"j7"}


def test_a_jobs_baggage_is_foreign(world):
    add_job(world, "d" * 32, "")
    world.upstream[-1].baggage = "who=12"
    assert world.counts() == (ALL + 2, 0, 0, 0, 1)


def test_a_job_that_reached_the_upstream_without_a_span_is_missing(world):
    world.upstream.append(Seen("/up/job8"))
    assert world.counts() == (ALL, 0, 0, 1, 0)


# --- the verdict ---


def verdict(world, expected, first=0, calls=("sql", "http")):
    row = catalogue.Row("ideal", [], {"keep": expected}, first=first)
    return cell.Cell(row, "keep", 8, world.score(calls)).faults()


@pytest.mark.parametrize("expected", [catalogue.RIGHT, catalogue.NEVER, catalogue.LIMIT])
def test_a_perfect_cell_passes(world, expected):
    assert not verdict(world, expected)


def test_none_passes_only_where_never_wrong_is_asked_for(world):
    call = world.calls(12)[0]
    call.trace_id, call.parent_id = "f" * 32, ""
    assert verdict(world, catalogue.RIGHT)
    assert not verdict(world, catalogue.NEVER)


@pytest.mark.parametrize("mistake", [
    below_another_request,
    lambda world: setattr(world.seen(12), "baggage", "who=13"),
    lambda world: world.spans.remove(world.calls(12)[0]),
    lambda world: setattr(world.requests[12], "answered", False),
    lambda world: world.upstream.remove(world.seen(12)),
], ids=["wrong", "foreign", "missing", "unanswered", "uncalled"])
@pytest.mark.parametrize("expected", [catalogue.RIGHT, catalogue.NEVER])
def test_a_mistake_fails_the_cell(world, expected, mistake):
    mistake(world)
    assert verdict(world, expected)


def test_the_allowance_is_of_so_many_requests(world):
    below_another_request(world)
    assert not verdict(world, catalogue.NEVER, first=1)
    swapped_between_two_requests(world)
    assert verdict(world, catalogue.NEVER, first=1)
    assert not verdict(world, catalogue.NEVER, first=2)


def test_a_cell_without_calls_fails(world):
    world.spans, world.upstream = [], []
    assert verdict(world, catalogue.LIMIT, calls=())
