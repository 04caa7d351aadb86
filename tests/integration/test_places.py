# SPDX-License-Identifier: Apache-2.0
"""The places that containers bring: another libc, a root with nothing but libc, other allocators."""

import os
import pathlib
import pwd
import re
import shutil
import subprocess

import pytest

import accounts
import ledger
import load
import otlp
import plans
import servers
import sink
import small

WORKERS = 2
NOBODY = pwd.getpwnam("nobody")


def variables(collector, **more):
    return {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "OTEL_LOG_LEVEL": "info", **more}


def ask(server, times=3):
    connection = server.connect()
    for number in range(times):
        small.ask(connection, path=f"/products/{number}?token=hunter2")
    assert small.ask(connection, "POST", "/upload", iter([b"abc"] * 50), chunked=True) == 150
    connection.close()
    return times + 1


# --- Another libc ---


def test_under_musl_a_program_runs_as_without(directory, library):
    program = small.compile_server(directory / "musl-server", compiler="musl-gcc")
    with sink.Collector() as collector:
        tracing = servers.Tracing(library, directory, "server", variables(
            collector, OTEL_LOG_LEVEL="warn"))
        with small.Small(directory, program, tracing) as server:
            ask(server)
            maps = pathlib.Path(f"/proc/{server.process.pid}/maps").read_text()
            assert "musl" in maps
            assert str(library) in maps
            assert len(os.listdir(f"/proc/{server.process.pid}/task")) == 1
        assert server.said == []
        assert collector.posts == []


# --- A root with nothing but libc ---


def make_root(root, program, library):
    """A directory with a program, its interpreter, libc and the agent."""
    listed = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    needed = re.findall(r"(/\S+) \(0x", listed)
    assert len(needed) == 2, f"more than the loader and libc: {listed}"
    for path in needed:
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    shutil.copy(program, root / "server")
    shutil.copy(library, root / "libotelagent.so")
    for path in (root, *root.rglob("*")):
        path.chmod(0o755)


def enter(root, tracing, *options):
    """The command that runs /server in the root under the agent. The chroot program itself gets
    the variables, too; its own root has no /libotelagent.so, which the loader mentions."""
    settings = [f"{name}={value}" for name, value in tracing.environment().items()]
    return [servers.program("env"), *settings, servers.program("chroot"), *options, root, "/server"]


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")
@pytest.mark.parametrize("user", ["root", "nobody"])
def test_in_a_root_with_nothing_but_libc_spans_arrive(directory, library, user):
    root = directory / "root"
    root.mkdir()
    make_root(root, small.compile_server(directory / "slim-server"), library)
    options = [f"--userspec={NOBODY.pw_uid}:{NOBODY.pw_gid}"] if user == "nobody" else []
    with sink.Collector() as collector:
        tracing = servers.Tracing("/libotelagent.so", directory, "slim", variables(collector))
        with small.Small(directory, enter(root, tracing, *options), name="slim") as server:
            count = ask(server)
            collector.wait_for_spans(count)
        assert sorted(os.listdir(root)) == ["lib", "lib64", "libotelagent.so", "server"]
        spans = [span for post in collector.posts for _, _, span in otlp.spans(post.request)]
        assert sorted(span.name for span in spans) == ["GET /products/{id}"] * 3 + ["POST /upload"]
        resource = otlp.attributes_of(collector.posts[0].request.resource_spans[0].resource.attributes)
        assert resource["service.name"] == "slim"
        assert resource["process.executable.name"] == "server"
        assert b"hunter2" not in b"".join(post.body for post in collector.posts)
    total = accounts.read("\n".join(server.said))
    accounts.balance(total, count)
    assert total.exported == count
    assert not [line for line in server.said if ": warn: " in line or ": error: " in line]


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")
def test_a_privileged_program_is_left_alone_though_the_loader_loads_it(directory, library):
    """By its bare name, from a system folder, the loader preloads a set-user-id library even into
    a set-user-id program. Only the agent can stay out of it then."""
    root = directory / "root"
    root.mkdir()
    make_root(root, small.compile_server(directory / "slim-server"), library)
    system = next(root.rglob("libc.so.6")).parent
    shutil.move(root / "libotelagent.so", system / "libotelagent.so")
    for path in (system / "libotelagent.so", root / "server"):
        path.chmod(0o4755)
    with sink.Collector() as collector:
        tracing = servers.Tracing("libotelagent.so", directory, "slim", variables(
            collector, OTEL_LOG_LEVEL="debug"))
        command = enter(root, tracing, f"--userspec={NOBODY.pw_uid}:{NOBODY.pw_gid}")
        with small.Small(directory, command, name="slim") as server:
            ask(server)
            maps = pathlib.Path(f"/proc/{server.process.pid}/maps").read_text()
            assert "libotelagent.so" in maps
            assert len(os.listdir(f"/proc/{server.process.pid}/task")) == 1
        assert [line for line in server.said if "otelagent[" in line] == []
        assert collector.posts == []


# --- Other allocators ---


def allocator(name):
    for folder in ("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib"):
        if os.path.exists(f"{folder}/{name}"):
            return f"{folder}/{name}"
    pytest.fail(f"{name} is missing: run scripts/bootstrap --test")


@pytest.mark.parametrize("name", ["libjemalloc.so.2", "libtcmalloc_minimal.so.4"])
@pytest.mark.parametrize("first", ["agent", "allocator"])
def test_another_allocator_serves_and_is_traced(directory, mariadb, s3, shop_program, library, name,
                                                first):
    mariadb.reset()
    preloads = [str(library), allocator(name)]
    preload = ":".join(preloads if first == "agent" else reversed(preloads))
    requests = plans.uploads("a", 60)
    answers, spans = {}, {}
    for traced in (False, True):
        with sink.Collector() as collector:
            def tracing(service):
                return servers.Tracing(library, directory, service, variables(
                    collector, LD_PRELOAD=preload if traced else preloads[1],
                    OTEL_AGENT_S3_ENDPOINTS=s3.endpoint))
            label = "traced" if traced else "plain"
            shop = servers.Shop(directory, mariadb, s3, shop_program, tracing("shop"),
                                name=f"{label}-shop")
            with shop, servers.Nginx(directory, {"shop": shop.port}, tracing("nginx"), WORKERS,
                                     name=f"{label}-nginx") as nginx:
                maps = pathlib.Path(f"/proc/{shop.process.pid}/maps").read_text()
                assert name in maps and (str(library) in maps) == traced
                answers[traced] = load.run(nginx.port, [
                    load.Request(each.method, "/shop" + each.path, each.id, each.body)
                    for each in requests], connections=8)
            spans[traced] = [span for post in collector.posts
                             for _, _, span in otlp.spans(post.request)]
    ledger.expect_none(ledger.differences(answers[False], answers[True]))
    assert spans[False] == []
    servers_of = [otlp.attributes_of(span.attributes).get("request.id")
                  for span in spans[True] if span.kind == 2]
    for request in requests:  # at nginx and at the shop
        assert servers_of.count(request.id) == 2
    said = (shop.log.read_text() + nginx.log.read_text() +
            (directory / "traced-nginx" / "nginx-error.log").read_text())
    total = accounts.read(said, WORKERS + 1)
    accounts.balance(total, len(spans[True]))
    assert total.exported == len(spans[True])
