# SPDX-License-Identifier: Apache-2.0
"""OTLP messages, decoded by the classes that OpenTelemetry publishes for Python.

They share nothing with the agent's encoder: that is why they are here."""

import base64
import json
import sys

import servers

sys.path.insert(0, str(servers.cache_directory() / "otlp"))
try:
    from google.protobuf import json_format
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
except ImportError as error:
    raise servers.ServerError(f"{error}: run scripts/bootstrap --test") from error

Request = trace_service_pb2.ExportTraceServiceRequest
Response = trace_service_pb2.ExportTraceServiceResponse
IDS = ("traceId", "spanId", "parentSpanId")  # hexadecimal in OTLP/JSON, base64 in protobuf's


def decode(body):
    """A posted body as a Request. A field that the published messages do not know is an error."""
    request = Request()
    request.ParseFromString(body)
    if unknown_fields(request):
        raise ValueError(f"fields unknown to OTLP: {unknown_fields(request)}")
    return request


def unknown_fields(message, where=""):
    """Paths of fields that the decoder skipped, here and below."""
    found = []
    known = type(message)()
    known.CopyFrom(message)
    known.DiscardUnknownFields()
    if known.ByteSize() != message.ByteSize():
        found.append(where or message.DESCRIPTOR.name)
    return found


def spans(request):
    """(resource, scope, span) of each span."""
    return [(of_resource.resource, of_scope.scope, span)
            for of_resource in request.resource_spans
            for of_scope in of_resource.scope_spans for span in of_scope.spans]


def span_ids(request):
    return [span.span_id for _, _, span in spans(request)]


def value_of(value):
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [value_of(item) for item in value.array_value.values]
    return getattr(value, kind)


def attributes_of(pairs):
    """As a dictionary; a key that stands twice is an error."""
    attributes = {pair.key: value_of(pair.value) for pair in pairs}
    if len(attributes) != len(pairs):
        raise ValueError(f"an attribute stands twice: {[pair.key for pair in pairs]}")
    return attributes


def from_json(line):
    """A line of OTLP/JSON as a Request: TracesData has the same fields."""
    return json_format.Parse(json.dumps(with_base64_ids(json.loads(line))), Request())


def with_base64_ids(node):
    if isinstance(node, list):
        return [with_base64_ids(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {key: base64.b64encode(bytes.fromhex(value)).decode() if key in IDS
            else with_base64_ids(value) for key, value in node.items()}


def failure(code, message):
    """A google.rpc.Status, by hand: its class is in another package."""
    text = message.encode()
    return bytes([0x08, code, 0x12, len(text)]) + text
