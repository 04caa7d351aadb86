# SPDX-License-Identifier: Apache-2.0
"""Collectors that move, and several of them behind one name or address: neither an address nor a
connection is believed for more than a minute, nor beyond a post that was not accepted.

Names are in a /etc/hosts of the program's own, which needs root. Where a minute has to pass, the
tests pass it together, ahead of their turn; the agent's clock is nobody's to fake."""

import concurrent.futures
import contextlib
import itertools
import os
import pathlib
import shlex
import tempfile
import time

import pytest

import accounts
import certificates
import life
import servers
import sink
import small

HOST = "collector.test"
SECONDS = 15  # until spans arrive; a retry comes after one, a time-out after ten
MINUTE = 61
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="unshare and mount need root")
over = pytest.mark.parametrize("scheme", ["http", "https"])
over_any = pytest.mark.parametrize("scheme", ["http", "https", "unix"])


@pytest.fixture(scope="module")
def authority(run_directory):
    return certificates.Authority(run_directory / "renewal-authority")


@pytest.fixture(scope="module")
def tls(authority):
    return authority.serve(names=f"DNS:{HOST},IP:127.0.0.1,IP:127.0.0.2,IP:127.0.0.3")


@pytest.fixture(scope="module")
def server_program(run_directory):
    return small.compile_server(run_directory / "renewal-server")


class Names:
    """What the program finds names in; it can be changed while it runs."""

    def __init__(self, directory):
        self.hosts = directory / "hosts"
        self.switch = directory / "nsswitch.conf"
        self.switch.write_text("hosts: files\n")
        self.say("127.0.0.1")

    def say(self, *addresses):
        """In place, because the file is mounted."""
        self.hosts.write_text("".join(f"{address} {HOST}\n" for address in addresses))

    def world(self):
        return life.world("; ".join(
            f"mount --bind {shlex.quote(str(file))} /etc/{file.name}"
            for file in (self.hosts, self.switch)))


class World:
    """Starts collectors, and the smallest server under the agent."""

    def __init__(self, directory, library, program, authority, tls, scheme):
        self.directory, self.library, self.program = directory, library, program
        self.authority, self.tls, self.scheme = authority, tls, scheme
        self.names = Names(directory)
        self.exits = contextlib.ExitStack()
        self.sent = 0

    def collector(self, *steps, **where):
        if self.scheme == "https":
            where["tls"] = self.tls
        if self.scheme == "unix":
            where["path"] = self.directory / "collector"
        return self.exits.enter_context(sink.Collector(*steps, **where))

    def serve(self, endpoint, wrap=()):
        tracing = servers.Tracing(self.library, self.directory, "server", {
            "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_EXPORTER_OTLP_CERTIFICATE": str(self.authority.file), "OTEL_LOG_LEVEL": "info"})
        program = [*wrap, str(self.program)] if wrap else self.program
        self.server = self.exits.enter_context(small.Small(self.directory, program, tracing))

    def serve_by_name(self, port):
        self.serve(f"{self.scheme}://{HOST}:{port}", self.names.world())

    def ask(self, times=1):
        connection = self.server.connect()
        for _ in range(times):
            small.ask(connection)
        connection.close()
        self.sent += times

    def ask_until(self, condition, what):
        """Requests, a span each, until something is so."""
        end = time.monotonic() + SECONDS
        while not condition():
            if time.monotonic() > end:
                said = "\n".join(self.server.said)
                pytest.fail(f"not in {SECONDS} s: {what}; the agent said:\n{said}")
            self.ask()
            time.sleep(0.1)

    def stop(self):
        """The accounts of all that were asked."""
        self.server.stop()
        found = accounts.read("\n".join(self.server.said))
        accounts.balance(found, self.sent)
        return found


@pytest.fixture(scope="module")
def make_world(run_directory, library, server_program, authority, tls):
    """A unix socket's path has to be short, and so is the directory's."""
    return lambda scheme: World(pathlib.Path(tempfile.mkdtemp(dir=run_directory)), library,
                                server_program, authority, tls, scheme)


@pytest.fixture
def world(make_world, scheme):
    made = make_world(scheme)
    with made.exits:
        yield made


def stored(collector):
    return len(collector.stored())


# --- Several behind one address ---


@over_any
@pytest.mark.parametrize("status", ["429 Busy", "502 Bad", "503 Busy", "504 Late"])
def test_a_refused_post_meets_another_collector(world, scheme, status):
    """Every other connection comes to one that refuses. What it refused is not lost."""
    collector = world.collector(sink.by_connection(sink.refuse(status), sink.accept))
    world.serve(collector.endpoint)
    world.ask_until(lambda: stored(collector), "spans at the one that accepts")
    collector.wait_for_spans(world.sent)
    assert world.stop().exported == world.sent
    refused = [post for post in collector.posts if not post.stored]
    assert len(refused) == 1 and refused[0].connection == 0
    assert collector.accepted == 2  # the one that accepts is stayed with


@over
def test_after_an_error_the_next_post_takes_another_connection(world, scheme):
    """What is not tried again is lost, but what follows it is not."""
    collector = world.collector(sink.by_connection(sink.refuse("404 No"), sink.accept))
    world.serve(collector.endpoint)
    world.ask_until(lambda: stored(collector), "spans at the one that accepts")
    assert [post.connection for post in collector.posts if not post.stored] == [0]


# --- A name ---


@needs_root
@over
@pytest.mark.parametrize("status", ["404 No", "503 Busy", "400 Bad", "401 Who"])
def test_an_old_address_that_refuses_is_left(world, scheme, status):
    old = world.collector(sink.accept, sink.refuse(status))
    new = world.collector(host="127.0.0.2", port=old.port)
    world.serve_by_name(old.port)
    world.ask_until(lambda: stored(old), "spans at the old address")
    world.names.say("127.0.0.2")
    world.ask_until(lambda: stored(new), "spans at the new address")
    assert len(old.posts) < 10  # the first, one refused, and what was sent while the name changed


@needs_root
@over
def test_each_address_of_a_name_has_its_turn(world, scheme):
    """Two of three refuse, and the name server tells them in another order each time."""
    addresses = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    ill = world.collector(sink.refuse("503 Busy", "Retry-After: 0"))
    also = world.collector(sink.refuse("503 Busy", "Retry-After: 0"), host=addresses[1],
                           port=ill.port)
    well = world.collector(host=addresses[2], port=ill.port)
    world.names.say(*addresses)
    world.serve_by_name(ill.port)
    for turn in range(3):
        count = stored(well)
        world.ask_until(lambda: stored(well) > count, "spans at the one that accepts")
        world.names.say(*addresses[turn:], *addresses[:turn])
    well.wait_for_spans(world.sent)
    assert world.stop().exported == world.sent
    assert len(ill.posts) <= 1 and len(also.posts) <= 1


# --- A minute ---


def a_connection_lives_a_minute(world):
    """And the next one is made without a post that fails, or a word."""
    collector = world.collector()
    world.serve(collector.endpoint)
    end = time.monotonic() + 45
    while time.monotonic() < end:
        world.ask()
        collector.wait_for_spans(world.sent)
        time.sleep(0.5)
    assert collector.accepted == 1
    end = time.monotonic() + MINUTE
    while time.monotonic() < end:
        world.ask()
        collector.wait_for_spans(world.sent)
        time.sleep(0.5)
    assert collector.accepted == 2
    assert len(collector.connections) == 1
    assert {post.stored for post in collector.posts} == {True}
    assert world.stop().exported == world.sent
    assert not [line for line in world.server.said if ": warn: " in line]


def a_collector_that_moved_is_found(world):
    """Though the old one goes on to accept."""
    old = world.collector()
    new = world.collector(host="127.0.0.2", port=old.port)
    world.serve_by_name(old.port)
    world.ask()
    old.wait_for_spans(1)
    world.names.say("127.0.0.2")
    time.sleep(MINUTE)
    world.ask()
    new.wait_for_spans(1)
    assert stored(old) == 1
    assert world.stop().exported == world.sent


def an_address_is_kept_where_the_name_is_found_no_more(world):
    collector = world.collector()
    world.serve_by_name(collector.port)
    world.ask()
    collector.wait_for_spans(1)
    world.names.say()
    time.sleep(MINUTE)
    world.ask()
    collector.wait_for_spans(2)
    assert collector.accepted == 2
    assert world.stop().exported == world.sent


def an_old_connection_is_kept_where_there_is_no_other(world):
    """The collector can't be reached any more, as after a change of root directory, but the
    connection to it still goes."""
    collector = world.collector()
    world.serve(collector.endpoint)
    world.ask()
    collector.wait_for_spans(1)
    collector.take_no_more()
    time.sleep(MINUTE)
    world.ask()
    collector.wait_for_spans(2)
    assert collector.accepted == 1
    assert world.stop().exported == world.sent


BY_NAME = (a_collector_that_moved_is_found, an_address_is_kept_where_the_name_is_found_no_more)
ANYHOW = (a_connection_lives_a_minute, an_old_connection_is_kept_where_there_is_no_other)
AHEAD = {f"{what.__name__}-{scheme}": (what, scheme) for what, scheme in [
    *itertools.product(ANYHOW, ["http", "https", "unix"]),
    *itertools.product(BY_NAME if os.geteuid() == 0 else (), ["http", "https"])]}


@pytest.fixture(scope="module", autouse=True)
def ahead(request, make_world):
    """The chosen ones of AHEAD, under way; they hardly do anything but wait."""
    chosen = [item.callspec.params["what"] for item in request.session.items
              if item.originalname == test_after_a_minute.__name__]

    def run_one(what, scheme):
        world = make_world(scheme)
        with world.exits:
            what(world)

    with concurrent.futures.ThreadPoolExecutor(len(AHEAD)) as pool:
        yield {name: pool.submit(run_one, *AHEAD[name]) for name in chosen}


@pytest.mark.parametrize("what", AHEAD)
def test_after_a_minute(ahead, what):
    ahead[what].result()
