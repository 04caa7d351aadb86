# SPDX-License-Identifier: Apache-2.0
"""The loader's lock and forks: tests/programs/loader_forks.c. A child may be forked while another
thread holds that lock, which then is held for ever."""

import os
import subprocess

import pytest

import servers
import spans

CHILDREN = 500  # the first that hung was one of the first hundred
PATIENCE_SECONDS = 300

PROGRAMS = servers.BUILD / "tests" / "programs"
PLUGIN = PROGRAMS / "libloader_plugin.so"
BUSY = "libcurl-gnutls.so.4"  # brings so many others that the lock is held for long


@pytest.fixture
def tracing(library, directory):
    return servers.Tracing(library, directory, "loader")


def environment(tracing=None, preload=""):
    plain = {name: value for name, value in os.environ.items()
             if not name.startswith(("OTEL_", "LD_PRELOAD"))}
    traced = tracing.environment() if tracing else {"LD_PRELOAD": ""}
    return {**plain, **traced, "LD_PRELOAD": traced["LD_PRELOAD"] + preload}


def run(command, environment):
    process = subprocess.run([*map(str, command)], env=environment, timeout=PATIENCE_SECONDS,
                             capture_output=True, text=True)
    return process.stdout, process.stderr, process.returncode


def well(tracing, kind, busy, preload=""):
    """The children ended, as they do without the agent."""
    command = [PROGRAMS / "loader_forks", CHILDREN, kind, busy, PLUGIN]
    ended = (f"{CHILDREN} children ended well\n", "", 0)
    assert run(command, environment(preload=preload.lstrip(":"))) == ended
    assert run(command, environment(tracing, preload)) == ended


@pytest.mark.parametrize("preload", ["", f":{PLUGIN}"], ids=["opened", "there-at-the-start"])
@pytest.mark.parametrize("kind", ["fork", "clone"])
def test_first_calls_of_a_child_forked_while_libraries_come_and_go(tracing, kind, preload):
    well(tracing, kind, BUSY, preload)


def test_a_child_forked_while_another_thread_makes_its_first_calls_can_list_its_libraries(tracing):
    well(tracing, "list", PLUGIN)


# Nobody had called the library before the fork, and a thread of the parent is inside the loader.
MULTIPROCESSING = """
import ctypes, _ctypes, multiprocessing, sys, threading
import pycurl

over = threading.Event()

def come_and_go():
    while not over.is_set():
        _ctypes.dlclose(ctypes.CDLL("libcurl-gnutls.so.4")._handle)

def fetch(number):
    curl = pycurl.Curl()
    curl.setopt(curl.URL, f"http://127.0.0.1:1/{number}")
    try:
        curl.perform()
    except pycurl.error:
        pass

thread = threading.Thread(target=come_and_go)
thread.start()
children = [multiprocessing.get_context("fork").Process(target=fetch, args=(number,))
            for number in range(int(sys.argv[1]))]
for child in children:
    child.start()
    child.join(60)
    if child.is_alive():
        print(child.name, "hangs")
        child.kill()
over.set()
thread.join()
"""


def test_children_of_multiprocessing_have_their_spans(tracing):
    said = run([servers.program("python3"), "-c", MULTIPROCESSING, 20],
               environment(tracing))
    assert said == ("", "", 0)
    paths = [span.attributes["url.full"].split("/")[-1] for span in spans.read(tracing.file)]
    assert sorted(paths, key=int) == [str(number) for number in range(20)]
