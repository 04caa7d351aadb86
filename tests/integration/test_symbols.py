# SPDX-License-Identifier: Apache-2.0
"""What the shared object exports, imports and asks of the loader.

A preload is loaded into every program of an image, the oldest and the smallest ones too: what it
imports beyond what they have stops them all.
"""
import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIBRARY = pathlib.Path(os.environ.get("OTELAGENT_LIBRARY", ROOT / "build/release/libotelagent.so"))
FLOOR = (2, 17)
MUSL = pathlib.Path("/lib/ld-musl-x86_64.so.1")


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def symbols(library, *options):
    """(letter of nm, name, version or None) of each dynamic symbol."""
    for line in run("nm", "-D", *options, str(library)).splitlines():
        letter, symbol = line[17:].split()
        name, _, version = symbol.partition("@")
        yield letter, name, version.lstrip("@") or None


def table():
    """(name, version or None) of each row in the hook tables: HOOK(type, name, ...) and
    ALIAS(name, hook), once for each FLAVOUR(suffix, version) of the file."""
    rows = []
    for path in sorted((ROOT / "hooks").glob("*.def")):
        text = path.read_text()
        names = re.findall(r"^HOOK\([^,]+,\s*(\w+)\s*,", text, re.MULTILINE)
        names += re.findall(r"^ALIAS\((\w+)\s*,", text, re.MULTILINE)
        versions = re.findall(r"^FLAVOUR\(\w+,\s*(\w+)\)", text, re.MULTILINE) or [None]
        rows += [(name, version) for name in names for version in versions]
    return rows


def allowed():
    """name -> (version or None, must be weak), from imports.txt."""
    rows = {}
    for line in (ROOT / "hooks/imports.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, version, *notes = line.split()
            rows[name] = (None if version == "-" else version, "weak" in notes)
    return rows


def imports():
    return [row for row in symbols(LIBRARY) if row[0] in "Uwv"]


def exports():
    """(name, version or None); the versions themselves, absolute symbols, are not counted."""
    return [(name, version) for letter, name, version in symbols(LIBRARY, "--defined-only")
            if letter.isupper() and letter != "A"]


def test_the_library_exports_exactly_the_table_and_its_mark():
    assert set(exports()) == {*table(), ("otelagent_copy", None)}
    assert len(exports()) == len(table()) + 1


def test_no_symbol_is_listed_twice():
    assert len(table()) == len(set(table()))


def test_every_fortified_twin_is_exported():
    """A function of ours that glibc has a __NAME_chk of: fortified programs import that."""
    libc = re.search(r"(/\S+libc\.so\.6)", run("ldd", "/bin/ls")).group(1)
    twins = {name for _, name, _ in symbols(libc, "--defined-only") if name.endswith("_chk")}
    wanted = {f"__{name}_chk" for name, _ in table()} & twins
    assert wanted and wanted <= {name for name, _ in exports()}


def test_imports_are_in_the_list_at_their_version():
    rows = allowed()
    unlisted = [(name, version) for _, name, version in imports()
                if name not in rows or rows[name][0] != version]
    assert unlisted == []


def test_imports_that_old_images_lack_are_weak():
    rows = allowed()
    assert [name for letter, name, _ in imports() if rows[name][1] and letter == "U"] == []


def number(version):
    return tuple(int(part) for part in version.removeprefix("GLIBC_").split("."))


def test_nothing_imported_is_above_the_floor():
    assert [row for row in imports() if row[2] and number(row[2]) > FLOOR] == []


def test_nothing_listed_is_above_the_floor():
    assert [name for name, (version, _) in allowed().items()
            if version and number(version) > FLOOR] == []


@pytest.mark.skipif(not MUSL.exists(), reason="package musl is not installed")
def test_musl_has_everything_that_may_be_imported():
    musl = {name for _, name, _ in symbols(MUSL, "--defined-only")}
    assert [name for name, (_, weak) in allowed().items() if not weak and name not in musl] == []


def dynamic():
    """(tag, value) of each entry of the dynamic section."""
    return re.findall(r"^ 0x\w+ \((\w+)\)\s+(.*)$", run("readelf", "-dW", str(LIBRARY)),
                      re.MULTILINE)


def test_only_libc_is_needed():
    needed = [value for tag, value in dynamic() if tag == "NEEDED"]
    assert needed == ["Shared library: [libc.so.6]"]


def test_there_are_no_search_paths_and_no_text_relocations():
    assert {tag for tag, _ in dynamic()}.isdisjoint({"TEXTREL", "RPATH", "RUNPATH"})


def test_everything_is_bound_at_start_and_then_read_only():
    flags = dict(dynamic())
    assert "BIND_NOW" in flags["FLAGS"]
    assert {"NOW", "NODELETE"} <= set(flags["FLAGS_1"].split())
    assert "GNU_RELRO" in run("readelf", "-lW", str(LIBRARY))


def test_the_stack_is_not_executable():
    stack = re.search(r"GNU_STACK.*", run("readelf", "-lW", str(LIBRARY))).group()
    assert " RW " in stack


def test_thread_locals_need_no_call_and_are_small():
    """Initial-exec: the static surplus of the loader is shared by all preloads (1,664 bytes)."""
    relocations = run("readelf", "-rW", str(LIBRARY))
    assert "DTPMOD" not in relocations and "TLSDESC" not in relocations
    segment = re.search(r"^\s+TLS\s+(?:0x\w+\s+){4}(0x\w+)", run("readelf", "-lW", str(LIBRARY)),
                        re.MULTILINE)
    assert segment is None or int(segment.group(1), 16) < 1024
