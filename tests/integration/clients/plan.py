# SPDX-License-Identifier: Apache-2.0
"""What a client of the matrix is asked to do: steps, numbered, of the features it has.

A client reads the steps from a file, a line each, and does one after the other:

    number method url body milliseconds way connection

| field | |
|---|---|
| body | `-`, else `length:n` or `chunked:n`: content(n) with a Content-Length, or in several chunks |
| milliseconds | how long it waits for an answer; 0: as long as it takes |
| way | `direct`, `proxy` (by the proxy whose host:port is its second argument, in absolute form) or `tunnel` (by CONNECT to it, plain HTTP inside) |
| connection | `new`: a connection for this step alone; `kept`: one for all of these that follow each other |

It follows redirects, and prints for each step `{number} {status} {length of the body}
{crc32 of it, 8 hex digits}`, or `{number} failed {what the language calls it}`."""

import dataclasses
import zlib

from matrix.program import content

IMPATIENT_MS = 300


@dataclasses.dataclass
class Step:
    feature: str
    method: str = "GET"
    path: str = "/bytes/100"
    body: int = None
    chunked: bool = False
    timeout_ms: int = 0
    way: str = "direct"
    kept: bool = False
    status: int = 200  # 0: it fails
    number: int = 0
    origin: str = ""  # host:port

    @property
    def url(self):
        return f"http://{self.origin}{self.path}?r={self.number}"

    @property
    def line(self):
        body = "-" if self.body is None else f"{'chunked' if self.chunked else 'length'}:{self.body}"
        return (f"{self.number} {self.method} {self.url} {body} {self.timeout_ms} {self.way} "
                f"{'kept' if self.kept else 'new'}")

    @property
    def content(self):
        """The answer's body."""
        kind, _, argument = self.path[1:].partition("/")
        if self.method == "HEAD" or self.status in (204, 304):
            return b""
        if kind == "status":
            return f"status {argument}\n".encode()
        if kind == "echo":
            return f"{self.body} {zlib.crc32(content(self.body)):08x}\n".encode()
        return content(100 if kind == "redirect" else int(argument))

    @property
    def answer(self):
        """What is printed for it, without a failure's name."""
        if not self.status:
            return f"{self.number} failed"
        return f"{self.number} {self.status} {len(self.content)} {zlib.crc32(self.content):08x}"


def post(feature, size, **more):
    return Step(feature, "POST", "/echo", body=size, **more)


def status(feature, code, **more):
    return Step(feature, path=f"/status/{code}", status=code, **more)


# Feature → its steps. A client has each that its `lacks` does not name.
FEATURES = {
    "get": [Step("get"), Step("get", path="/bytes/0"), Step("get", path="/bytes/1000000")],
    "post": [post("post", 100), post("post", 300_000)],
    "chunked_request": [post("chunked_request", 100, chunked=True),
                        post("chunked_request", 300_000, chunked=True)],
    "chunked_answer": [Step("chunked_answer", path="/chunked/100"),
                       Step("chunked_answer", path="/chunked/100000")],
    "until_close": [Step("until_close", path="/close/1000")],
    "head": [Step("head", "HEAD"), status("head", 404, method="HEAD")],
    "no_content": [status("no_content", 204)],
    "404": [status("404", 404)],
    "500": [status("500", 500)],
    "redirect": [Step("redirect", path="/redirect")],
    "reset_in_answer": [Step("reset_in_answer", path="/reset/answer", status=0)],
    "reset_before_answer": [Step("reset_before_answer", path="/reset/request", status=0)],
    "timeout": [Step("timeout", path="/silent", status=0, timeout_ms=IMPATIENT_MS)],
    "kept": [Step("kept", kept=True), Step("kept", path="/chunked/100", kept=True),
             status("kept", 404, kept=True), status("kept", 204, kept=True),
             Step("kept", path="/bytes/100000", kept=True)],
    "kept_mixed": [post("kept_mixed", 100, kept=True), Step("kept_mixed", "HEAD", kept=True),
                   status("kept_mixed", 500, kept=True), post("kept_mixed", 0, kept=True),
                   Step("kept_mixed", kept=True)],
    "proxy": [Step("proxy", way="proxy"), post("proxy", 100, way="proxy"),
              status("proxy", 404, way="proxy")],
    "tunnel": [Step("tunnel", way="tunnel"), post("tunnel", 100, way="tunnel")],
    "refused": [Step("refused", status=0)],
}


def plan(client, port, refused_port):
    """The client's steps, for an origin and for a port where nobody listens."""
    steps = []
    for feature, of_feature in FEATURES.items():
        if feature in client.lacks:
            continue
        for step in of_feature:
            number = len(steps) + 1
            # A proxy is asked for a host of any name, and that of a tunnel is all that is seen.
            origin = {"direct": f"127.0.0.1:{refused_port if feature == 'refused' else port}",
                      "proxy": "origin.test:8080", "tunnel": f"r{number}.test:8080"}[step.way]
            steps.append(dataclasses.replace(step, number=number, origin=origin))
    return steps


def groups(steps):
    """The steps that share a connection, together; the others one by one."""
    together = []
    for step in steps:
        if together and step.kept and together[-1][-1].kept and (
                step.feature == together[-1][-1].feature):
            together[-1].append(step)
        else:
            together.append([step])
    return together


