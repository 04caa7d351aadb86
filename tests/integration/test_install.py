# SPDX-License-Identifier: Apache-2.0
"""A new version of the library is put where programs run with the old one: they answer every
request, and what starts meanwhile finds a whole library."""

import contextlib
import http.client
import os
import pathlib
import re
import shutil
import subprocess
import threading
import time

import pytest

import servers
import spans

LAUNCHER = servers.TREE / "scripts" / "otelagent"
PREFIX = "/usr"
INSTALLATIONS = 12
STARTS_AT_ONCE = 2


def run(*command, **environment):
    """What it prints; its exit status is 0."""
    done = subprocess.run([str(word) for word in command], env={**os.environ, **environment},
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def versions(run_directory, library):
    """Libraries that differ by a section which nothing reads."""
    place = run_directory / "versions"
    place.mkdir()
    made = []
    for number in range(3):
        (place / "text").write_text(f"version {number}")
        made.append(place / f"{number}.so")
        run("objcopy", "--add-section", f".version_of_test={place / 'text'}", library, made[-1])
    return made


class Launcher:
    """`otelagent install`."""

    def __init__(self, directory, _scratch):
        self.folder = directory / "opt" / "otelagent"

    def install(self, version):
        said = run("sh", LAUNCHER, "install", self.folder, OTELAGENT_LIBRARY=str(version))
        assert said == f"{self.folder}/libotelagent.so\n"


class CMake:
    """`cmake --install` of a tree that was configured and seems built. With DESTDIR, because
    without it root's ldconfig runs."""

    def __init__(self, directory, scratch):
        self.build, self.root = scratch / "build", directory / "image"
        self.folder = self.root / PREFIX[1:] / "lib"
        if not self.build.exists():
            run("cmake", "-S", servers.TREE, "-B", self.build, "-G", "Ninja",
                "-DBUILD_TESTING=OFF", "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
                f"-DCMAKE_INSTALL_PREFIX={PREFIX}", "-DCMAKE_INSTALL_LIBDIR=lib")
            shutil.copy2(servers.BUILD / "otelagent-options", self.build)

    def install(self, version, *options):
        shutil.copy(version, self.build / "libotelagent.so")
        run("cmake", "--install", self.build, *options, DESTDIR=str(self.root))

    def uninstall(self):
        run("cmake", "-D", f"MANIFEST={self.build}/install_manifest.txt", "-P",
            servers.TREE / "scripts" / "uninstall.cmake", DESTDIR=str(self.root))


@pytest.fixture(params=[Launcher, CMake])
def way(request, directory, tmp_path_factory):
    return request.param(directory, tmp_path_factory.getbasetemp())


@contextlib.contextmanager
def repeatedly(*actions):
    """Each action, again and again on a thread of its own, until the block is left; what they
    return is a fault unless it is empty. Gives the list of faults, and how often each was done."""
    stop, faults, counts = threading.Event(), [], [0] * len(actions)

    def work(number, action):
        while not stop.is_set():
            fault = action()
            counts[number] += 1
            if fault:
                faults.append(fault)

    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(actions)]
    for thread in threads:
        thread.start()
    try:
        yield faults, counts
    finally:
        stop.set()
        for thread in threads:
            thread.join()


class HttpServer(servers.Server):
    """python3 -m http.server."""

    def __init__(self, directory, tracing):
        self.port = servers.free_port()
        (directory / "small.txt").write_text("a small file\n" * 20)
        super().__init__("http-server", ["/usr/bin/python3", "-m", "http.server", self.port,
                                         "--bind", "127.0.0.1"], directory, tracing=tracing)
        self.wait_until(lambda: servers.answers(self.port, "/small.txt"), "answer")


def start_nginx(directory, tracing):
    return servers.Nginx(directory, tracing=tracing, workers=2)


def asking(port):
    """An action: one request on a connection that is kept as long as the server keeps it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask():
        time.sleep(0.002)  # the machine has other work, too
        try:
            connection.request("GET", "/small.txt")
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return repr(error)
        return "" if body == b"a small file\n" * 20 else f"{answer.status} {body[:100]}"
    return ask


def processes_of(server):
    return [server.process.pid, *servers.children(server.process.pid)]


@pytest.mark.parametrize("start", [start_nginx, HttpServer])
def test_a_server_lives_through_new_versions(directory, library, versions, way, start):
    """The first is a plain copy, as README once told to make it."""
    way.folder.mkdir(parents=True)
    used = way.folder / "libotelagent.so"
    shutil.copy(library, used)
    tracing = servers.Tracing(used, directory, "served")
    with start(directory, tracing) as server:
        before = processes_of(server)
        with repeatedly(*(asking(server.port) for _ in range(4))) as (faults, counts):
            for number in range(INSTALLATIONS):
                way.install(versions[number % len(versions)])
            answered = list(counts)
            server.poll_until(lambda: all(now > then + 10 for now, then in zip(counts, answered)),
                              "answers afterwards", 60)
        assert processes_of(server) == before, f"a process died: {faults[:5]}"
        assert not faults, f"{len(faults)} of {sum(counts)} requests: {faults[:5]}"
        server.poll_until(lambda: len(spans.read(tracing.file)) >= sum(counts),
                          f"{sum(counts)} spans", 60)
    assert used.is_symlink()
    assert not os.path.isabs(os.readlink(used))


def test_programs_start_at_every_moment(versions, way):
    way.install(versions[0])
    used = way.folder / "libotelagent.so"
    environment = {"LD_PRELOAD": str(used), "OTEL_TRACES_EXPORTER": "none"}

    def start_one():
        done = subprocess.run(["/bin/true"], env=environment, capture_output=True, check=False)
        return done.stderr or (done.returncode and str(done.returncode))

    with repeatedly(*[start_one] * STARTS_AT_ONCE) as (faults, counts):
        for number in range(3 * INSTALLATIONS):
            way.install(versions[number % len(versions)])
    assert not faults, f"{len(faults)} of {sum(counts)} starts: {faults[0]}"
    assert min(counts) > 0


def test_what_is_preloaded_by_the_link_is_the_newest(directory, versions, way):
    """And it traces: nothing in the agent depends on its file's name."""
    for version in versions:
        way.install(version)
        used = way.folder / "libotelagent.so"
        assert used.read_bytes() == version.read_bytes()
        tracing = servers.Tracing(used, directory, version.stem)
        place = directory / f"of-{version.stem}"
        place.mkdir()
        with HttpServer(place, tracing) as server:
            maps = pathlib.Path(f"/proc/{server.process.pid}/maps").read_text()
            assert str(way.folder / os.readlink(used)) in maps
            server.poll_until(lambda: spans.read(tracing.file), "spans", 60)
    assert len(list(way.folder.glob("libotelagent-*.so"))) == len(versions)


def test_the_name_tells_version_and_content(versions, way):
    product = run(servers.BUILD / "otelagent-options", "--version").strip()
    names = []
    for version in (*versions, versions[0]):
        way.install(version)
        names.append(os.readlink(way.folder / "libotelagent.so"))
        digest = re.fullmatch(rf"libotelagent-{re.escape(product)}-([0-9a-f]{{12}})\.so", names[-1])
        assert digest and run("sha256sum", version).startswith(digest[1]), names
    assert names[3] == names[0] and len(set(names)) == len(versions)
    assert sorted(os.listdir(way.folder)) == sorted({*names, "libotelagent.so"})


# --- cmake alone ---


@pytest.fixture
def cmake(directory, tmp_path_factory):
    return CMake(directory, tmp_path_factory.getbasetemp())


def test_uninstalling_removes_all_versions_and_nothing_else(versions, cmake):
    strangers = {"libotelagent-extras.so", "libother.so"}
    cmake.folder.mkdir(parents=True)
    for name in strangers:
        (cmake.folder / name).touch()
    for version in versions:
        cmake.install(version)
    manifest = (cmake.build / "install_manifest.txt").read_text().splitlines()
    assert f"{PREFIX}/lib/libotelagent.so" in manifest
    assert f"{PREFIX}/lib/{os.readlink(cmake.folder / 'libotelagent.so')}" in manifest
    cmake.uninstall()
    left = {path.name for path in cmake.root.rglob("*") if not path.is_dir()}
    assert left == strangers
    assert not (cmake.root / PREFIX[1:] / "libexec" / "otelagent").exists()


def test_a_stripped_installation_leaves_the_build_and_running_programs_alone(directory, versions,
                                                                             cmake):
    cmake.install(versions[0])
    used = cmake.folder / "libotelagent.so"
    with HttpServer(directory, servers.Tracing(used, directory, "stripped")) as server:
        cmake.install(versions[0], "--strip")
        assert servers.answers(server.port, "/small.txt")
    assert (cmake.build / "libotelagent.so").read_bytes() == versions[0].read_bytes()
    assert used.stat().st_size < versions[0].stat().st_size
    assert ".debug_info" not in run("readelf", "-SW", used)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("ldconfig", path="/sbin:/usr/sbin"),
                    reason="needs root's ldconfig")
def test_the_loader_finds_the_link_by_its_bare_name(versions, cmake):
    cmake.install(versions[0])
    cmake.install(versions[1])
    (cmake.root / "etc").mkdir()
    (cmake.root / "etc" / "ld.so.conf").write_text(f"{PREFIX}/lib\n")
    ldconfig = shutil.which("ldconfig", path="/sbin:/usr/sbin")
    before = sorted(os.listdir(cmake.folder))
    run(ldconfig, "-X", "-r", cmake.root)
    run(ldconfig, "-r", cmake.root)
    assert sorted(os.listdir(cmake.folder)) == before  # no links of its own
    cache = run(ldconfig, "-r", cmake.root, "-p")
    assert f"libotelagent.so (libc6,x86-64) => {PREFIX}/lib/libotelagent.so" in cache
