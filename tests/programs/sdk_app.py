# SPDX-License-Identifier: Apache-2.0
"""A WSGI application with OpenTelemetry's SDK, which begins in each worker: a span a request, posted
to SDK_ENDPOINT. Answers with the worker's process id. A script, `sdk_app.py URL COUNT`, asks so
often for URL, each time in a span that is posted at its end, and prints what it asked with."""

import http.client
import os
import sys
import urllib.parse

from opentelemetry import propagate
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

tracers = {}


def tracer(processor):
    if os.getpid() not in tracers:
        provider = TracerProvider()
        provider.add_span_processor(processor(OTLPSpanExporter(os.environ["SDK_ENDPOINT"])))
        tracers[os.getpid()] = provider.get_tracer("sdk_app")
    return tracers[os.getpid()]


def application(environ, start_response):
    with tracer(BatchSpanProcessor).start_as_current_span(environ["PATH_INFO"]):
        body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def ask(url):
    headers = {}
    with tracer(SimpleSpanProcessor).start_as_current_span("ask"):
        propagate.inject(headers)
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc)
        connection.request("GET", "/page", headers=headers)
        connection.getresponse().read()
        connection.close()
    print(headers["traceparent"])


if __name__ == "__main__":
    for _ in range(int(sys.argv[2])):
        ask(sys.argv[1])
