# SPDX-License-Identifier: Apache-2.0
"""Header fields in spans: captured ones, ids, and what proxies say, from lines as clients and
applications really write them."""

import socket

import pytest

import servers

ANSWER = [("X-Two", "first"), ("x-two", "second"), ("ETag", '"e-1"'), ("X-Other", "o"),
          ("X-Empty", "")]


def ask(port, number, *lines, target="/a"):
    """One request with these lines and Host, on a connection of its own."""
    head = [f"GET {target} HTTP/1.1", *lines, f"X-Number: {number}", "Connection: close", "", ""]
    with socket.create_connection(("127.0.0.1", port), timeout=servers.PATIENCE_SECONDS) as connection:
        connection.sendall("\r\n".join(head).encode())
        answer = b""
        while some := connection.recv(65536):
            answer += some
    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.fixture
def told(directory, traces):
    """What the spans say of requests with the given lines, in order."""
    def run(*requests, **variables):
        names = variables.pop("request_headers", "")
        tracing = traces.of("headers", OTEL_AGENT_CAPTURE_REQUEST_HEADERS=f"x-number,{names}",
                            **variables)
        with servers.Answering(directory, tracing, workers=1, fields=ANSWER) as server:
            for number, lines in enumerate(requests):
                ask(server.port, number, *lines)
        found = {span.attributes["http.request.header.x-number"][0]: span.attributes
                 for span in traces.read("headers")
                 if "http.request.header.x-number" in span.attributes}
        run.said = [line for line in server.log.read_text().splitlines() if "otelagent[" in line]
        return [found[str(number)] for number in range(len(requests))]
    return run


def captured(attributes, kind):
    prefix = f"http.{kind}.header."
    return {name.removeprefix(prefix): value for name, value in attributes.items()
            if name.startswith(prefix) and name != prefix + "content-type"}


def test_every_line_of_a_captured_header_is_told_in_order(told):
    attributes, = told(
        ["Host: h", "X-Multi_Part-Name: 1", "Accept: a", "x-MULTI_part-name:2",
         "X-Multi_Part-Name: \t 3, 4 \t", "X-Not-Asked: n", "X-Blank:"],
        request_headers=" X-Multi_Part-Name, ACCEPT ,accept,X-Blank,X-Absent",
        OTEL_AGENT_CAPTURE_RESPONSE_HEADERS="x-two,etag,X-Empty")
    assert captured(attributes, "request") == {
        "x-number": ["0"], "x-multi_part-name": ["1", "2", "3, 4"], "accept": ["a"],
        "x-blank": [""]}
    assert captured(attributes, "response") == {
        "x-two": ["first", "second"], "etag": ['"e-1"'], "x-empty": [""]}
    assert attributes["http.response.header.content-type"] == "text/plain"


def test_ids_come_from_the_headers_configured_for_them(told):
    default, twice, none = told(
        ["Host: h", "x-request-id: r-1", "X-CORRELATION-ID: c-1", "X-User: u-1"],
        ["Host: h", "X-Request-ID: r-2", "X-Request-ID: r-3"],
        ["Host: h"])
    assert (default["request.id"], default["correlation.id"]) == ("r-1", "c-1")
    assert "user.id" not in default
    assert twice["request.id"] == "r-2"
    assert "request.id" not in none and "correlation.id" not in none


def test_ids_can_come_from_any_header(told):
    attributes, = told(["Host: h", "x-user: u-1", "X-Request-ID: r-1", "X-Amzn-Trace: t-1"],
                       OTEL_AGENT_HEADER_USER_ID="X-User",
                       OTEL_AGENT_HEADER_REQUEST_ID="X-Amzn-Trace",
                       OTEL_AGENT_HEADER_CORRELATION_ID="X-Amzn-Trace")
    assert attributes["user.id"] == "u-1"
    assert attributes["request.id"] == attributes["correlation.id"] == "t-1"


def test_headers_beyond_the_limit_are_left_out_and_said(told):
    names = [f"X-Name-{number}" for number in range(40)]
    attributes, = told(["Host: h", *(f"{name}: v" for name in names)],
                       request_headers=",".join(names))
    assert 25 < len(captured(attributes, "request")) <= 32
    assert len(told.said) == 1
    assert "warn: OTEL_AGENT_CAPTURE_REQUEST_HEADERS: " in told.said[0]


# lines → client.address, server.address, server.port, url.scheme
PROXIES = [
    (["Host: h:81"], ("127.0.0.1", "h", 81, "http")),
    (["Host: h", 'Forwarded: for="[2001:db8::1]:4711";proto=https;host="p.example:8443"'],
     ("2001:db8::1", "p.example", 8443, "https")),
    (["Host: h", "Forwarded: for=192.0.2.1;proto=https, for=198.51.100.2;host=q",
      "Forwarded: for=203.0.113.3;host=r"], ("192.0.2.1", "h", None, "https")),
    (["Host: h", "Forwarded: for=_hidden;proto=https", "X-Forwarded-For: 192.0.2.7, 10.0.0.1"],
     ("192.0.2.7", "h", None, "https")),
    (["Host: h", "X-Forwarded-For: 192.0.2.7", "X-Forwarded-For: 192.0.2.8",
      "X-Forwarded-Host: p:82, q", "X-Forwarded-Proto: HTTPS"], ("192.0.2.7", "p", 82, "https")),
    (["Host: h", "X-Forwarded-For: 2001:db8::7"], ("2001:db8::7", "h", None, "http")),
    (["Host: h", "Forwarded: for=unknown;host=p", "X-Forwarded-Host: q:83"],
     ("127.0.0.1", "p", None, "http")),
    (["Host: h", "X-Forwarded-For: 999.1.2.3", "X-Forwarded-Host: <b>", "X-Forwarded-Proto: on"],
     ("127.0.0.1", "h", None, "http")),
    (["Host: h", 'Forwarded: for=192.0.2.1;host="p', "X-Forwarded-For: 1...2.3"],
     ("127.0.0.1", "h", None, "http")),
]


def test_what_the_first_proxy_says_wins_where_it_makes_sense(told):
    found = [(each["client.address"], each["server.address"], each.get("server.port"),
              each["url.scheme"]) for each in told(*(lines for lines, _ in PROXIES))]
    assert found == [expected for _, expected in PROXIES]
