# SPDX-License-Identifier: Apache-2.0
"""read_settings.py FORMAT FILE - reads what `otelagent env` printed, by the rules of the format's
reader, and compares OTEL_TRY with OTEL_WANTED."""
import json
import os
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


with open(sys.argv[2], encoding="utf-8") as file:
    found = dict(globals()[sys.argv[1]](file.read()))
assert "OTEL_FORGED" not in found, found
tried = "as wanted" if found.get("OTEL_TRY") == os.environ["OTEL_WANTED"] else found.get("OTEL_TRY")
print(f"LD_PRELOAD={found['LD_PRELOAD']}, OTEL_TRY {tried}")
