# SPDX-License-Identifier: Apache-2.0
"""The real OpenTelemetry Collector: what it stored is what was sent.

The agent writes each span to a file of its own and to the collector, which writes another file;
both are read with OpenTelemetry's published messages and must be equal, field by field. Run by
`scripts/test --collector`, which builds the collector first."""

import json
import re
import time
import urllib.request

import pytest

import accounts
import certificates
import load
import otlp
import servers

REQUESTS = 200
UPLOADS = 20
SECONDS = 30

CONFIGURATION = """
receivers:
  otlp:
    protocols:
      http:
        endpoint: 127.0.0.1:{port}
  otlp/unix:
    protocols:
      http:
        endpoint: {socket}
        transport: unix
  otlp/tls:
    protocols:
      http:
        endpoint: 127.0.0.1:{tls_port}
        tls:
          cert_file: {certificate}
          key_file: {key}
          client_ca_file: {authority}
exporters:
  file:
    path: {file}
    flush_interval: 100ms
  debug:
    verbosity: detailed
service:
  telemetry:
    metrics:
      level: normal
      readers:
        - pull:
            exporter:
              prometheus:
                host: 127.0.0.1
                port: {metrics}
  pipelines:
    traces:
      receivers: [otlp, otlp/unix, otlp/tls]
      exporters: [file, debug]
"""


class Collector(servers.Server):
    def __init__(self, directory):
        program = servers.cache_directory() / "collector" / "otelcol"
        if not program.exists():
            raise servers.ServerError(f"{program} is missing: run tests/collector/build")
        self.port = servers.free_port()
        self.metrics_port = servers.free_port()
        self.tls_port = servers.free_port()
        self.socket = directory / "otlp.sock"
        self.authority = certificates.Authority(directory / "authority")
        certificate, key = self.authority.sign("server")
        self.file = directory / "collector.jsonl"
        configuration = directory / "collector.yaml"
        configuration.write_text(CONFIGURATION.format(
            port=self.port, socket=self.socket, file=self.file, metrics=self.metrics_port,
            tls_port=self.tls_port, certificate=certificate, key=key,
            authority=self.authority.file))
        super().__init__("collector", [program, "--config", configuration], directory)
        self.wait_until(lambda: "Everything is ready" in self.log.read_text(), "readiness")
        self.socket.chmod(0o777)  # nginx's workers are another user

    def endpoint(self, transport):
        return {"unix": f"unix://{self.socket}", "tcp": f"http://127.0.0.1:{self.port}",
                "tls": f"https://127.0.0.1:{self.tls_port}"}[transport]

    def credentials(self):
        """What its TLS receiver wants; the other ones have no use for it."""
        certificate, key = self.authority.sign("client")
        return {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(self.authority.file),
                "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": str(certificate),
                "OTEL_EXPORTER_OTLP_CLIENT_KEY": str(key)}

    def metric(self, name):
        """The sum of one of the collector's own counters over its labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics") as answer:
            text = answer.read().decode()
        return sum(int(float(value)) for value in re.findall(
            rf"^otelcol_receiver_{name}_spans\w*\{{.*\}} (\S+)$", text, re.MULTILINE))


def read(path):
    """Span id → all there is to say of it: the span, its resource, its scope, as text."""
    found = {}
    for line in path.read_text().splitlines():
        request = otlp.from_json(line)
        for of_resource in request.resource_spans:
            for of_scope in of_resource.scope_spans:
                for span in of_scope.spans:
                    assert span.span_id not in found
                    found[span.span_id] = "\n".join([
                        str(of_resource.resource), of_resource.schema_url, str(of_scope.scope),
                        of_scope.schema_url, str(span)])
    return found


def wait_for(condition, what):
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"no {what} in {SECONDS} s")
        time.sleep(0.05)


def plan():
    requests = load.Plan("c", seed=4)
    for number in range(REQUESTS):
        requests.add("GET", requests.random.choice(["/small.txt", "/missing?token=s3cret",
                                                    "/shop/products", "/shop/products/7"]),
                     status=0)
    for number in range(1000, 1000 + UPLOADS):
        requests.add("POST", f"/shop/products/{number}/image", body=requests.body(),
                     chunked=number % 2 == 0)
    return requests.requests


@pytest.mark.parametrize("compression", ["gzip", "none"])
@pytest.mark.parametrize("transport", ["tcp", "unix", "tls"])
def test_what_the_collector_stored_is_what_was_sent(directory, mariadb, s3, shop_program, library,
                                                    transport, compression):
    mariadb.reset()
    with Collector(directory) as collector:
        credentials = collector.credentials()

        def tracing(service):
            return servers.Tracing(library, directory, service, {
                **credentials,
                "OTEL_TRACES_EXPORTER": "otlp,file", "OTEL_LOG_LEVEL": "info",
                "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint(transport),
                "OTEL_EXPORTER_OTLP_COMPRESSION": compression,
                "OTEL_RESOURCE_ATTRIBUTES": "team=a%20team,deployment.environment.name=test",
                "OTEL_AGENT_CAPTURE_REQUEST_HEADERS": "X-Request-ID,User-Agent",
                "OTEL_AGENT_S3_ENDPOINTS": s3.endpoint})

        shop = servers.Shop(directory, mariadb, s3, shop_program, tracing("shop"))
        with shop, servers.Nginx(directory, {"shop": shop.port}, tracing("nginx"),
                                 workers=2) as nginx:
            answers = load.run(nginx.port, plan(), connections=8)
        assert not [answer for answer in answers.values() if answer.error]
        log = (shop.log.read_text() + nginx.log.read_text() +
               (directory / "nginx" / "nginx-error.log").read_text())

        sent = {**read(directory / "shop.jsonl"), **read(directory / "nginx.jsonl")}
        wait_for(lambda: len(read_if_whole(collector.file)) >= len(sent), "spans in the file")
        stored = read(collector.file)
        assert stored.keys() == sent.keys()
        assert stored == sent
        assert len(sent) >= 2 * UPLOADS + REQUESTS

        total = accounts.read(log, 3)
        accounts.balance(total, len(sent))
        assert total.exported == len(stored)
        assert collector.metric("accepted") == len(stored)
        assert collector.metric("refused") == 0
        assert collector.metric("failed") == 0
        assert " warn: " not in log


def read_if_whole(path):
    """Nothing while the last line is being written."""
    text = path.read_text() if path.exists() else ""
    return read(path) if text.endswith("\n") else {}


def test_the_collector_names_what_it_was_sent(directory, library):
    """Not the agent's JSON on both sides: a span as the collector itself prints it."""
    with Collector(directory) as collector:
        tracing = servers.Tracing(library, directory, "nginx", {
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint("tcp")})
        plan = load.Plan("one")
        plan.add("GET", "/small.txt?password=hunter2&page=3")
        plan.requests[0].traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        with servers.Nginx(directory, tracing=tracing, workers=1) as nginx:
            load.run(nginx.port, plan.requests, connections=1)
        wait_for(lambda: "0af7651916cd43dd8448eb211c80319c" in collector.log.read_text(), "span")
        time.sleep(0.2)  # the rest of its lines
        printed = collector.log.read_text()
        for line in (r"Trace ID +: 0af7651916cd43dd8448eb211c80319c",
                     r"Parent ID +: b7ad6b7169203331", r"Kind +: Server",
                     r"-> url.query: Str\(password=REDACTED&page=3\)",
                     r"-> http.response.status_code: Int\(200\)",
                     r"-> service.name: Str\(nginx\)", r"InstrumentationScope otelagent"):
            assert re.search(line, printed), line
        assert "hunter2" not in printed
        assert "hunter2" not in json.dumps(collector.file.read_text())
