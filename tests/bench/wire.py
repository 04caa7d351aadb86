# SPDX-License-Identifier: Apache-2.0
"""Bytes a span on the way to the collector, as they are and as gzip leaves them, of a server
whose spans are all exported."""
import os
import time

import subject
from measure import collector, processes, report

REQUESTS = 2048
SETTLE_SECONDS = 2.5


def count(what, directory, variant, load):
    """(bytes a span, bytes a span compressed)"""
    with collector.Collector() as sink:
        variables = subject.environment(variant, sink.url,
                                        {"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"})
        with subject.SERVERS[what](os.path.join(directory, f"wire-{what}-{variant}"), variables) as server:
            time.sleep(SETTLE_SECONDS)
            sink.take()  # of the questions whether it answers
            load.run(server.port, REQUESTS, 1)
            time.sleep(SETTLE_SECONDS)
            spans, size, compressed = sink.take()
    if spans != REQUESTS:
        raise processes.ProcessError(f"{REQUESTS} requests, but {spans} spans of {variant}")
    return size / spans, compressed / spans


def run(what, directory):
    found = {}
    rows = [("bytes a span", "as it is", "gzip")]
    with subject.Load() as load:
        for variant, title, key in (("100%", "both generations of names", "per_span"),
                                    ("stable", "stable names alone", "per_span_stable")):
            size, compressed = count(what, directory, variant, load)
            rows.append((title, f"{size:.0f}", f"{compressed:.1f}"))
            found[key], found[f"{key}_gzip"] = round(size, 1), round(compressed, 1)
    print(report.table(rows))
    return found
