// SPDX-License-Identifier: Apache-2.0
#include "agent/text/telemetry.h"

#include <stdint.h>

enum { POST = 1, PUT = 2 };

enum { TYPE_PROTOBUF = 1, TYPE_JSON = 2, TYPE_THRIFT = 4, TYPE_MSGPACK = 8, TYPE_ANY = 16 };

static const struct {
    struct slice name;
    unsigned type;
} types[] = {
    {{"application/json", 16}, TYPE_JSON},
    {{"application/x-protobuf", 22}, TYPE_PROTOBUF},
    {{"application/x-thrift", 20}, TYPE_THRIFT},
    {{"application/msgpack", 19}, TYPE_MSGPACK},
};

enum how { ENDS, WHOLE, BEGINS, AT_DATADOG };

static const struct path_row {
    struct slice path;
    uint8_t how;
    uint8_t methods;
    uint8_t types;
    uint8_t telemetry;
} path_rows[] = {
#define TELEMETRY_PATH(how, path, methods, types, what)                                            \
    {{path, sizeof(path) - 1}, how, methods, types, TELEMETRY_##what},
#include "agent/text/telemetry_paths.def"
#undef TELEMETRY_PATH
};

#define EDGE 4 /* bytes of a path that tell most others from those of the table */

static inline uint32_t edge_at(const char *at)
{
    uint32_t edge;
    memcpy(&edge, at, sizeof edge);
    return edge;
}

/* Could it be one of the table? What stands in it is known to the compiler, which leaves a handful
 * of comparisons. */
static bool is_worth_a_look(struct slice path)
{
    if (path.length < EDGE)
        return false;
    uint32_t first = edge_at(path.at);
    uint32_t last = edge_at(path.at + path.length - EDGE);
#define TELEMETRY_PATH(how, path, methods, types, what)                                            \
    if ((how) == BEGINS ? first == edge_at(path)                                                   \
                        : last == edge_at((path) + sizeof(path) - 1 - EDGE))                       \
        return true;
#include "agent/text/telemetry_paths.def"
#undef TELEMETRY_PATH
    return false;
}

__attribute__((noinline)) static unsigned type_of(struct slice field)
{
    struct slice media = slice_trim((struct slice){field.at, slice_find(field, ';')});
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (slice_equal_nocase(media, types[i].name))
            return types[i].type | TYPE_ANY;
    return TYPE_ANY;
}

/* Datadog's sites are `datadoghq.com`, `us3.datadoghq.com`, `datadoghq.eu`, `ddog-gov.com` and the
 * like (docs.datadoghq.com, "Getting Started with Datadog Sites"). A host may end with a dot. */
static bool is_datadog(struct slice host)
{
    host.length = slice_find(host, ':');
    if (host.length && host.at[host.length - 1] == '.')
        host.length--;
    return slice_ends(host, SLICE_LITERAL(".datadoghq.com")) ||
           slice_ends(host, SLICE_LITERAL(".datadoghq.eu")) ||
           slice_ends(host, SLICE_LITERAL(".ddog-gov.com"));
}

static bool is_like(const struct path_row *row, struct slice path, struct slice host)
{
    switch ((enum how)row->how) {
    case ENDS:
        return slice_ends(path, row->path);
    case WHOLE:
        return slice_equal(path, row->path);
    case BEGINS:
        return slice_starts(path, row->path);
    case AT_DATADOG:
        return slice_equal(path, row->path) && is_datadog(host);
    }
    return false;
}

/* Not inlined: few posts come here, and all have the frame. */
__attribute__((noinline)) static enum telemetry find_path(const struct telemetry_head *head,
                                                          unsigned method)
{
    unsigned type = type_of(head->content_type);
    for (size_t i = 0; i < sizeof path_rows / sizeof *path_rows; i++) {
        const struct path_row *row = &path_rows[i];
        if (row->methods & method && row->types & type && is_like(row, head->path, head->host))
            return (enum telemetry)row->telemetry;
    }
    return TELEMETRY_NONE;
}

/* This agent, and the exporters of OpenTelemetry's SDKs (OpenTelemetry Specification,
 * "OpenTelemetry Protocol Exporter", "User Agent"). */
static bool is_exporter(struct slice agent_name)
{
    return slice_starts(agent_name, SLICE_LITERAL("otelagent/")) ||
           slice_starts(agent_name, SLICE_LITERAL("OTel-OTLP-Exporter-"));
}

/* 0: neither. */
static unsigned method_of(struct slice method)
{
    if (method.length == 4 && memcmp(method.at, "POST", 4) == 0)
        return POST;
    return method.length == 3 && memcmp(method.at, "PUT", 3) == 0 ? PUT : 0;
}

__attribute__((noinline)) enum telemetry telemetry_judge(const struct telemetry_head *head)
{
    unsigned method = method_of(head->method);
    enum telemetry found = TELEMETRY_NONE;
    if (method && is_worth_a_look(head->path))
        found = find_path(head, method);
    if (!found && method == POST && is_exporter(head->user_agent) &&
        type_of(head->content_type) & TYPE_PROTOBUF)
        return TELEMETRY_OTHER;
    return found;
}
