# SPDX-License-Identifier: Apache-2.0
"""Reads callgrind's output files: instructions by function, by source file, and by call from one
object into another. The format: valgrind manual, "Callgrind Format Specification"."""
import collections
import os
import re

POSITION = re.compile(r"^([+*-]?\d*) (\d+)$")
NAME = re.compile(r"^\((\d+)\)(?: (.*))?$")
KINDS = {"fl": "file", "fi": "file", "fe": "file", "cfi": "file", "cfl": "file",
         "fn": "function", "cfn": "function", "ob": "object", "cob": "object"}


class Profile:
    """Self costs of one thread. Keys: (object, function), (object, file) and, for calls that
    leave an object, (object, function) of the callee by the object of the caller."""

    def __init__(self):
        self.total = 0
        self.functions = collections.Counter()
        self.calls_of = collections.Counter()
        self.files = collections.Counter()
        self.leaving = collections.defaultdict(collections.Counter)
        self.leaving_calls = collections.defaultdict(collections.Counter)

    def read(self, path):
        names = {"file": {}, "function": {}, "object": {}}
        place = {"ob": "", "fl": "", "fn": ""}
        callee = {}
        calls = None
        with open(path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                cost = POSITION.match(line)
                if cost:
                    self.add(place, callee, calls, int(cost.group(2)))
                    if calls is not None:
                        callee, calls = {}, None
                    continue
                key, equals, value = line.rstrip("\n").partition("=")
                if not equals:
                    continue
                if key == "calls":
                    calls = int(value.split()[0])
                elif key in KINDS:
                    name = resolve(names[KINDS[key]], value)
                    if key.startswith("c"):
                        callee[key] = name
                    else:
                        place["fl" if key in ("fi", "fe") else key] = name
        return self

    def add(self, place, callee, calls, cost):
        owner = os.path.basename(place["ob"])
        if calls is None:
            self.total += cost
            self.functions[owner, place["fn"]] += cost
            self.files[owner, place["fl"]] += cost
            return
        called = os.path.basename(callee.get("cob", place["ob"])), callee["cfn"]
        self.calls_of[called] += calls
        if called[0] != owner:
            self.leaving[owner][called] += cost
            self.leaving_calls[owner][called] += calls

    def of_object(self, name):
        return sum(cost for (owner, _), cost in self.functions.items() if owner == name)


def resolve(names, value):
    """Names are written once and numbered."""
    found = NAME.match(value)
    if not found:
        return value
    number, name = found.groups()
    if name is not None:
        names[number] = name
    return names.get(number, "?")
