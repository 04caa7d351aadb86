# SPDX-License-Identifier: Apache-2.0
"""Programs behave the same with the agent as without, call by call.

tests/programs/calls.c makes each interposed call, in its usual forms and in those that fail, and
prints results, errno and bytes.
"""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIBRARY = pathlib.Path(os.environ.get("OTELAGENT_LIBRARY", ROOT / "build/release/libotelagent.so"))
PROGRAMS = ROOT / "tests/programs"
VARIANTS = {
    "plain": ["-O1"],
    "fortified": ["-O2", "-D_FORTIFY_SOURCE=3"],
    "old_names": ["-O1", "-DOLD_NAMES"],
    "large_files": ["-O1", "-D_FILE_OFFSET_BITS=64"],
}
EXECS = ["execve", "execv", "execvp", "execvpe", "fexecve", "execveat", "execl", "execlp", "execle"]


def compile_c(output, source, *options, compiler="cc"):
    # Warnings are off because the program makes calls that are wrong on purpose.
    subprocess.run([compiler, "-w", "-D_GNU_SOURCE", "-pthread", "-o", str(output),
                    str(PROGRAMS / source), *options], check=True)
    return output


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("programs")
    for variant, options in VARIANTS.items():
        compile_c(folder / variant, "calls.c", *options)
    compile_c(folder / "early.so", "early.c", "-shared", "-fPIC")
    (folder / "deep").mkdir()
    compile_c(folder / "deep/libonly-by-runpath.so", "module.c", "-shared", "-fPIC")
    compile_c(folder / "module.so", "module.c", "-shared", "-fPIC", "-Wl,-rpath,$ORIGIN/deep")
    return folder


def run(command, *preloads, **variables):
    environment = {**os.environ, "OTEL_TRACES_EXPORTER": "none", **variables}
    environment.pop("LD_PRELOAD", None)
    if preloads:
        environment["LD_PRELOAD"] = ":".join(str(preload) for preload in preloads)
    done = subprocess.run([str(part) for part in command], env=environment, capture_output=True,
                          text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def same_with(command, *preloads):
    expected = run(command)
    assert run(command, *preloads) == expected
    return expected


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_call_gives_what_it_gives_without_the_agent(built, variant):
    status, output, _ = same_with([built / variant], LIBRARY)
    assert status == 0
    assert output.count(" = ") > 100


def test_the_program_makes_every_call_of_the_table(built):
    """So that a new row without a test is noticed."""
    rows = (ROOT / "hooks/hooks.def").read_text()
    table = set(re.findall(r"^(?:HOOK\([^,]+,|ALIAS\()\s*(\w+)", rows, re.MULTILINE))
    called = set()
    for variant in VARIANTS:
        for line in subprocess.run(["nm", "-D", str(built / variant)], check=True,
                                   capture_output=True, text=True).stdout.splitlines():
            called.add(line.split()[-1].partition("@")[0])
    assert table - called == set()


def test_programs_are_bound_to_the_agent(built):
    rows = (ROOT / "hooks/hooks.def").read_text()
    table = re.findall(r"^(?:HOOK\([^,]+,|ALIAS\()\s*(\w+)", rows, re.MULTILINE)
    _, output, _ = run([built / "plain", "where", *table], LIBRARY)
    assert output == "".join(f"{name} {LIBRARY.name}\n" for name in table)


@pytest.mark.parametrize("how", EXECS)
def test_programs_become_others_with_the_same_arguments(built, how):
    status, output, _ = same_with([built / "plain", "exec", how], LIBRARY)
    assert status == 0
    assert "given" in output


@pytest.mark.parametrize("how", ["_exit", "_Exit", "quick_exit"])
def test_programs_end_at_once_with_their_status(built, how):
    status, output, _ = same_with([built / "plain", "exit", how], LIBRARY)
    assert (status, output) == (7, "")


def test_modules_opened_with_deepbind_still_reach_the_agent(built):
    _, without, _ = run([built / "plain", "open", built / "module.so"])
    _, output, _ = run([built / "plain", "open", built / "module.so"], LIBRARY)
    assert "read is in libc" in without
    assert f"read is in {LIBRARY.name}" in output
    assert without.splitlines()[1:] == output.splitlines()[1:]
    assert "own RUNPATH followed" in output


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("other", ["early.so", "libjemalloc.so.2", "libtcmalloc_minimal.so.4"])
def test_other_preloads_may_come_first_or_last(built, other, order):
    preload = built / other if (built / other).exists() else other
    if preload == other and not list(pathlib.Path("/usr/lib").glob(f"*/{other}")):
        pytest.skip(f"{other} is not installed")
    both = [preload, LIBRARY] if order == "before" else [LIBRARY, preload]
    assert run([built / "plain"], *both) == run([built / "plain"], preload)


def test_preloads_may_call_before_our_constructor_and_after_our_destructor(built):
    for both in ([built / "early.so", LIBRARY], [LIBRARY, built / "early.so"]):
        assert run(["/bin/true"], *both) == (0, "", "")


@pytest.mark.skipif(not shutil.which("musl-gcc"), reason="package musl-tools is not installed")
def test_programs_of_musl_start(tmp_path):
    source = tmp_path / "hello.c"
    source.write_text('#include <unistd.h>\n'
                      'int main(void) { return write(1, "hello\\n", 6) == 6 ? 0 : 1; }\n')
    program = tmp_path / "hello"
    subprocess.run(["musl-gcc", "-o", str(program), str(source)], check=True)
    assert run([program], LIBRARY) == (0, "hello\n", "")


@pytest.mark.parametrize("command", [["ls", "-d", "/"], ["cat", "/dev/null"],
                                     ["sh", "-c", "exit 3"], ["env", "-i", "true"]])
def test_small_tools_do_the_same(command):
    same_with(command, LIBRARY)
