# SPDX-License-Identifier: Apache-2.0
"""What is a secret by its looks leaves in no place of any span, whatever it is called: paths, names,
headers, S3 keys, errors of a database, the resource and messages included. What only looks similar
stays, and a span in which something was hidden says so."""

import os
import re
import subprocess
import urllib.parse

import pytest

import otlp
import servers
import sink
import spans
from test_secrets import ask, escaped

SOME = "Zq8wKd93mXvB2rTnY5cL"
SHAPES = {
    "a JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ" + SOME + "In0." + SOME,
    "an unsigned JWT": "eyJhbGciOiJub25lIn0.eyJ1c2VyIjoi" + SOME + "In0.",
    "an encrypted JWT": "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0.." + SOME + ".Y2lwaGVy.dGFn",
    "GitHub": "ghp_" + SOME + "aB3dE6gH9jK2mN5p",
    "GitHub OAuth": "gho_" + SOME + "aB3dE6gH9jK2mN5p",
    "GitHub, fine-grained": "github_pat_" + SOME + "ab_" + SOME * 2 + "aB3dE6gH9jK2mN5pqrs",
    "GitLab": "glpat-" + SOME,
    "a Slack bot": "xoxb-123456789012-123456789012-" + SOME + "abcd",
    "a Slack user": "xoxp-123456789012-" + SOME,
    "OpenAI": "sk-" + SOME + SOME + "aB3dE6gH",
    "OpenAI, of a project": "sk-proj-" + SOME * 2 + "_" + SOME,
    "Anthropic": "sk-ant-api03-" + SOME * 4 + "aB3dE6gH9jK2m-AA",
    "Stripe": "sk_live_" + SOME + "aB3d",
    "Stripe, restricted": "rk_live_" + SOME + "aB3d",
    "Amazon": "AKIAZQ8WKD93MXVB2RTN",
    "Amazon, temporary": "ASIAZQ8WKD93MXVB2RTN",
    "a Telegram bot": "123456789:AA" + SOME + "_aB3dE6gH9jK2",
    "Google": "AIza" + SOME + "-B3dE6gH9jK2mNp",
    "Google OAuth": "ya29." + SOME * 3,
    "npm": "npm_" + SOME + "aB3dE6gH9jK2mN5p",
    "SendGrid": "SG." + SOME + "ab." + SOME * 2 + "abc",
    "Hugging Face": "hf_" + "ZqwKdmXvBrTnYcLaBdEgHjKmNpQrStUvWx",
    "DigitalOcean": "dop_v1_" + "0a1b2c3d4e5f6789" * 4,
    "Shopify": "shpat_" + "0a1b2c3d4e5f6789" * 2,
    "PyPI": "pypi-AgEIcHlwaS5vcmc" + SOME * 3,
    "Docker": "dckr_pat_" + SOME + "aB3dE6g",
    "OpenAI, with marks": "sk-proj-Zq8wKd93mX_vB2rTnY5cL-aB3dE6gH9jK2mN5pQ_8sT1vW4xY7zA0b",
    "Google, of a service account": "ya29.c." + SOME * 3,
    "Svix": "whsec_Zq8w+Kd93mXvB2r/TnY5cLaB3dE6gH9j",
    "a private key": f"-----BEGIN+EC+PRIVATE+KEY-----{SOME}+/{SOME[:6]}==-----END+EC+PRIVATE+KEY-----",
    "Slack, a webhook": f"services/T0AB12CD3/B0EF45GH6/{SOME}aB3d",
    "Slack, a workflow": f"workflows/T0AB12C/A0EF45G/1234567/{SOME}aB3d",
    "Discord": f"webhooks/123456789012345678/{SOME}_{SOME}-{SOME}aB3dE6",
    "Mattermost": "hooks/zq8wkd93mxvb2rtny5clab3dea",
    "Rocket.Chat": f"hooks/Zq8wKd93mXvB2rTnY/{SOME}{SOME}aB3",
    "Netlify": "hooks/0a1b2c3d4e5f67890a1b2c3d",
    "Teams": "IncomingWebhook/" + "0a1b2c3d4e5f6789" * 2 + "/7d444840-9dc0-11d1-b245-5ffdce74fad2",
    "Feishu": "v2/hook/7d444840-9dc0-11d1-b245-5ffdce74fad2",
    "IFTTT": f"with/key/{SOME}-a",
    "PagerDuty": "integration/" + "0a1b2c3d4e5f6789" * 2,
}
KEYS = ("pass pw auth jwt otp code sid session user_pass user-pass user.pass userPass pass2 sessionId "
        "connect.sid HTTPAuth AUTH user[pass]").split()
INNOCENT = [
    "/eyJob-list", "/task-sk-1", "/task-abcdefghijklmnopqrstuvwxyz", "/sk-SK/produkty",
    "/sk-sk/a-title-in-slovak-that-is-rather-long", "/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
    "/550e8400-e29b-41d4-a716-446655440000", "/sk-550e8400-e29b-41d4-a716-446655440000",
    "/sk-kryt-na-iPhone-15-pro-max-priehladny-silikonovy-obal", "/-----BEGIN+CERTIFICATE-----MIID",
    "/services/TravelReservationManagementService/Find", "/services/T1/overview", "/hooks/catch/all",
    "/webhooks/550e8400-e29b-41d4-a716-446655440000", "/webhooks/stripe/deliveries?page=2",
    "/webhooks/how-to-configure-outgoing-webhooks", "/integration/github/enqueue",
    "/akia/AKIA", "/bearer-bonds", "/2024-01-31T12:30:45", "/auth/login", "/session/new?page=2",
    "/?author=jane&zipcode=10115&passenger=2&authority=x&barcode=4006381333931&decode=1",
    "/?q=a+bearer+of+news&r=basic+training"]


def twice(text):
    return "".join(f"%25{ord(letter):02X}" for letter in text)


def requests():
    """(method, target, fields) with a secret each; all begin with the same fields."""
    host = [("Host", "a.example")]
    for secret in SHAPES.values():
        for spelled in (secret, escaped(secret), twice(secret), secret[:2] + escaped(secret[2]) + secret[3:],
                        secret.replace(".", "%2E").replace(":", "%3A").replace("_", "%5f")):
            yield "GET", f"/a/{spelled}/b?color=red", host
            yield "GET", f"/bot{spelled}/x?color=red" if secret[0].isdigit() else f"/{spelled}", host
            yield "GET", f"/?color=red&v={spelled}&w=1", host
            yield "GET", f"/?color=red&{spelled}", host
            yield "GET", f"/a;v={spelled}/b?color=red", host
            yield "GET", f"/?color=red#v={spelled}", host
            yield "GET", f"http://a.example/{spelled}?color=red", host
        yield "GET", "/?color=red", host + [("Referer", f"https://a.example/{secret}?v={secret}")]
        yield "GET", "/?color=red", host + [("User-Agent", f"client/1 {secret} (x)")]
        yield "GET", "/?color=red", host + [("X-Request-ID", secret)]
        yield "GET", "/?color=red", [("Host", secret)]
        yield "GET", "/?color=red", [("Host", secret + ":8080")]
        yield "GET", "/?color=red", host + [("X-Forwarded-Host", secret)]
        if re.fullmatch(r"[\w.-]+", secret):  # else it is no host
            yield "GET", f"http://{secret}/?color=red", host
        yield "GET", "/?color=red", host + [("X-User", f"user {secret}")]
        yield "GET", "/?color=red", host + [("X-Note", f"the {secret}, please")]
        yield "GET", "/?color=red", host + [
            ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            ("tracestate", f"a=b,v={secret[:200]}")]
    for bearer in ("Bearer ", "bearer%20", "BEARER+", "%42earer%2520", "Bearer%09"):
        if " " not in bearer:
            yield "GET", f"/?color=red&h={bearer}{SOME}", host
            yield "GET", f"/{bearer}{SOME}?color=red", host
        yield "GET", "/?color=red", host + [("X-Note", urllib.parse.unquote(bearer) + SOME)]
    yield "GET", f"/?color=red&h=Basic%20{SOME}", host
    for key in KEYS:
        for spelled in (key, escaped(key), twice(key)):
            yield "GET", f"/?color=red&{spelled}={SOME}&b=2", host
            yield "GET", f"/a;{spelled}={SOME}/b?color=red", host
        yield "GET", f"/?color=red&data=%7B%22{key}%22%3A%22{SOME}%22%7D", host
        yield "GET", f"/?color=red&next=%2Fcb%3F{key}%3D{SOME}", host


def pieces():
    """What must be found nowhere: beginnings and ends of the secrets, in several spellings."""
    for name, secret in SHAPES.items():
        for part in (secret, secret[:20], secret[6:22], secret[-12:]):
            for form in (part, part.lower(), escaped(part), twice(part)):
                yield name, form.encode()
    for form in (SOME, SOME[:10], SOME[-10:], escaped(SOME)):
        yield "a secret behind its key", form.encode()


def check_nothing_leaked(outputs):
    for place, output in outputs.items():
        leaked = {name for name, form in pieces() if form in output}
        assert not leaked, f"{place}: {sorted(leaked)}"


@pytest.mark.parametrize("variables", [{}, {"OTEL_AGENT_REDACT_MODE": "hash"},
                                       {"OTEL_AGENT_REDACT_KEYS": "nothing-else"}])
def test_a_server_hides_them_everywhere(directory, library, variables):
    asked = list(requests())
    file = directory / "spans.jsonl"
    with sink.Collector() as collector:
        tracing = servers.Tracing(library, directory, "shapes", {
            "OTEL_TRACES_EXPORTER": "otlp,file,console",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "OTEL_RESOURCE_ATTRIBUTES": f"deploy.by={SHAPES['GitHub']}",
            "OTEL_AGENT_EXPORT_FILE": str(file), "OTEL_LOG_LEVEL": "debug",
            "OTEL_BSP_SCHEDULE_DELAY": SHAPES["GitLab"],  # a warning names a value that is none
            "OTEL_AGENT_HEADER_USER_ID": "X-User",
            "OTEL_AGENT_CAPTURE_REQUEST_HEADERS": "Referer,X-Note", **variables})
        fields = [("Location", f"/a/{SHAPES['a JWT']}"), ("X-Made", "for Bearer " + SOME)]
        tracing.variables["OTEL_AGENT_CAPTURE_RESPONSE_HEADERS"] = "Location,X-Made"
        with servers.Answering(directory, tracing, workers=1, fields=fields) as server:
            answers = [ask(server.port, *each) for each in asked]
            said = [ask(server.port, "GET", target, [("Host", "a.example")]) for target in INNOCENT]
        collector.wait_for_spans(len(asked) + len(INNOCENT))
        posted = b"\n".join(post.body for post in collector.posts)
        found = [span for post in collector.posts for _, _, span in otlp.spans(post.request)]
        resource = [otlp.attributes_of(resource.attributes) for post in collector.posts
                    for resource, _, _ in otlp.spans(post.request)]
    assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers + said)
    check_nothing_leaked({"OTLP": posted, "file": file.read_bytes(),
                          "stderr": server.log.read_bytes()})
    assert all("REDACTED" in each["deploy.by"] for each in resource)
    assert b"OTEL_BSP_SCHEDULE_DELAY" in server.log.read_bytes()

    shown = [otlp.attributes_of(span.attributes) for span in found]
    masked = [each for each in shown if each.get("security.data_masked") is True]
    assert len(masked) >= len(asked)  # every answer has a header that is hidden
    assert sum(each.get("url.query", "").startswith("color=red") for each in shown) > len(asked) / 2
    for target in INNOCENT:
        path, _, query = target.partition("?")
        assert any(each["url.path"] == path and each.get("url.query", "") == query
                   for each in shown), target


def test_only_a_span_with_something_hidden_says_so(directory, library):
    tracing = servers.Tracing(library, directory, "masked")
    with servers.Answering(directory, tracing, workers=1) as server:
        for target in [*INNOCENT, f"/bot{SHAPES['a Telegram bot']}/sendMessage", "/?password=x",
                       "/?a=1&otp=1", "/?next=http://u:p@h/"]:
            ask(server.port, "GET", target, [("Host", "a.example")])
        ask(server.port, "GET", "/agent", [("Host", "a"), ("User-Agent", SHAPES["GitHub"])])
    found = [span for span in spans.read(tracing.file) if span.attributes["url.path"] != "/ready"]
    masked = [span for span in found if span.attributes.get("security.data_masked")]
    assert [span.attributes["url.path"] for span in masked] == [
        "/botREDACTED/sendMessage", "/", "/", "/", "/agent"]
    assert len(found) == len(INNOCENT) + 5
    assert masked[0].attributes["http.url"].endswith("/botREDACTED/sendMessage")
    assert "AA" not in masked[0].name and "123456789" not in masked[0].name
    assert not any("security.data_masked" in span.attributes for span in found if span not in masked)


def test_a_client_hides_them_in_urls_and_s3_keys(directory, library):
    with servers.Answering(directory, workers=1) as server:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
        for number, secret in enumerate(SHAPES.values()):
            tracing = servers.Tracing(library, directory, f"curl-{number}")
            base = f"http://127.0.0.1:{server.port}"
            subprocess.run(
                ["curl", "-s", "-o", "/dev/null", "-o", "/dev/null", f"{base}/bot{secret}/sendMessage"
                 if secret[0].isdigit() else f"{base}/{secret}/x?v={secret}&w={escaped(secret)}#{secret}",
                 f"{base}/x?session={SOME}", "--next", "-s", "-o", "/dev/null", "-X", "PUT",
                 "--aws-sigv4", "aws:amz:eu-west-3:s3", "--user", "id:unsaid",
                 "-H", f"x-amz-copy-source: /from/{escaped(secret)}", f"{base}/images/a-{secret}.png"],
                check=True, timeout=60, env={**inherited, **tracing.environment()})
            found = spans.read(tracing.file)
            assert len(found) == 3 and all(
                span.attributes.get("security.data_masked") is True for span in found), found
            assert found[2].attributes["aws.s3.bucket"] == "images"
            assert "REDACTED" in found[2].attributes["aws.s3.copy_source"]
            check_nothing_leaked({f"curl {secret}": tracing.file.read_bytes()})


PYTHON = """
import sys, MySQLdb
db = MySQLdb.connect(host="127.0.0.1", port=int(sys.argv[1]), user="shop", passwd=sys.argv[2], db="shop")
for text in sys.argv[3:]:
    try:
        db.cursor().execute("SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = %s", (text,))
    except MySQLdb.Error as error:
        print(error.args[1])
"""


def test_a_database_s_errors_hide_them(directory, library, mariadb):
    texts = [f"no such user: {secret[:100]} (sorry)" for secret in SHAPES.values()]
    tracing = servers.Tracing(library, directory, "errors")
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    done = subprocess.run(
        ["/usr/bin/python3", "-c", PYTHON, str(mariadb.port), servers.DB_PASSWORD, *texts],
        check=True, timeout=60, capture_output=True, text=True,
        env={**inherited, **tracing.environment()})
    assert done.stdout.splitlines() == texts
    failed = [span for span in spans.read(tracing.file) if span.status == "ERROR"]
    assert [span.attributes["error.message"] for span in failed] == (
        ["no such user: REDACTED (sorry)"] * len(texts))
    assert all(span.attributes["security.data_masked"] is True for span in failed)
    check_nothing_leaked({"file": tracing.file.read_bytes()})


UNQUOTED = """
import re, sys, MySQLdb
db = MySQLdb.connect(host="127.0.0.1", port=int(sys.argv[1]), user="shop", passwd=sys.argv[2], db="shop")
for text in sys.argv[3:]:
    sums = any(part.isdigit() for part in re.split("[-:/]", text))  # to SQL, of numbers and names
    for statement in ("SELECT 1 AS `" + text[:60] + "`", "SELECT 1 FROM `" + text[:60] + "`",
                      "SELECT 1 FROM DUAL WHERE a = '" + text + "'",
                      *([] if sums else ["SELECT 1 FROM DUAL WHERE a = " + text, "DELETE FROM a." + text,
                                         "SELECT 1 FROM b, " + text])):
        try:
            db.cursor().execute(statement)
        except MySQLdb.Error:
            pass
"""


def test_a_statement_s_names_hide_them(directory, library, mariadb):
    secrets = list(SHAPES.values())
    tracing = servers.Tracing(library, directory, "names")
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    subprocess.run(["/usr/bin/python3", "-c", UNQUOTED, str(mariadb.port), servers.DB_PASSWORD, *secrets],
                   check=True, timeout=60, env={**inherited, **tracing.environment()})
    check_nothing_leaked({"file": tracing.file.read_bytes()})
    found = [span for span in spans.read(tracing.file) if "db.query.text" in span.attributes]
    assert len(found) > 5 * len(secrets)
    hidden = [span for span in found if "REDACTED" in span.attributes["db.query.text"]]
    assert len(hidden) > 3 * len(secrets)  # the others are in quotes
    assert all(span.attributes.get("security.data_masked") is True for span in hidden)
    assert not any("security.data_masked" in span.attributes for span in found if span.status != "ERROR"
                   and span not in hidden)
