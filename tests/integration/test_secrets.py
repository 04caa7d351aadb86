# SPDX-License-Identifier: Apache-2.0
"""No secret leaves: one in every place a request or response can hold one, then a search for its
bytes in all that the agent writes, its log at the most talkative included."""

import base64
import hashlib
import itertools
import json
import re
import socket
import urllib.parse

import pytest

import otlp
import servers
import sink
import spans


class Secrets:
    """Makes them: random-looking words that occur nowhere else; `made` says where each was put."""

    def __init__(self):
        self.made = {}

    def __call__(self, place):
        word = "Zq" + hashlib.sha256(str(len(self.made)).encode()).hexdigest()[:14] + "Xj"
        self.made[word] = place
        return word


KEYS = ("password passwd pwd token secret key authorization credit_card ssn email phone address "
        "X-Amz-Signature X-Amz-Credential X-Amz-Security-Token AWSAccessKeyId Signature sig "
        "X-Goog-Signature jsessionid phpsessid").split()


def escaped(text):
    return "".join(f"%{ord(letter):02x}" for letter in text)


def targets(secret):
    """Request targets; each also holds `color=red`, which is no secret."""
    for key in KEYS:
        for spelled in (key, key.upper(), f"my[{key}]", escaped(key), escaped(escaped(key)),
                        f"%20{key}", key[:-1] + escaped(key[-1])):
            yield f"/a?color=red&{spelled}={secret(f'query key {spelled}')}&b=2"
        yield f"/a;color=red;{key}={secret(f'path parameter {key}')}/b"
    again = [secret("repeated key") for _ in range(3)]
    yield "/a?color=red&" + "&".join(f"token={word}" for word in again)
    yield f"/a?color=red;token={secret('semicolons')};b=2"
    yield f"/a?color=red;a=1;token={secret('a value with a semicolon')};{secret('its rest')}"
    yield f"/a?color=red&token&secret=&password={secret('after keys without a value')}"
    yield f"/a?color=red&token=a%26{secret('an escaped separator')}"
    yield f"/a?color=red#access_token={secret('fragment')}"
    yield f"/a/token={secret('path')}/b?color=red"
    yield f"/proxy/https://u:{secret('a URL in the path')}@h/?color=red"
    yield f"http://{secret('user')}:{secret('absolute form')}@a.example/a?color=red"
    yield f"http://a.example/a?color=red&sig={secret('absolute form, query')}"
    inner = f"https://u:{secret('a URL in a value')}@h/?token={secret('its query')}"
    yield f"/a?color=red&next={urllib.parse.quote(inner, safe='')}"
    yield f"/a?color=red&next={urllib.parse.quote(urllib.parse.quote(inner, safe=''), safe='')}"
    yield f"/a?color=red&next={inner}"
    data = json.dumps({"password": secret("JSON in a value")})
    yield f"/a?color=red&data={urllib.parse.quote(data)}"
    yield f"/a?color=red&dsn=user:{secret('a data source name')}@tcp(h)/d"
    yield f"/a?color=red&{'x=1&' * 300}token={secret('far behind')}"


REQUEST_FIELDS = {
    "Authorization": "Bearer {}",
    "proxy-AUTHORIZATION": "Basic {}",
    "Cookie": "session={}; b=2",
    "X-Api-Key": "{}",
    "X-Auth-Token": "{}",
    "X-Csrf-Token": "{}",
    "Referer": "https://u:{}@a.example/p?token={}&color=red#id_token={}",
    "X-Original-URL": "/a?color=red&X-Amz-Signature={}",
    "X-Note": "the password: {}",
    "X-Json": '{{"pwd":"{}"}}',
    "X-Dsn": "mysql://u:{}@h/d",
    "X-Forwarded-Host": "u:{}@h",
    "Origin": "https://u:{}@h",
}
# Recorded if they are what they should be, or not at all.
UNTRUE_FIELDS = {
    "Host": "u:{}@h",
    "User-Agent": "bot/1 (+https://u:{}@h/)",
    "X-Forwarded-Host": "token={}",
    "X-Forwarded-For": "{}",
    "X-Forwarded-Proto": "{}",
    "Forwarded": "for={};proto={};by={}",
    "Baggage": "token={}",
}
RESPONSE_FIELDS = {
    "Set-Cookie": "session={}; Path=/",
    "Location": "https://b.s3.amazonaws.com/k?X-Amz-Credential={}&X-Amz-Signature={}&color=red",
    "Link": "<https://h/a?token={}>; rel=next",
    "X-Api-Key": "{}",
    "Refresh": "5; url=/a?secret={}",
    "WWW-Authenticate": 'Basic realm="https://u:{}@h/"',
    "Content-Location": "cb?sig={}",
}


def filled(fields, place, secret, times=1):
    """(name, value) of each, with secrets in the braces; `times`: lines of each name."""
    for name, form in itertools.chain.from_iterable([fields.items()] * times):
        count = len(re.findall(r"(?<!\{)\{\}", form))
        yield name, form.format(*(secret(f"{place} {name}") for _ in range(count)))


def ask(port, method, target, fields, body=b""):
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields),
             f"Content-Length: {len(body)}", "Connection: close", "", ""]
    with socket.create_connection(("127.0.0.1", port), timeout=servers.PATIENCE_SECONDS) as connection:
        connection.sendall("\r\n".join(lines).encode() + body)
        answer = b""
        while some := connection.recv(65536):
            answer += some
    return answer


def requests(secret):
    """(method, target, fields, body)"""
    host = ("Host", "a.example")
    for target in targets(secret):
        yield "GET", target, [host], b""
    yield "GET", "/a?color=red", [host, *filled(REQUEST_FIELDS, "request", secret, 2)], b""
    folded = ("X-Note", f"password =\r\n  {secret('a folded line')}")
    yield "GET", "/a?color=red", [host, folded], b""
    for name, value in filled(UNTRUE_FIELDS, "request", secret):
        fields = [(name, value)] if name == "Host" else [host, (name, value)]
        yield "GET", "/a?color=red", fields, b""
    yield "POST", "/a?color=red", [host], f"password={secret('body')}".encode()
    yield ("GET", "/a?color=red", [host, ("X-User", f"https://u:{secret('user id')}@h"),
                                   ("X-Request-ID", f"token={secret('request id')}")], b"")


@pytest.mark.parametrize("mode", ["text", "hash"])
def test_no_secret_leaves(directory, library, mode):
    secret = Secrets()
    fields = list(filled(RESPONSE_FIELDS, "response", secret, 2))
    asked = list(requests(secret))
    file = directory / "spans.jsonl"
    with sink.Collector() as collector:
        tracing = servers.Tracing(library, directory, "secrets", {
            "OTEL_TRACES_EXPORTER": "otlp,file,console",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{secret('export header')}",
            "OTEL_AGENT_EXPORT_FILE": str(file), "OTEL_LOG_LEVEL": "debug",
            "OTEL_AGENT_REDACT_MODE": mode, "OTEL_AGENT_HEADER_USER_ID": "X-User",
            "OTEL_AGENT_CAPTURE_REQUEST_HEADERS": ",".join(REQUEST_FIELDS),
            "OTEL_AGENT_CAPTURE_RESPONSE_HEADERS": ",".join(RESPONSE_FIELDS)})
        with servers.Answering(directory, tracing, workers=1, fields=fields) as server:
            answers = [ask(server.port, *each) for each in asked]
            # What an heir would find: written over only as the queue goes round.
            left = b"".join(file.read_bytes() for file in tracing.state.rglob("*")
                            if file.is_file())
        collector.wait_for_spans(len(asked))
        posted = b"\n".join(post.body for post in collector.posts)
        assert {secret.made[post.headers["authorization"].removeprefix("Bearer ")]
                for post in collector.posts} == {"export header"}
        decoded = [span for post in collector.posts for _, _, span in otlp.spans(post.request)]
    # The application got and sent them all; without that the search would prove nothing.
    assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)
    assert all(value.encode() in answers[0] for _, value in fields)

    said = server.log.read_bytes()
    for name, output in (("OTLP", posted), ("file", file.read_bytes()), ("stderr", said),
                         ("region", left)):
        leaked = sorted({place for word, place in secret.made.items() for form in forms(word)
                         if form in output})
        assert not leaked, f"{name}: {len(leaked)} of {len(secret.made)}: {leaked[:20]}"
        assert output.count(b"red") >= 1
    check_what_is_shown(decoded, spans.read(file), mode, len(asked))


def forms(word):
    """The bytes of a secret as they are, and as they would be found again in other spellings."""
    return (word.encode(), word.lower().encode(), base64.b64encode(word.encode()).rstrip(b"="),
            urllib.parse.quote(word, safe="").encode(), escaped(word).encode(),
            word[:8].encode(), word[-8:].encode())


def check_what_is_shown(decoded, from_file, mode, count):
    """What is hidden is marked, what is no secret is there: the search above saw whole spans."""
    assert len(decoded) >= count and len(from_file) >= count
    shown = [otlp.attributes_of(span.attributes) for span in decoded]
    colored = [each for each in shown
               if "color=red" in each.get("url.query", "") + each.get("url.path", "")]
    assert len(colored) >= count - 5
    assert any("token" in each.get("url.query", "") for each in shown)
    full, = (each for each in shown if "http.request.header.referer" in each)
    mark = "REDACTED" if mode == "text" else "[0-9a-f]{16}"
    for name in ("authorization", "proxy-authorization", "cookie", "x-api-key", "x-note", "x-dsn"):
        values = full[f"http.request.header.{name}"]
        assert len(values) == 2
        for value in values:
            assert re.fullmatch(mark if name != "x-dsn" else "mysql://REDACTED:REDACTED@h/d", value)
    for value in full["http.request.header.referer"]:
        assert re.fullmatch("https://REDACTED:REDACTED@a.example/p"
                            rf"\?token={mark}&color=red#id_token={mark}", value)
    for value in full["http.response.header.location"]:
        assert re.fullmatch(rf"https://b.s3.amazonaws.com/k\?X-Amz-Credential={mark}"
                            rf"&X-Amz-Signature={mark}&color=red", value)
    assert all(re.fullmatch(mark, value) for value in full["http.response.header.set-cookie"])
