# SPDX-License-Identifier: Apache-2.0
"""Applications as Debian packages them, asked the same pages untraced and traced: the same answers,
the same words on stderr, a route or a known reason for every page, and no secret in any span.
Needs the packages of scripts/bootstrap --matrix; runs with --matrix."""

import os
import re
import tempfile

import pytest

import packaged
import servers
import spans

# What differs from run to run: times, process ids, ports, ids of requests, durations.
VARIES = re.compile(r"\[\w{3} \w{3} \d\d [\d:.]+ \d{4}\]|/tmp/\S+"
                    r"|\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\d+")


@pytest.fixture(scope="module")
def database(mariadb):
    for name in ("wordpress", "redmine"):
        assert mariadb.sql(f"CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET utf8mb4;"
                           f"GRANT ALL ON {name}.* TO shop@localhost;"
                           f"GRANT ALL ON {name}.* TO shop@'127.0.0.1'")
    return mariadb


def said(application):
    """The lines of its log without what varies. Their order does, with several workers."""
    return sorted(VARIES.sub("#", line) for line in
                  application.log.read_text(errors="replace").splitlines())


def run(kind, database, tracing=None):
    # Not a test's own directory: Apache and Rails take the brackets in its name for a pattern.
    with tempfile.TemporaryDirectory(prefix="otelagent-packaged-") as directory:
        os.chmod(directory, 0o755)
        return visit(kind, directory, database, tracing)


def visit(kind, directory, database, tracing):
    with kind(directory, database, tracing) as application:
        statuses = application.visit()
        if tracing:  # some of them end without a chance to send
            application.wait_until(lambda: len(asked(tracing.file)) >= len(kind.pages), "spans")
    return statuses, said(application)


def asked(file):
    """The server spans of what was visited, in order."""
    return [span for span in sorted(spans.read(file), key=lambda span: span.start_ns)
            if span.kind == "SERVER" and span.attributes.get("request.id") != servers.READY_ID]


@pytest.mark.parametrize("kind", packaged.APPLICATIONS, ids=lambda kind: kind.__name__)
def test_pages_have_names_and_no_secrets(kind, directory, library, database):
    plain, plain_said = run(kind, database)
    tracing = servers.Tracing(library, directory, "packaged",
                              {"OTEL_AGENT_CAPTURE_REQUEST_HEADERS": "referer,x-api-key"})
    traced, traced_said = run(kind, database, tracing)
    assert traced == plain
    assert traced_said == plain_said

    text = tracing.file.read_text()
    for secret in kind.secrets:
        assert secret not in text, text[max(text.index(secret) - 200, 0):text.index(secret) + 80]
    found = asked(tracing.file)
    assert [span.attributes["http.request.method"] for span in found] == \
        [page.method for page in kind.pages]
    faults = [f"{page.method} {page.path} {status}: route {span.attributes.get('http.route')}, "
              f"not {page.named or 'none, because ' + page.why}"
              for page, status, span in zip(kind.pages, traced, found)
              if span.attributes.get("http.route", "") != page.named]
    assert not faults, "\n".join(faults)
