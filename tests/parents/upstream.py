# SPDX-License-Identifier: Apache-2.0
"""The upstream that programs under test call, and its own record of what came: the truth about
what was handed on, whatever the agent says of it."""

import dataclasses
import pathlib

import servers

PROGRAM = servers.BUILD / "tests" / "parents" / "programs" / "parents_upstream"


@dataclasses.dataclass
class Seen:
    """A request as it came: /up/ID of a request, /up/jobN of a job."""

    path: str
    traceparent: str = ""
    tracestate: str = ""
    baggage: str = ""

    @property
    def target(self):
        return self.path.rpartition("/")[2]

    @property
    def trace_id(self):
        parts = self.traceparent.split("-")
        return parts[1] if len(parts) == 4 else ""


class Upstream(servers.Server):
    def __init__(self, directory):
        self.port = servers.free_port()
        self.requests = pathlib.Path(directory) / "upstream-requests"
        super().__init__("upstream", [PROGRAM, self.requests], directory,
                         {"PORT": str(self.port)})
        self.wait_until(lambda: servers.answers(self.port, "/ready"), "answer")

    def mark(self):
        """Where the record ends now: for seen()."""
        return self.requests.stat().st_size

    def seen(self, mark):
        """What came since then."""
        with open(self.requests, encoding="latin-1") as record:
            record.seek(mark)
            return [Seen(*line.rstrip("\n").split("\t")) for line in record]
