# SPDX-License-Identifier: Apache-2.0
"""What a program of the matrix is asked: 300 requests of all kinds, the same in each run.

A lane is what one connection after the other sends; a batch of several requests goes out in one
write."""

import dataclasses
import random

from matrix.program import FILE_BYTES, SIZES, STATUSES

REQUESTS = 300
LANES = 16
LARGE = max(SIZES)
ABORTED_OF_A_KIND = 10  # three kinds: 10 %

# Where a connection is cut.
CUT_HEAD, CUT_BODY, CUT_RESPONSE = "head", "request body", "response"


@dataclasses.dataclass
class Step:
    """One request."""

    method: str = "GET"
    path: str = "/status/200"
    body: bytes = None
    chunked: bool = False
    expect: bool = False  # Expect: 100-continue
    trickle: bool = False  # the head goes in writes of one byte
    close: bool = False  # Connection: close
    minor: int = 1  # HTTP/1.minor
    upgrade: bytes = None  # what is said after the 101
    cut: str = ""
    reset: bool = True  # a cut is a reset, else the sending side ends and what comes is read
    status: int = 200  # of the answer; 0: any 2xx
    size: int = None  # of the answer's content(size)
    number: int = 0

    @property
    def target(self):
        return f"{self.path}?r={self.number}"

    @property
    def last(self):
        """Ends its connection, as far as it is up to the client."""
        return bool(self.close or self.minor == 0 or self.upgrade is not None or self.cut)


def status(code, **more):
    return Step(path=f"/status/{code}", status=code, **more)


def content(size, **more):
    return Step(path=f"/bytes/{size}", size=size, **more)


class Plan:
    """The lanes for a program: all that it does not lack."""

    def __init__(self, program, seed=7):
        self.program = program
        self.random = random.Random(seed)
        self.batches = []
        self.fill()
        self.random.shuffle(self.batches)
        for number, step in enumerate(self.steps, 1):
            step.number = number
        self.lanes = [self.batches[lane::LANES] for lane in range(LANES)]

    @property
    def steps(self):
        return [step for batch in self.batches for step in batch]

    def add(self, feature, times, make):
        if self.program.has(*feature.split()):
            self.batches += [[make()] for _ in range(times)]

    def upload(self, size=None, **more):
        """A body for /echo, of up to 20 KB unless told."""
        size = self.random.randrange(1, 20_000) if size is None else size
        return Step(method=more.pop("method", None) or self.random.choice(self.program.uploads),
                    path="/echo", body=self.random.randbytes(size), status=0, **more)

    def usual(self, **more):
        return self.random.choice([
            lambda: content(self.random.choice((1, 100, 4096, 65536)), **more),
            lambda: status(200, **more),
        ])()

    def fill(self):
        """Each kind in its number, then the usual ones up to 300."""
        for code in STATUSES:
            feature = {204: "no_content", 304: "not_modified"}.get(code, "status")
            self.add(feature, 3, lambda code=code: status(code))
        for method in self.program.uploads:
            self.add("methods", 5, lambda method=method: self.upload(method=method))
        for method in ("OPTIONS", "BREW"):
            self.add(f"methods {method}", 3, lambda method=method: status(200, method=method))
        self.add("head", 6, lambda: content(self.random.choice(SIZES), method="HEAD"))
        self.add("head status", 2, lambda: status(404, method="HEAD"))
        self.add("expect_continue", 8, lambda: self.upload(expect=True))
        self.add("expect_continue chunked_request", 2,
                 lambda: self.upload(expect=True, chunked=True))
        self.add("chunked_request", 12, lambda: self.upload(chunked=True))
        self.add("chunked_request empty", 2, lambda: self.upload(0, chunked=True))
        self.add("chunked_request large", 2, lambda: self.upload(LARGE, chunked=True))
        self.add("chunked_response", 10, lambda: self.chunked_answer(SIZES[2:-1]))
        self.add("chunked_response large", 2, lambda: self.chunked_answer([LARGE]))
        self.add("empty", 4, lambda: content(0))
        if self.program.uploads:
            self.add("empty", 3, lambda: self.upload(0))
            self.add("large", 3, lambda: self.upload(LARGE))
            self.add("trickle", 3, lambda: self.upload(trickle=True))
        self.add("large", 3, lambda: content(LARGE))
        self.add("file", 3, lambda: Step(path="/file", size=FILE_BYTES))
        self.add("trickle", 7, lambda: self.usual(trickle=True))
        self.add("upgrade", 6, self.upgrade)
        self.add("close", 12, lambda: self.usual(close=True))
        self.add("close", 6, lambda: self.usual(minor=0))
        self.add("aborted", ABORTED_OF_A_KIND,
                 lambda: self.usual(cut=CUT_HEAD, reset=self.random.random() < 0.5 or
                                    not self.program.has("half_head")))
        self.add("aborted", ABORTED_OF_A_KIND, self.cut_response)
        if self.program.uploads:
            self.add("aborted", ABORTED_OF_A_KIND, self.cut_body)
        if self.program.has("pipelined"):
            for _ in range(14):
                self.batches.append([self.in_pipeline()
                                     for _ in range(self.random.randrange(2, 6))])
        self.batches += [[self.usual()] for _ in range(REQUESTS - len(self.steps))]

    def chunked_answer(self, sizes):
        size = self.random.choice(sizes)
        return Step(path=f"/chunked/{size}", size=size)

    def upgrade(self):
        said = self.random.randbytes(self.random.randrange(1, 3000))
        return Step(path="/upgrade", status=101, upgrade=said)

    def in_pipeline(self):
        kinds = [self.usual]
        if self.program.has("head"):
            kinds.append(lambda: content(4096, method="HEAD"))
        if self.program.has("no_content"):
            kinds.append(lambda: status(204))
        if self.program.uploads and self.program.has("methods", "pipelined_body"):
            kinds.append(lambda: self.upload(self.random.randrange(300)))
        return self.random.choice(kinds)()

    def cut_response(self):
        """What does not fit the buffers of two sockets, so that the server surely has a rest."""
        path, size = (("/file", FILE_BYTES) if self.program.has("file") else
                      (f"/bytes/{LARGE}", LARGE))
        return Step(path=path, size=size, cut=CUT_RESPONSE)

    def cut_body(self):
        return self.upload(1000, cut=CUT_BODY, reset=self.random.random() < 0.5,
                           expect=self.program.has("expect_continue") and
                           self.random.random() < 0.5)
