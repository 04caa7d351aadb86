# SPDX-License-Identifier: Apache-2.0
"""read_settings.py PRELOAD [FORMAT FILE VALUE]... - reads what `otelagent env` printed into each
file, by the rules of the format's reader, and compares OTEL_TRY with the value and LD_PRELOAD with
the first argument."""
import json
import re
import subprocess
import sys


def docker(text):
    for name, value in re.findall(r"^ENV (\w+)=(.*)$", text, re.M):
        if value.startswith('"'):
            assert re.fullmatch(r'"([^"\\$]|\\["\\$])*"', value), value
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        yield name, value


def shell(text):
    said = subprocess.run(["sh", "-c", text + "\nLD_PRELOAD=\"$LD_PRELOAD\" env -0"], check=True,
                          capture_output=True, text=True).stdout
    return [line.partition("=")[::2] for line in said.split("\0") if line]


def systemd(text):
    for line in re.findall(r"^Environment=(.*)$", text, re.M):
        if line.startswith('"'):
            assert re.fullmatch(r'"([^"\\]|\\["\\nt])*"', line), line
            line = json.loads(line)
        assert "%" not in line.replace("%%", ""), line
        yield line.replace("%%", "%").partition("=")[::2]


def k8s(text):
    for name, value in re.findall(r"^  - name: (\w+)\n    value: (.*)$", text, re.M):
        # What the kubelet makes of dollars.
        value = re.sub(r"\$\$", "$", re.sub(r"(?<!\$)(\$\$)*\$\(\w+\)", "expanded", json.loads(value)))
        yield name, value


def fault(preload, kind, path, value):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        found = dict(globals()[kind](text))
    except AssertionError as malformed:
        return f"malformed: {malformed}"
    wanted = {"OTEL_TRY": value, "LD_PRELOAD": preload}
    if wanted.items() <= found.items() and "OTEL_FORGED" not in found:
        return None
    return str(found)


kept = 0
for kind, path, value in zip(sys.argv[2::3], sys.argv[3::3], sys.argv[4::3]):
    if wrong := fault(sys.argv[1], kind, path, value):
        print(f"{kind} of {value!r}: {wrong}")
    else:
        kept += 1
print(f"{kept} kept")
