# SPDX-License-Identifier: Apache-2.0
"""Published filters of system calls, as rules for tests/programs/confined.c: those that containers
get, from the files in Debian's packages (scripts/bootstrap fetches them), and systemd's sets, as
systemd tells them."""

import json
import subprocess

import servers

# What a container has without asking for more, in Docker and in podman.
CAPABILITIES = {"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
                "CAP_NET_BIND_SERVICE", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID",
                "CAP_SYS_CHROOT"}
OPERATORS = ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"]  # libseccomp counts from 1


def action(said, number):
    return {"SCMP_ACT_ALLOW": "allow", "SCMP_ACT_ERRNO": str(number or 1)}[said]


def holds(row):
    includes, excludes = row.get("includes", {}), row.get("excludes", {})
    return (set(includes.get("caps", [])) <= CAPABILITIES
            and ("arches" not in includes or "amd64" in includes["arches"])
            and not CAPABILITIES & set(excludes.get("caps", []))
            and "amd64" not in excludes.get("arches", []))


def condition(argument):
    operator = OPERATORS.index(argument["op"].removeprefix("SCMP_CMP_")) + 1
    return f"{argument['index']}:{operator}:{argument['value']}:{argument.get('valueTwo', 0)}"


def container(name):
    """The default profile of "docker" or "containers" (podman, CRI-O)."""
    profile = json.loads((servers.cache_directory() / "seccomp" / f"{name}.json").read_text())
    rules = [action(profile["defaultAction"], profile.get("defaultErrnoRet"))]
    for row in filter(holds, profile["syscalls"]):
        words = [action(row["action"], row.get("errnoRet")), *map(condition, row.get("args") or [])]
        rules += [" ".join([name, *words]) for name in row["names"]]
    assert len(rules) > 300
    return rules


def members(group):
    """The calls of one of systemd's groups and of those in it."""
    said = subprocess.run(["systemd-analyze", "syscall-filter", group], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.splitlines()[1:]
    words = {line.strip() for line in said if not line.strip().startswith("#")} - {""}
    return {call for word in words for call in (members(word) if word[0] == "@" else [word])}


def systemd(allowed, *refused):
    """SystemCallFilter=ALLOWED, SystemCallFilter=~REFUSED, SystemCallErrorNumber=EPERM."""
    calls = members(allowed) - set().union(*map(members, refused))
    # What systemd always allows: it has to get as far as the program.
    calls |= members("@default") | {"execve"}
    return ["1", *(f"{call} allow" for call in sorted(calls))]


def killing(rules):
    """The same, with death for what is refused, but where the profile has an answer of its own."""
    return ["kill", *rules[1:]]


def only(calls):
    return ["kill", *(f"{call} allow" for call in calls)]


def save(rules, path):
    path.write_text("\n".join(rules) + "\n")
    return path
