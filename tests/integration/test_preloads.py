# SPDX-License-Identifier: Apache-2.0
"""Beside other preloads: allocators, clocks that are wrong or jump, AddressSanitizer's runtime, a
second copy of ours. Which case is where is said in test_life.py."""

import os
import pathlib
import re
import subprocess
import time

import pytest

import life
import servers
from test_places import allocator

STEPS = ["one", "fork", "posix_spawn", "small-stack", "two", "end"]
HOUR = 3600


@pytest.fixture(scope="module")
def program(run_directory):
    return life.compile_program(run_directory / "preloaded-life")


def preloaded(name):
    for path in pathlib.Path("/usr/lib").rglob(name):
        return str(path)
    return allocator(name)


@pytest.mark.parametrize("order", ["{}:AGENT", "AGENT:{}"], ids=["before", "after"])
@pytest.mark.parametrize("other", ["libjemalloc.so.2", "libtcmalloc_minimal.so.4",
                                   "libfaketimeMT.so.1"])
def test_another_preload(directory, library, program, collector, other, order):
    life.check(program, library, directory, collector,
               ["one", "fork", "clone", "libraries", "posix_spawn", "storm", "two", "calm", "end"],
               preload=order.format(preloaded(other)))


# --- Clocks ---


@pytest.mark.parametrize("offset", ["-10y", "+10y", "-10y x5"])
def test_a_clock_that_is_wrong_or_runs_away(directory, library, program, collector, offset,
                                            monkeypatch):
    monkeypatch.setenv("FAKETIME", offset)
    life.check(program, library, directory, collector, STEPS,
               preload="{}:AGENT".format(preloaded("libfaketimeMT.so.1")), heir=False)


@pytest.fixture
def set_clocks(directory, monkeypatch):
    """Sets libfaketime's clocks forward or back, in programs that run."""
    place = directory / "offset"
    monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(place))
    monkeypatch.setenv("FAKETIME_NO_CACHE", "1")

    def by(seconds):
        (directory / "offset-new").write_text(f"{seconds:+d}")
        os.rename(directory / "offset-new", place)

    by(0)
    return by


def spans_of(collector):
    return [(resource, span) for post in collector.posts if post.stored
            for resource in post.request.resource_spans
            for scope in resource.scope_spans for span in scope.spans]


def processor_seconds(collector):
    [pid] = {each.value.int_value for resource, _ in spans_of(collector)
             for each in resource.resource.attributes if each.key == "process.pid"}
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("order", ["{}:AGENT", "AGENT:{}"], ids=["before", "after"])
@pytest.mark.parametrize("monotonic", [True, False], ids=["all", "wall-clock"])
def test_clocks_that_jump_in_the_middle_of_requests(directory, library, program, collector, order,
                                                    monotonic, set_clocks, monkeypatch):
    """With `monotonic` that clock as well, which nothing else ever sets back: no request lasts less
    than nothing, and no wait of ours lasts for hours, or not at all."""
    if not monotonic:
        monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    jumps = [HOUR, 0, -HOUR, HOUR, -HOUR]
    began = time.time()

    def exported(count):
        collector.wait_for_spans(count)
        before = processor_seconds(collector)
        time.sleep(1)
        assert processor_seconds(collector) - before < 0.5

    steps = ["one", life.Do(lambda: exported(1))]
    for number, seconds in enumerate(jumps):
        steps += [life.Split(f"jump-{number}", lambda seconds=seconds: set_clocks(seconds)),
                  f"then-{number}", life.Do(lambda count=2 * number + 3: exported(count))]
    life.check(program, library, directory, collector, [*steps, "end"],
               preload=order.format(preloaded("libfaketimeMT.so.1")))
    most = 2 * HOUR if monotonic else 0
    for _, span in spans_of(collector):
        start, end = span.start_time_unix_nano / 1e9, span.end_time_unix_nano / 1e9
        assert 0 <= end - start < most + 30
        assert began - HOUR - 5 < start < time.time() + HOUR + 5


# --- AddressSanitizer ---


# Where each compiler's runtime is. Clang's own way has none: it is part of the program.
SANITIZED = {
    "gcc": ("gcc", ["-fsanitize=address"], "libasan.so.8"),
    "clang-shared": ("clang", ["-fsanitize=address", "-shared-libasan"],
                     "libclang_rt.asan-x86_64.so"),
    "clang-static": ("clang", ["-fsanitize=address"], None),
}


@pytest.fixture(scope="module")
def sanitized(run_directory):
    made = {}

    def of(name):
        compiler, options, runtime = SANITIZED[name]
        runtime = preloaded(runtime) if runtime else None
        if runtime:
            options = [*options, f"-Wl,-rpath,{pathlib.Path(runtime).parent}"]
        if name not in made:
            made[name] = life.compile_program(run_directory / f"sanitized-{name}", *options,
                                              compiler=compiler)
        return made[name], runtime

    return of


@pytest.mark.parametrize("order", ["{}:AGENT", "AGENT:{}"], ids=["before", "after"])
@pytest.mark.parametrize("name", ["gcc", "clang-shared"])
def test_the_address_sanitizers_runtime(directory, library, program, collector, sanitized, name,
                                        order, monkeypatch):
    """It wants to be the first of all, unless it is told not to look."""
    sanitized_program, runtime = sanitized(name)
    if order.startswith("AGENT"):
        monkeypatch.setenv("ASAN_OPTIONS", "verify_asan_link_order=0")
    life.check(sanitized_program, library, directory, collector, STEPS,
               preload=order.format(runtime), heir=program)


@pytest.mark.parametrize("name", ["gcc", "clang-shared"])
def test_without_it_the_agent_is_met_as_any_other_preload_is(directory, library, collector,
                                                             sanitized, name):
    """By a refusal to start, in the same words."""
    sanitized_program, runtime = sanitized(name)
    (directory / "empty.c").write_text("")
    subprocess.run(["cc", "-shared", "-o", directory / "empty.so", directory / "empty.c"], check=True)

    def start(preload):
        environment = life.tracing(library, directory, collector, LD_PRELOAD=preload).environment()
        done = subprocess.run([sanitized_program], env={**os.environ, **environment}, text=True,
                              stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=20)
        return done.returncode, re.sub(r"^==\d+==", "", done.stderr)

    for preload in ("{}", f"{{}}:{runtime}"):
        refused = start(preload.format(directory / "empty.so"))
        assert "does not come first" in refused[1]
        assert start(preload.format(library)) == refused


def test_interceptors_in_the_program_itself(directory, library, program, collector, sanitized):
    sanitized_program, _ = sanitized("clang-static")
    life.check(sanitized_program, library, directory, collector, STEPS, heir=program)


def test_two_copies_of_ours(directory, library, program, collector):
    """The first one's wrappers call the second one's."""
    copy = directory / "libotelagent-copy.so"
    copy.write_bytes(pathlib.Path(library).read_bytes())
    plain = life.run([program], STEPS, directory)
    traced = life.run([program], STEPS, directory, life.tracing(
        library, directory, collector, LD_PRELOAD=f"{library}:{copy}"))
    assert traced == plain
    assert set(life.flat(STEPS)) <= set(life.spans_of(collector))
    assert set(collector.stored().values()) == {1}
