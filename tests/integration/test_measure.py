# SPDX-License-Identifier: Apache-2.0
"""What scripts/bench and `otelagent compare` conclude from their runs: which count, what a pair is,
what may be said of them, how they are drawn; and that the load charges a server with those that
wait. The measuring itself is their business."""
import contextlib
import json
import socket
import sys
import threading
import time
import xml.etree.ElementTree

import pytest

import servers

sys.path.insert(0, str(servers.TREE / "scripts"))
sys.path.insert(1, str(servers.TREE / "tests" / "bench"))
from measure import plot, quiet, report, verdict  # noqa: E402
import gate  # noqa: E402
import idle  # noqa: E402
import instructions  # noqa: E402
import page  # noqa: E402
import relay  # noqa: E402
import subject  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"

# --- which runs count ---


def runs_of(*foreign):
    left = iter(foreign)
    return lambda: {"foreign": next(left)}


def test_a_disturbed_run_is_thrown_away_and_made_again():
    keeper = quiet.Keeper(most=5, allowed=0.05)
    found = keeper.run(runs_of(0.5, 0.06, 0.05))
    assert found == {"foreign": 0.05, "clean": True}
    assert (keeper.made, keeper.discarded, keeper.unclean) == (3, 2, 0)
    assert keeper.account().startswith("3 runs, 2 discarded and made again (others used")


def test_what_is_thrown_away_is_bounded_and_then_left_out():
    keeper = quiet.Keeper(most=1, allowed=0.05)
    action = runs_of(0.5, 0.4, 0.3, 0.01)
    assert keeper.run(action) == {"foreign": 0.4, "clean": False}
    assert keeper.run(action) == {"foreign": 0.3, "clean": False}
    assert keeper.run(action)["clean"]
    assert (keeper.made, keeper.discarded, keeper.unclean) == (4, 1, 2)
    assert "2 left out" in keeper.account()


def test_what_others_used_is_all_that_was_done_less_ones_own():
    busy, own, now = iter((100.0, 101.75)), iter((7.0, 8.5)), iter((50.0, 52.0))
    watch = quiet.Watch(lambda: next(own), lambda: next(busy), lambda: next(now))
    assert watch.foreign() == pytest.approx(0.125)


def test_ticks_that_lag_behind_are_nobodys():
    busy, own, now = iter((0.0, 1.0)), iter((0.0, 1.02)), iter((0.0, 1.0))
    assert quiet.Watch(lambda: next(own), lambda: next(busy), lambda: next(now)).foreign() == 0.0


def test_waiting_and_interrupts_are_no_work():
    text = "cpu  100 20 30 4000 500 60 70 8 9 10\ncpu0 1 1 1 1 1 1 1 1 1 1\n"
    assert quiet.busy_seconds(text) == pytest.approx((100 + 20 + 30 + 8) / quiet.TICKS)


def test_this_machine_is_not_quieter_than_a_loop():
    watch = quiet.Watch(lambda: 0.0)
    until = time.process_time() + 0.5
    while time.process_time() < until:
        pass
    assert watch.foreign() > 0.1


# --- pairs ---


def run(name, cpu, clean=True):
    return name, {"cpu": cpu, "clean": clean}


def test_a_run_is_paired_with_the_plain_ones_beside_it():
    sequence = [run("plain", 10), run("a", 12), run("plain", 14), run("b", 9), run("plain", 20)]
    assert quiet.pair(sequence, "a", "plain", "cpu") == [(12, 12)]
    assert quiet.pair(sequence, "b", "plain", "cpu") == [(17, 9)]


def test_a_neighbour_that_is_not_clean_is_no_neighbour():
    sequence = [run("plain", 10, False), run("a", 12), run("plain", 14), run("a", 13, False),
                run("plain", 20, False), run("a", 30), run("plain", 40, False)]
    assert quiet.pair(sequence, "a", "plain", "cpu") == [(14, 12)]


# --- what may be said ---


@pytest.mark.parametrize("count, bounds", [
    (4, None), (5, (0, 4)), (8, (1, 6)), (12, (2, 9)), (30, (10, 19)),
])
def test_bounds_of_a_median_are_those_of_the_binomial_distribution(count, bounds):
    assert verdict.interval(list(range(count))[::-1]) == bounds


@pytest.mark.parametrize("cpu, latency, expected", [
    ([0.12, 0.1, 0.11, 0.13, 0.12], [0.01, -0.02, 0.03, 0, -0.01],
     "verdict: the agent costs 12.0 % CPU a request (+10.0 to +13.0 %); you would not see it in p99 "
     "(-2.0 to +3.0 %). In brackets: where the median lies, at 90 %."),
    ([0.01, -0.01, 0.0, 0.02, 0.01], [0.5, 0.6, 0.7, 0.55, 0.9],
     "verdict: CPU a request: no difference to be seen (-1.0 to +2.0 %); p99 is 60.0 % higher "
     "(+50.0 to +90.0 %). In brackets: where the median lies, at 90 %."),
    ([0.3, -0.2, 0.1, 0.4, 0.0], [-0.4, 0.4, 0.1, 0.2, 0.3],
     "verdict: CPU a request: too noisy to tell (-20.0 to +40.0 %); p99: too noisy to tell "
     "(-40.0 to +40.0 %). In brackets: where the median lies, at 90 %."),
    ([0.1, 0.2], [], "verdict: CPU a request: +15.0 % in the middle of 2 pairs, which are too few to "
     "tell (5 at least)."),
    ([], [], "verdict: neither CPU a request nor p99 was measured"),
])
def test_the_verdict_says_no_more_than_the_pairs_do(cpu, latency, expected):
    assert verdict.sentence(cpu, latency) == expected


# --- the plot ---


def drawn(*panels):
    return xml.etree.ElementTree.fromstring(plot.draw("Cost <of> & \"all\"", ["…"], panels))


def test_the_plot_is_well_formed_and_has_all_values_inside():
    root = drawn(plot.Panel("CPU & <time>", [("untraced", [7.8, 8.1, 7.9]), ("100 %", [9.5, 9.9])]),
                 plot.Panel("change", [("a", [-0.02, 0.01])], True, report.percent),
                 plot.Stacks("instructions", [("span", {"ring": 484, "work": 582, "less": -3})]))
    assert root.tag == SVG + "svg"
    width, height = float(root.get("width")), float(root.get("height"))
    dots = root.findall(SVG + "circle")
    assert len(dots) == 7
    for element in [*dots, *root.findall(SVG + "text"), *root.findall(SVG + "rect")]:
        assert 0 <= float(element.get("cx") or element.get("x")) <= width
        assert 0 <= float(element.get("cy") or element.get("y")) <= height
    words = [element.text for element in root.findall(SVG + "text")]
    assert {"CPU & <time>", "untraced", "7.90  (n = 3)", "1,063"} <= set(words)


def test_a_part_has_one_colour_everywhere():
    root = drawn(plot.Stacks("one", [("a", {"ring": 1, "work": 2})]),
                 plot.Stacks("two", [("b", {"work": 3}), ("c", {"ring": 4})]))
    fills = [element.get("fill") for element in root.findall(SVG + "rect")[1:]]
    ring, work = fills[0], fills[1]
    assert ring != work
    assert fills == [ring, work, ring, work, work, ring, work, ring]  # bars, then the key


def test_larger_values_are_further_right():
    root = drawn(plot.Panel("p99", [("one", [1.0, 2.0, 4.0])]))
    places = [float(dot.get("cx")) for dot in root.findall(SVG + "circle")]
    assert places[0] < places[1] < places[2]
    assert places[2] - places[1] == pytest.approx(2 * (places[1] - places[0]), abs=0.3)


@pytest.mark.parametrize("values", [[0.0], [5.0, 5.0], [0.0, 0.0], [1e-9, 2e-9], [1e9]])
def test_values_without_a_range_are_drawn(values):
    assert len(drawn(plot.Panel("flat", [("a", values)], True)).findall(SVG + "circle")) == len(
        values)


# --- the gate and the page ---

RECORD = {"http": {"instructions": {"per_span": 1000, "per_unsampled_request": 100,
                                    "untraced_per_request": 9, "per_head_byte": 2.0},
                   "bytes": {"per_span": 400}}}


def found(**figures):
    return {"http": {"instructions": figures}}


def test_a_rise_within_the_tolerance_is_held():
    assert [good for good, _ in gate.compare(RECORD, found(per_span=1020))] == [True]
    assert [good for good, _ in gate.compare(RECORD, found(per_span=1021))] == [False]
    assert gate.compare(RECORD, found(per_unsampled_request=110))[0][0]
    assert not gate.compare(RECORD, found(per_unsampled_request=111))[0][0]


def test_who_slept_through_may_not_wake():
    asleep = {"idle": {"idle": {"wake_ups_in_30_s": 0, "wake_ups_in_75_s": 1}}}
    awake = {"idle": {"idle": {"wake_ups_in_30_s": 1, "wake_ups_in_75_s": 9}}}
    assert [good for good, _ in gate.compare(asleep, asleep)] == [True]
    assert [good for good, _ in gate.compare(asleep, awake)] == [False]


def test_what_is_not_recorded_is_not_held():
    good, said = gate.compare(RECORD, found(exporter_per_span=1))[0]
    assert not good and "not recorded" in said


def test_what_is_not_the_agents_is_not_gated():
    assert gate.compare(RECORD, found(untraced_per_request=900, per_head_byte=9.0)) == []
    assert gate.compare(RECORD, {"http": {"cpu": {"per_span": 9}}}) == []


def test_the_page_shows_what_is_recorded():
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.replace(text, json.loads(gate.RECORD.read_text())) == text


def test_a_page_without_its_marks_is_refused():
    with pytest.raises(ValueError):
        page.replace("# What it costs\n", RECORD)


@pytest.mark.parametrize("path, place, group", [
    (f"{subject.TREE}/agent/queue/ring.c", "agent/queue/ring.c", "ring"),
    ("build/release/../../../../h/main/build/release/../../agent/net/flow_ask.c",
     "agent/net/flow_ask.c", "hooks, net"),
    ("/elsewhere/agent/hooks/send.c", "hooks/send.c", "hooks, net"),
    ("/usr/include/string.h", "/usr/include/string.h", "other"),
])
def test_a_source_file_has_its_group(path, place, group):
    assert instructions.relative(path) == place
    assert instructions.group_of(place) == group


def test_the_quietest_window_is_found_wherever_it_lies():
    counts = [0, 5, 10, 10, 10, 10, 11, 20]
    assert idle.quietest(counts, 3) == 0
    assert idle.quietest(counts, 5) == 6
    with pytest.raises(ValueError):
        idle.quietest(counts, 8)


# --- the load, and the collector in it ---

STALL_SECONDS, STALLED = 0.3, 50


def answer_slowly_once(listener):
    """Takes one connection; its STALLEDth answer comes late."""
    connection, _ = listener.accept()
    with connection:
        number, waiting = 0, b""
        while True:
            waiting += connection.recv(65536)
            if not waiting:
                return
            while b"\r\n\r\n" in waiting:
                _, _, waiting = waiting.partition(b"\r\n\r\n")
                number += 1
                if number == STALLED:
                    time.sleep(STALL_SECONDS)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def load_once(requests, rate):
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        thread = threading.Thread(target=answer_slowly_once, args=(listener,))
        thread.start()
        try:
            load = stack.enter_context(subject.Load())
            return load.run(listener.getsockname()[1], requests, 1, rate)
        finally:
            load.stop()
            thread.join()


def test_who_waits_behind_a_stall_is_counted_from_when_he_would_have_come():
    closed, opened = load_once(200, 0), load_once(200, 200)
    assert closed["most_us"] > 0.9e6 * STALL_SECONDS
    assert closed["p99_us"] < 0.5e6 * STALL_SECONDS  # one of 200 was late
    assert opened["p99_us"] > 0.8e6 * STALL_SECONDS  # the 60 who came meanwhile were, too
    assert opened["seconds"] == pytest.approx(1.0, abs=0.3)


def test_behind_the_relay_an_answer_is_late_and_whole():
    with socket.create_server(("127.0.0.1", 0)) as listener, \
            relay.Relay(listener.getsockname()[1]) as late, \
            socket.create_connection(("127.0.0.1", late.port), timeout=10) as client:
        client.sendall(b"question")
        server, _ = listener.accept()
        with server:
            assert server.recv(100) == b"question"
            began = time.monotonic()
            server.sendall(b"ans")
            server.sendall(b"wer")
            assert client.recv(100) == b"answer"
            assert time.monotonic() - began >= relay.LATE_SECONDS
        assert client.recv(100) == b""  # its end is passed on


def field(number, payload):
    assert len(payload) < 128
    return bytes([number << 3 | 2, len(payload)]) + payload


def post(port, body, headers=""):
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(f"POST /v1/traces HTTP/1.1\r\nContent-Length: {len(body)}\r\n{headers}"
                       "\r\n".encode() + body)
        return client.recv(65536)


def test_the_loads_collector_counts_spans():
    span = field(5, b"GET") + field(2, b"1234") + b"\x39" + bytes(8)
    scope = field(1, b"\x0a\x01x") + field(2, span) * 2
    request = field(1, field(1, b"res") + field(2, scope) + field(2, scope))
    with subject.Load() as load:
        port = int(load.url.rpartition(":")[2])
        assert post(port, request).startswith(b"HTTP/1.1 200 ")
        assert post(port, b"\x1f\x8b", "Content-Encoding: gzip\r\n").startswith(b"HTTP/1.1 200 ")
        assert load.take() == {"spans": 4, "posts": 2, "bytes": len(request) + 2}
        assert load.take() == {"spans": 0, "posts": 0, "bytes": 0}


def test_a_browsers_head_has_490_bytes(directory):
    with subject.Load() as load, subject.Nginx(directory / "nginx",
                                               subject.environment("untraced", "")) as nginx:
        assert load.run(nginx.port, 10, 2, 0, "browser")["head_bytes"] == 490
        assert load.run(nginx.port, 10, 2, 0, "hello")["head_bytes"] < 100
