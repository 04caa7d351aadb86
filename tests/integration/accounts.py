# SPDX-License-Identifier: Apache-2.0
"""The counters that each process shows on stderr when it ends, at level info."""

import collections
import re

LINE = re.compile(r"otelagent\[(\d+)\]: info: spans ended (\d+), exported (\d+); dropped: queue full "
                  r"(\d+), export failed (\d+), refused (\d+), abandoned (\d+), no memory (\d+); "
                  r"left for the next process (\d+)$", re.MULTILINE)
Accounts = collections.namedtuple("Accounts", "ended exported queue_full failed refused abandoned "
                                  "no_memory left")


def by_process(text):
    """Process id → its accounts."""
    return {int(match.group(1)): Accounts(*map(int, match.groups()[1:]))
            for match in LINE.finditer(text)}


def read(text, processes=1):
    """The accounts of all processes together; at least so many have to show some."""
    found = by_process(text)
    if len(found) < processes:
        raise AssertionError(f"{len(found)} processes instead of {processes} show accounts in:\n"
                             f"{text[-2000:]}")
    return Accounts(*map(sum, zip(*found.values())))


def balance(accounts, ended):
    """Each span that ended went somewhere. What a process left counts once more in the process that
    took it over, be it only to leave it, too."""
    assert ended <= accounts.ended <= ended + accounts.left, (accounts, ended)
    assert accounts.ended == (accounts.exported + accounts.queue_full + accounts.failed +
                              accounts.refused + accounts.abandoned + accounts.no_memory +
                              accounts.left), accounts
