# SPDX-License-Identifier: Apache-2.0
"""The counters that each process shows on stderr when it ends, at level info."""

import collections
import re

LINE = re.compile(r"otelagent\[(\d+)\]: info: spans ended (\d+), exported (\d+); dropped: queue full "
                  r"(\d+), export failed (\d+), refused (\d+), abandoned (\d+), no memory (\d+)$", re.MULTILINE)
Accounts = collections.namedtuple("Accounts", "ended exported queue_full failed refused abandoned "
                                  "no_memory")


def read(text, processes=1):
    """The accounts of all processes together; at least so many have to show some."""
    lines = {int(match.group(1)): tuple(map(int, match.groups()[1:]))
             for match in LINE.finditer(text)}
    if len(lines) < processes:
        raise AssertionError(f"{len(lines)} processes instead of {processes} show accounts in:\n"
                             f"{text[-2000:]}")
    return Accounts(*map(sum, zip(*lines.values())))


def balance(accounts, ended):
    """Each span that ended went somewhere."""
    assert accounts.ended == ended
    assert accounts.ended == (accounts.exported + accounts.queue_full + accounts.failed +
                              accounts.refused + accounts.abandoned + accounts.no_memory)
