# SPDX-License-Identifier: Apache-2.0
"""Run `/usr/bin/python3 -m pytest tests/parents` after `scripts/bootstrap --test` and a build.
OTELAGENT_BUILD names another build than build/release, OTELAGENT_LIBRARY another agent."""

import pathlib
import signal
import sys

# Behind this folder, which has a load of its own, too.
sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "integration"))


def pytest_sessionstart():
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that servers are stopped
