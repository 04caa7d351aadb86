// SPDX-License-Identifier: Apache-2.0
#include "exporter/otlp/json.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Text being written. Beyond its capacity it only counts. */
struct json {
    char *text;
    size_t capacity;
    size_t length;
    bool comma; /* before the next member or element */
};

static void put(struct json *json, const char *text, size_t length)
{
    if (json->length + length <= json->capacity)
        memcpy(json->text + json->length, text, length);
    json->length += length;
}

static void put_text(struct json *json, const char *text)
{
    put(json, text, strlen(text));
}

static void put_string(struct json *json, const char *text)
{
    put(json, "\"", 1);
    for (const char *plain = text;; text++) {
        unsigned char c = (unsigned char)*text;
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
            continue;
        put(json, plain, (size_t)(text - plain));
        plain = text + 1;
        if (!c)
            break;
        char escape[8] = {'\\', *text, '\0'};
        if (c < 0x20 || c == 0x7f)
            snprintf(escape, sizeof escape, "\\u%04x", (unsigned)c);
        put_text(json, escape);
    }
    put(json, "\"", 1);
}

static void separate(struct json *json)
{
    if (json->comma)
        put(json, ",", 1);
    json->comma = true;
}

static void put_name(struct json *json, const char *name)
{
    separate(json);
    put_string(json, name);
    put(json, ":", 1);
}

static void open_with(struct json *json, const char *bracket)
{
    put_text(json, bracket);
    json->comma = false;
}

static void close_with(struct json *json, const char *bracket)
{
    put_text(json, bracket);
    json->comma = true;
}

static void text_member(struct json *json, const char *name, const char *value)
{
    if (!value[0])
        return;
    put_name(json, name);
    put_string(json, value);
}

static void number_member(struct json *json, const char *name, int64_t value)
{
    char digits[24];
    if (!value)
        return;
    put_name(json, name);
    snprintf(digits, sizeof digits, "%" PRId64, value);
    put_text(json, digits);
}

/* 64 bits: a string, because readers keep numbers as doubles. */
static void time_member(struct json *json, const char *name, uint64_t value)
{
    char digits[24];
    put_name(json, name);
    snprintf(digits, sizeof digits, "\"%" PRIu64 "\"", value);
    put_text(json, digits);
}

static void id_member(struct json *json, const char *name, ProtobufCBinaryData id)
{
    static const char hex[] = "0123456789abcdef";
    if (!id.len)
        return;
    put_name(json, name);
    put(json, "\"", 1);
    for (size_t i = 0; i < id.len; i++) {
        char pair[2] = {hex[id.data[i] >> 4], hex[id.data[i] & 15]};
        put(json, pair, 2);
    }
    put(json, "\"", 1);
}

static void put_value(struct json *json, const Otlp__AnyValue *value)
{
    char digits[40];
    open_with(json, "{");
    switch (value->value_case) {
    case OTLP__ANY_VALUE__VALUE_STRING_VALUE:
        put_name(json, "stringValue");
        put_string(json, value->string_value);
        break;
    case OTLP__ANY_VALUE__VALUE_BOOL_VALUE:
        put_name(json, "boolValue");
        put_text(json, value->bool_value ? "true" : "false");
        break;
    case OTLP__ANY_VALUE__VALUE_INT_VALUE:
        put_name(json, "intValue");
        snprintf(digits, sizeof digits, "\"%" PRId64 "\"", value->int_value);
        put_text(json, digits);
        break;
    case OTLP__ANY_VALUE__VALUE_ARRAY_VALUE:
        put_name(json, "arrayValue");
        open_with(json, "{");
        put_name(json, "values");
        open_with(json, "[");
        for (size_t i = 0; i < value->array_value->n_values; i++) {
            const Otlp__AnyValue *element = value->array_value->values[i];
            /* One level only: the encoder writes arrays of texts. */
            separate(json);
            open_with(json, "{");
            if (element->value_case == OTLP__ANY_VALUE__VALUE_STRING_VALUE) {
                put_name(json, "stringValue");
                put_string(json, element->string_value);
            }
            close_with(json, "}");
        }
        close_with(json, "]");
        close_with(json, "}");
        break;
    default:
        break;
    }
    close_with(json, "}");
}

static void attributes_member(struct json *json, Otlp__KeyValue **attributes, size_t count)
{
    if (!count)
        return;
    put_name(json, "attributes");
    open_with(json, "[");
    for (size_t i = 0; i < count; i++) {
        separate(json);
        open_with(json, "{");
        put_name(json, "key");
        put_string(json, attributes[i]->key);
        if (attributes[i]->value) {
            put_name(json, "value");
            put_value(json, attributes[i]->value);
        }
        close_with(json, "}");
    }
    close_with(json, "]");
}

static void put_event(struct json *json, const Otlp__Event *event)
{
    separate(json);
    open_with(json, "{");
    time_member(json, "timeUnixNano", event->time_unix_nano);
    text_member(json, "name", event->name);
    attributes_member(json, event->attributes, event->n_attributes);
    number_member(json, "droppedAttributesCount", event->dropped_attributes_count);
    close_with(json, "}");
}

static void put_link(struct json *json, const Otlp__Link *link)
{
    separate(json);
    open_with(json, "{");
    id_member(json, "traceId", link->trace_id);
    id_member(json, "spanId", link->span_id);
    number_member(json, "flags", link->flags);
    close_with(json, "}");
}

static void put_span(struct json *json, const Otlp__Span *span)
{
    separate(json);
    open_with(json, "{");
    id_member(json, "traceId", span->trace_id);
    id_member(json, "spanId", span->span_id);
    text_member(json, "traceState", span->trace_state);
    id_member(json, "parentSpanId", span->parent_span_id);
    number_member(json, "flags", span->flags);
    text_member(json, "name", span->name);
    number_member(json, "kind", span->kind);
    time_member(json, "startTimeUnixNano", span->start_time_unix_nano);
    time_member(json, "endTimeUnixNano", span->end_time_unix_nano);
    attributes_member(json, span->attributes, span->n_attributes);
    number_member(json, "droppedAttributesCount", span->dropped_attributes_count);
    if (span->n_events) {
        put_name(json, "events");
        open_with(json, "[");
        for (size_t i = 0; i < span->n_events; i++)
            put_event(json, span->events[i]);
        close_with(json, "]");
    }
    number_member(json, "droppedEventsCount", span->dropped_events_count);
    if (span->n_links) {
        put_name(json, "links");
        open_with(json, "[");
        for (size_t i = 0; i < span->n_links; i++)
            put_link(json, span->links[i]);
        close_with(json, "]");
    }
    number_member(json, "droppedLinksCount", span->dropped_links_count);
    put_name(json, "status");
    open_with(json, "{");
    if (span->status) {
        text_member(json, "message", span->status->message);
        number_member(json, "code", span->status->code);
    }
    close_with(json, "}");
    close_with(json, "}");
}

static void put_scope(struct json *json, const Otlp__ScopeSpans *scope)
{
    separate(json);
    open_with(json, "{");
    if (scope->scope) {
        put_name(json, "scope");
        open_with(json, "{");
        text_member(json, "name", scope->scope->name);
        text_member(json, "version", scope->scope->version);
        close_with(json, "}");
    }
    put_name(json, "spans");
    open_with(json, "[");
    for (size_t i = 0; i < scope->n_spans; i++)
        put_span(json, scope->spans[i]);
    close_with(json, "]");
    text_member(json, "schemaUrl", scope->schema_url);
    close_with(json, "}");
}

size_t json_write(const Otlp__Request *request, char *into, size_t capacity)
{
    struct json json = {.capacity = capacity};
    json.text = into;
    open_with(&json, "{");
    put_name(&json, "resourceSpans");
    open_with(&json, "[");
    for (size_t i = 0; i < request->n_resource_spans; i++) {
        const Otlp__ResourceSpans *spans = request->resource_spans[i];
        separate(&json);
        open_with(&json, "{");
        if (spans->resource) {
            put_name(&json, "resource");
            open_with(&json, "{");
            attributes_member(&json, spans->resource->attributes, spans->resource->n_attributes);
            close_with(&json, "}");
        }
        put_name(&json, "scopeSpans");
        open_with(&json, "[");
        for (size_t j = 0; j < spans->n_scope_spans; j++)
            put_scope(&json, spans->scope_spans[j]);
        close_with(&json, "]");
        text_member(&json, "schemaUrl", spans->schema_url);
        close_with(&json, "}");
    }
    put_text(&json, "]}\n");
    return json.length <= capacity ? json.length : 0;
}
