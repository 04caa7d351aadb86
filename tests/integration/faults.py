# SPDX-License-Identifier: Apache-2.0
"""What a collector can do wrong, as data: a step of sink.py, and what has to become of the batches
that meet it."""

import dataclasses
import email.utils
import time

import otlp
import sink

ACCEPTED = "accepted"  # the collector has it, and said so: never sent again
DROPPED = "dropped"  # given up at once, counted, never sent again
AGAIN = "again"  # sent again, and accepted then

OK = "200 OK"
SILENCE_S = 6
PIECE = b"x" * 65536
HEAD_BYTES = 200_000  # more than any buffer for a head
BODY_BYTES = 6_000_000  # more than an answer may have


@dataclasses.dataclass
class Fault:
    outcome: str
    step: object
    times: int = 2  # how many posts meet it; 0: all
    least_s: float = 0.0  # before a batch comes again
    variables: dict = dataclasses.field(default_factory=dict)


# --- Steps ---


def say(*parts, stores=False, pause=0.0, then=False):
    """Sends bytes, as they are. `then`: what the step returns."""
    def step(connection, post):
        post.stored = stores
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        return then
    return step


def head(status, *fields):
    return "\r\n".join([f"HTTP/1.1 {status}", *fields, "", ""]).encode()


def drip(seconds, data, stores=False):
    """Byte by byte, for so long."""
    return say(*[bytes([byte]) for byte in data], stores=stores, pause=seconds / len(data),
               then=True)


def silent(first=b"", stores=False):
    """After these bytes, nothing."""
    return say(first, stores=stores, pause=SILENCE_S)


def flood(first, piece, most, pause=0.0, stores=False):
    """Sends without end, or at least more than anybody reads."""
    return say(first, *[piece] * (most // len(piece)), stores=stores, pause=pause)


def reset_after(data, stores=False):
    """Sends bytes and, when they have surely come, a reset."""
    def step(connection, post):
        post.stored = stores
        connection.sendall(data)
        time.sleep(0.2)
        return sink.reset(connection, post)
    return step


def reset_amid(data):
    """A reset while the body comes."""
    def step(connection, post):
        connection.recv(1000)
        connection.sendall(data)
        return sink.reset(connection, post)
    return sink.early(step)


def answer_unread(status):
    """An answer to the head alone, then the end."""
    return sink.early(lambda connection, post: sink.answer(connection, status))


def stop_reading(connection, post):
    """An answer and no more, but the connection stays."""
    sink.answer(connection, "413 Content Too Large")
    time.sleep(2)
    return False


def wait_until_date(seconds):
    """A wait as a date: the coming second and some more."""
    def step(connection, post):
        date = email.utils.formatdate(time.time() + seconds, usegmt=True)
        return sink.answer(connection, "503 Service Unavailable", b"", f"Retry-After: {date}")
    return step


def body(status, content, *fields, stores=False):
    def step(connection, post):
        post.stored = stores
        return sink.answer(connection, status, content, *fields)
    return step


def partial(rejected, message):
    """Stores all but some; a number that makes no sense counts as the nearest that does."""
    def step(connection, post):
        response = otlp.Response()
        response.partial_success.rejected_spans = rejected
        response.partial_success.error_message = message
        post.stored = True
        post.rejected = min(max(rejected, 0), len(post.ids))
        return sink.answer(connection, OK, response.SerializeToString())
    return step


def close_after_answer(connection, post):
    """Says keep-alive, and closes when the next post may be on its way."""
    sink.accept(connection, post)
    time.sleep(0.05)
    return False


# --- Tables ---

SHORT = {"OTEL_EXPORTER_OTLP_TIMEOUT": "3000"}  # less than SILENCE_S
ONCE = {"OTEL_AGENT_EXPORT_RETRY": "false"}
STATUS = otlp.failure(3, "not like this")

# Statuses that are final, with what often comes with them.
REFUSALS = {
    "300": (), "301": ("Location: /elsewhere",), "302": ("Location: /elsewhere",),
    "303": ("Location: /elsewhere",), "304": (), "305": (), "307": ("Location: /elsewhere",),
    "308": ("Location: /elsewhere",), "400": (), "401": ("WWW-Authenticate: Basic",), "402": (),
    "403": (), "404": (), "405": ("Allow: GET",), "406": (), "407": (), "408": (), "409": (),
    "410": (), "411": (), "412": (), "413": ("Retry-After: 0",), "414": (), "415": (), "417": (),
    "421": (), "422": (), "425": ("Retry-After: 0",), "426": ("Upgrade: h2c",), "428": (),
    "431": (), "451": (), "499": (), "500": ("Retry-After: 0",), "501": (), "505": (), "506": (),
    "507": (), "508": (), "511": (), "599": (), "600": (), "999": ()}

FAULTS = {
    # All is well, however it is said.
    "200-empty": Fault(ACCEPTED, body(OK, b"", stores=True)),
    "200-json": Fault(ACCEPTED, body(OK, b'{"partialSuccess":{}}', stores=True)),
    "200-page": Fault(ACCEPTED, body(OK, b"<html>hello</html>", "Content-Type: text/html",
                                     stores=True)),
    "200-binary": Fault(ACCEPTED, body(OK, bytes(range(256)), stores=True)),
    "200-cut-protobuf": Fault(ACCEPTED, body(OK, b"\x0a\x7f\x08\x03", stores=True)),
    "200-cut-gzip": Fault(ACCEPTED, body(OK, b"\x1f\x8b\x08\x00\x00", "Content-Encoding: gzip",
                                         stores=True)),
    "200-large": Fault(ACCEPTED, body(OK, b"x" * 3_000_000, stores=True)),
    "200-chunked": Fault(ACCEPTED, say(
        head(OK, "Transfer-Encoding: chunked"), b"1;a=b\r\nx\r\n", b"00a\r\n0123456789\r\n",
        b"0\r\nTrailer: t\r\n\r\n", stores=True, pause=0.02, then=True)),
    "200-until-close": Fault(ACCEPTED, say(head(OK), b"hello", stores=True)),
    "200-of-http-1.0": Fault(ACCEPTED, say(b"HTTP/1.0 200 OK\r\n\r\n", stores=True)),
    "201": Fault(ACCEPTED, body("201 Created", b"", stores=True)),
    "202": Fault(ACCEPTED, body("202 Accepted", b"later", stores=True)),
    "204": Fault(ACCEPTED, say(head("204 No Content"), stores=True, then=True)),
    "206": Fault(ACCEPTED, body("206 Partial Content", b"x", stores=True)),
    "299": Fault(ACCEPTED, body("299", b"", stores=True)),
    "interim-before": Fault(ACCEPTED, say(
        head("100 Continue") + head("102 Processing"), head("103 Early Hints", "Link: x"),
        head(OK, "Content-Length: 0"), stores=True, pause=0.05, then=True)),
    "answered-twice": Fault(ACCEPTED, say(head(OK, "Content-Length: 0") +
                                          head("408 Request Timeout", "Content-Length: 0"),
                                          stores=True, then=True)),
    "drip-that-ends": Fault(ACCEPTED, drip(0.5, head(OK, "Content-Length: 3") + b"abc",
                                           stores=True)),
    "closed-between-posts": Fault(ACCEPTED, close_after_answer, times=0),

    # The status has come; its body never does.
    "200-cut": Fault(ACCEPTED, say(head(OK, "Content-Length: 10"), b"abc", stores=True)),
    "200-reset-after-head": Fault(ACCEPTED, reset_after(head(OK, "Content-Length: 10"), True)),
    "200-cut-chunk": Fault(ACCEPTED, say(head(OK, "Transfer-Encoding: chunked"), b"5\r\nab",
                                         stores=True)),
    "200-bad-chunk-size": Fault(ACCEPTED, say(head(OK, "Transfer-Encoding: chunked"),
                                              b"-5\r\nab\r\n", stores=True)),
    "200-huge-chunk-size": Fault(ACCEPTED, say(head(OK, "Transfer-Encoding: chunked"),
                                               b"fffffffffffffffff\r\nab\r\n", stores=True)),
    "200-unknown-coding": Fault(ACCEPTED, say(head(OK, "Transfer-Encoding: br"), b"ab",
                                              stores=True)),
    "200-negative-length": Fault(ACCEPTED, say(head(OK, "Content-Length: -1"), stores=True)),
    "200-huge-length": Fault(ACCEPTED, say(head(OK, "Content-Length: 18446744073709551617"), b"a",
                                           stores=True)),
    "200-two-lengths": Fault(ACCEPTED, say(
        head(OK, "Content-Length: 1", "Content-Length: 2"), b"ab", stores=True)),
    "200-too-long": Fault(ACCEPTED, flood(head(OK, f"Content-Length: {BODY_BYTES}"), PIECE,
                                          BODY_BYTES, stores=True)),
    "200-endless": Fault(ACCEPTED, flood(head(OK), PIECE, BODY_BYTES, stores=True)),
    "200-drip-beyond": Fault(ACCEPTED, say(head(OK, "Content-Length: 30"), *[b"x"] * 5, pause=1.0,
                                           stores=True), variables=SHORT),
    "200-silent-body": Fault(ACCEPTED, silent(head(OK, "Content-Length: 5"), stores=True),
                             variables=SHORT),
    "400-cut": Fault(DROPPED, say(head("400 Bad Request", "Content-Length: 10"), b"abc")),
    "503-too-long": Fault(AGAIN, flood(head("503 Busy", f"Content-Length: {BODY_BYTES}"), PIECE,
                                       BODY_BYTES)),

    # Not HTTP, or nearly.
    "tls-alert": Fault(DROPPED, say(b"\x15\x03\x01\x00\x02\x02\x28" * 3)),
    "ssh": Fault(DROPPED, say(b"SSH-2.0-OpenSSH_9.2\r\n")),
    "http-2": Fault(DROPPED, say(b"\0\0\x12\4\0\0\0\0\0" + bytes(18))),
    "http-0.9": Fault(DROPPED, say(b"<html>hello</html>")),
    "binary": Fault(DROPPED, say(bytes(range(255, 0, -1)) * 10)),
    "zeros": Fault(DROPPED, say(bytes(100_000))),
    "lines": Fault(DROPPED, say(b"\r\n" * 100)),
    "status-of-two-digits": Fault(DROPPED, say(b"HTTP/1.1 20 OK\r\n\r\n")),
    "status-below-100": Fault(DROPPED, say(b"HTTP/1.1 099 OK\r\n\r\n")),
    "status-in-words": Fault(DROPPED, say(b"HTTP/1.1 two OK\r\n\r\n")),
    "field-without-colon": Fault(DROPPED, say(head(OK, "hello"))),
    "endless-head": Fault(DROPPED, flood(head(OK)[:-2], b"X-More: yes\r\n" * 1000, HEAD_BYTES)),
    "endless-line": Fault(DROPPED, flood(b"HTTP/1.1 200 O", b"K" * 10_000, HEAD_BYTES)),
    "long-head": Fault(DROPPED, say(head(OK, "X: " + "y" * HEAD_BYTES, "Content-Length: 0"))),
    "endless-interim": Fault(DROPPED, flood(b"", head("100 Continue") * 1000, BODY_BYTES)),

    # What passes.
    **{f"{status}-at-once": Fault(AGAIN, sink.refuse(f"{status} Later", "Retry-After: 0"), 3)
       for status in (429, 502, 503, 504)},
    **{f"{status}-without-a-wait": Fault(AGAIN, sink.refuse(f"{status} Later"), least_s=0.75)
       for status in (429, 502, 503, 504)},
    "503-in-2-seconds": Fault(AGAIN, sink.refuse("503 Later", "Retry-After: 2"), least_s=1.95),
    "503-at-a-date": Fault(AGAIN, wait_until_date(3), least_s=1.95),
    "503-at-a-past-date": Fault(AGAIN, wait_until_date(-1000)),
    "503-soon": Fault(AGAIN, sink.refuse("503 Later", "Retry-After: soon"), least_s=0.75),
    "503-before-now": Fault(AGAIN, sink.refuse("503 Later", "Retry-After: -5"), least_s=0.75),
    "503-until-close": Fault(AGAIN, say(head("503 Later"), b"busy")),
    "503-cut": Fault(AGAIN, say(head("503 Later", "Retry-After: 0", "Content-Length: 9"), b"b")),
    "closed-unread": Fault(AGAIN, sink.early(sink.close)),
    "closed-unanswered": Fault(AGAIN, sink.close),
    "reset-unread": Fault(AGAIN, sink.early(sink.reset)),
    "reset-amid-the-batch": Fault(AGAIN, reset_amid(b"")),
    "reset-unanswered": Fault(AGAIN, sink.reset),
    "closed-in-status-line": Fault(AGAIN, say(b"HTTP/1.1 2")),
    "closed-in-head": Fault(AGAIN, say(head(OK, "Content-Length: 0")[:-2])),
    "closed-after-interim": Fault(AGAIN, say(head("100 Continue"))),
    "answer-lost": Fault(AGAIN, sink.lose_answer),
    "answer-cut": Fault(AGAIN, sink.cut_answer),
    "reset-in-head": Fault(AGAIN, reset_after(b"HTTP/1.1 200 OK\r\n")),
    "silent": Fault(AGAIN, silent(), variables=SHORT),
    "silent-in-head": Fault(AGAIN, silent(b"HTTP/1.1 200 OK\r\n"), variables=SHORT),
    "drip-beyond": Fault(AGAIN, drip(SILENCE_S, head(OK, "Content-Length: 0")), variables=SHORT),
    "interim-only": Fault(AGAIN, silent(head("100 Continue") * 3), variables=SHORT),

    # What is final.
    "switching-protocols": Fault(DROPPED, silent(head("101 Switching Protocols", "Upgrade: h2c"))),
    **{status: Fault(DROPPED, sink.refuse(f"{status} No", *fields))
       for status, fields in REFUSALS.items()},
    "400-of-the-protocol": Fault(DROPPED, body("400 Bad Request", STATUS,
                                               "Content-Type: application/x-protobuf")),
    "500-of-megabytes": Fault(DROPPED, body("500 Oops", b"y" * 2_000_000)),
    "413-unread": Fault(DROPPED, answer_unread("413 Content Too Large")),
    "413-unread-and-open": Fault(DROPPED, sink.early(stop_reading)),
    "413-and-reset": Fault(DROPPED, reset_after(head("413 Too Large", "Content-Length: 0"))),
    "wait-beyond-the-budget": Fault(DROPPED, sink.refuse("503 Later", "Retry-After: 31")),
    "503-without-retry": Fault(DROPPED, sink.refuse("503 Later", "Retry-After: 0"), variables=ONCE),
    "429-without-retry": Fault(DROPPED, sink.refuse("429 Later"), variables=ONCE),

    # Some of a batch.
    "refused-none-with-a-word": Fault(ACCEPTED, partial(0, "odd, but taken")),
    "refused-one": Fault(ACCEPTED, partial(1, "too old")),
    "refused-more-than-sent": Fault(ACCEPTED, partial(1 << 40, "all of them")),
    "refused-less-than-none": Fault(ACCEPTED, partial(-3, "")),
    "refused-with-a-novel": Fault(ACCEPTED, partial(2, "\x1b[31m\n" + "why? " * 200_000)),
    "refused-always": Fault(ACCEPTED, partial(1, ""), times=0),
}
