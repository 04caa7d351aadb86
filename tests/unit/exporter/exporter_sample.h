// SPDX-License-Identifier: Apache-2.0
/* exporter_sample.h - spans and settings that the exporter's tests share. */
#ifndef TESTS_UNIT_EXPORTER_SAMPLE_H
#define TESTS_UNIT_EXPORTER_SAMPLE_H

#include <stdlib.h>

#include "agent/span/span.h"
#include "config/config.h"

/* A configuration with the table's numbers that the exporter reads. */
static inline struct config sample_config(void)
{
    return (struct config){.schedule_delay_ms = 20,
                           .export_timeout_ms = 2000,
                           .otlp_timeout_ms = 1000,
                           .max_export_batch_size = 512,
                           .attribute_value_length_limit = INT32_MAX,
                           .attribute_count_limit = 128,
                           .event_count_limit = 128,
                           .link_count_limit = 128,
                           .event_attribute_count_limit = 128,
                           .exporters = EXPORTER_OTLP,
                           .export_retry = true,
                           .otlp_compression = COMPRESSION_AUTO,
                           .otlp_headers = "",
                           .otlp_certificate = "",
                           .otlp_client_certificate = "",
                           .otlp_client_key = "",
                           .https_proxy = "",
                           .no_proxy = "",
                           .export_file = "",
                           .service_name = "",
                           .resource_attributes = "",
                           .environment = "",
                           .semconv = SEMCONV_HTTP_OLDER | SEMCONV_DATABASE_OLDER};
}

static inline struct span_context sample_context(uint8_t trace, uint8_t id)
{
    struct span_context context = {.flags = TRACE_FLAG_SAMPLED | TRACE_FLAG_RANDOM};
    memset(context.trace_id, trace, sizeof context.trace_id);
    memset(context.span_id, id, sizeof context.span_id);
    return context;
}

/* A server span as a real request gives it. `memory` as span_begin() wants it. */
static inline const struct span_record *sample_server_span(void *memory, uint32_t capacity)
{
    struct span_context self = sample_context(0xa1, 0xb2);
    struct span_context parent = sample_context(0xa1, 0xc3);
    parent.remote = true;
    struct span span;
    span_begin(&span, memory, capacity, SPAN_SCOPE_HTTP, SPAN_KIND_SERVER, &self, &parent, 1000);
    span_name(&span, SLICE_LITERAL("GET /products/{id}"));
    span_string(&span, ATTRIBUTE_HTTP_REQUEST_METHOD, SLICE_LITERAL("GET"));
    span_string(&span, ATTRIBUTE_URL_PATH, SLICE_LITERAL("/products/17"));
    span_string(&span, ATTRIBUTE_URL_QUERY, SLICE_LITERAL("page=2&sort=name"));
    span_string(&span, ATTRIBUTE_URL_SCHEME, SLICE_LITERAL("http"));
    span_string(&span, ATTRIBUTE_HTTP_TARGET, SLICE_LITERAL("/products/17?page=2&sort=name"));
    span_string(&span, ATTRIBUTE_HTTP_URL,
                SLICE_LITERAL("http://shop.example:8080/products/17?page=2&sort=name"));
    span_string(&span, ATTRIBUTE_HTTP_ROUTE, SLICE_LITERAL("/products/{id}"));
    span_integer(&span, ATTRIBUTE_HTTP_RESPONSE_STATUS_CODE, 200);
    span_integer(&span, ATTRIBUTE_HTTP_REQUEST_BODY_SIZE, 0);
    span_integer(&span, ATTRIBUTE_HTTP_RESPONSE_BODY_SIZE, 5120);
    span_string(&span, ATTRIBUTE_USER_AGENT_ORIGINAL, SLICE_LITERAL("Mozilla/5.0 (X11; Linux)"));
    span_string(&span, ATTRIBUTE_SERVER_ADDRESS, SLICE_LITERAL("shop.example"));
    span_integer(&span, ATTRIBUTE_SERVER_PORT, 8080);
    span_string(&span, ATTRIBUTE_CLIENT_ADDRESS, SLICE_LITERAL("192.0.2.7"));
    span_string(&span, ATTRIBUTE_NETWORK_PEER_ADDRESS, SLICE_LITERAL("127.0.0.1"));
    span_integer(&span, ATTRIBUTE_NETWORK_PEER_PORT, 51234);
    span_string(&span, ATTRIBUTE_NETWORK_PROTOCOL_VERSION, SLICE_LITERAL("1.1"));
    span_string(&span, ATTRIBUTE_REQUEST_ID, SLICE_LITERAL("0f8fad5b-d9cb-469f"));
    span_string(&span, ATTRIBUTE_HTTP_CONTENT_TYPE, SLICE_LITERAL("text/html"));
    span_integer(&span, ATTRIBUTE_THREAD_ID, 4711);
    span_string(&span, ATTRIBUTE_THREAD_NAME, SLICE_LITERAL("worker"));
    span_end(&span, 2500000);
    return span.record;
}

#endif
