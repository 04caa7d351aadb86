// SPDX-License-Identifier: Apache-2.0
#include "agent/libraries/s3/s3.h"

#include "agent/base/log.h"
#include "agent/base/percent.h"
#include "agent/base/url.h"
#include "agent/libraries/s3/s3_host.h"
#include "agent/libraries/s3/s3_scope.h"

/* ---- the table ---- */

enum level { SERVICE, BUCKET, OBJECT };
enum copy { NO, YES, ANY };

struct operation {
    struct slice name;
    struct slice method;
    struct slice markers[2];
    enum level level;
    enum copy copy;
};

#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static const struct operation operations[] = {
#define S3_OPERATION(operation, method, level, first, second, copy)                                \
    {TEXT(#operation), TEXT(#method), {TEXT(first), TEXT(second)}, level, copy},
#define S3_PARAMETER(key)
#include "agent/libraries/s3/s3_operations.def"
#undef S3_OPERATION
#undef S3_PARAMETER
};

static const struct slice parameters[] = {
#define S3_OPERATION(operation, method, level, first, second, copy)
#define S3_PARAMETER(key) TEXT(key),
#include "agent/libraries/s3/s3_operations.def"
#undef S3_OPERATION
#undef S3_PARAMETER
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- the query ---- */

static bool starts_nocase(struct slice text, struct slice prefix)
{
    return text.length >= prefix.length &&
           slice_equal_nocase((struct slice){text.at, prefix.length}, prefix);
}

static bool is_signature(struct slice key)
{
    return starts_nocase(key, SLICE_LITERAL("x-amz-")) ||
           slice_starts(key, SLICE_LITERAL("response-")) ||
           slice_equal(key, SLICE_LITERAL("x-id")) ||
           slice_equal(key, SLICE_LITERAL("AWSAccessKeyId")) ||
           slice_equal(key, SLICE_LITERAL("Signature")) ||
           slice_equal(key, SLICE_LITERAL("Expires"));
}

static void add_pair(struct s3_query *query, struct slice text)
{
    size_t equals = slice_find(text, '=');
    struct s3_pair pair = {.key = {text.at, equals}};
    pair.value = slice_after(text, equals < text.length ? equals + 1 : equals);
    if (starts_nocase(pair.key, SLICE_LITERAL("X-Amz-Credential")))
        query->credential = pair.value;
    if (!pair.key.length || is_signature(pair.key))
        return;
    if (query->count == S3_PAIRS)
        query->too_many = true;
    else
        query->list[query->count++] = pair;
}

static void parse_query(struct slice text, struct s3_query *query)
{
    query->count = 0;
    query->too_many = false;
    query->credential = SLICE_NONE;
    while (text.length) {
        size_t end = slice_find(text, '&');
        if (end)
            add_pair(query, (struct slice){text.at, end});
        text = slice_after(text, end < text.length ? end + 1 : end);
    }
}

/* `key` or `key=value` of the table. */
static bool is_marker(const struct s3_pair *pair, struct slice marker)
{
    size_t equals = slice_find(marker, '=');
    if (!slice_equal(pair->key, (struct slice){marker.at, equals}))
        return false;
    return equals == marker.length || slice_equal(pair->value, slice_after(marker, equals + 1));
}

static bool has_marker(const struct s3_query *query, struct slice marker)
{
    if (!marker.length)
        return true;
    for (size_t i = 0; i < query->count; i++)
        if (is_marker(&query->list[i], marker))
            return true;
    return false;
}

static bool is_parameter(struct slice key)
{
    for (size_t i = 0; i < COUNT(parameters); i++)
        if (slice_equal(key, parameters[i]))
            return true;
    return false;
}

/* Is every key without a value explained by the row? */
static bool explained(const struct s3_query *query, const struct operation *row)
{
    for (size_t i = 0; i < query->count; i++) {
        const struct s3_pair *pair = &query->list[i];
        if (!pair->value.length && !is_parameter(pair->key) && !is_marker(pair, row->markers[0]) &&
            !is_marker(pair, row->markers[1]))
            return false;
    }
    return true;
}

static struct slice value_of(const struct s3_query *query, struct slice key)
{
    for (size_t i = 0; i < query->count; i++)
        if (slice_equal(query->list[i].key, key))
            return query->list[i].value;
    return SLICE_NONE;
}

static struct slice find_operation(const struct s3_request *request, enum level level,
                                   const struct s3_query *query)
{
    enum copy copy = request->copy_source.at ? YES : NO;
    if (query->too_many)
        return SLICE_NONE;
    for (size_t i = 0; i < COUNT(operations); i++) {
        const struct operation *row = &operations[i];
        if (row->level != level || !slice_equal(row->method, request->method))
            continue;
        if (row->copy != ANY && row->copy != copy)
            continue;
        if (has_marker(query, row->markers[0]) && has_marker(query, row->markers[1]))
            return explained(query, row) ? row->name : SLICE_NONE;
    }
    return SLICE_NONE;
}

/* ---- the endpoint ---- */

static struct slice entry_host_port(struct slice entry)
{
    for (size_t i = 0; i + 2 < entry.length; i++)
        if (entry.at[i] == ':' && entry.at[i + 1] == '/' && entry.at[i + 2] == '/') {
            entry = slice_after(entry, i + 3);
            break;
        }
    return (struct slice){entry.at, slice_find(entry, '/')};
}

size_t s3_endpoints_init(struct s3_endpoints *endpoints, const struct config *config)
{
    endpoints->count = 0;
    size_t left_out = 0;
    struct slice list = slice_of(config->s3_endpoints);
    while (list.length) {
        struct slice entry = slice_take_part(&list, ',');
        if (!entry.length)
            continue;
        struct slice host;
        uint16_t port;
        if (endpoints->count == S3_ENDPOINTS ||
            !url_host_port(entry_host_port(entry), &host, &port)) {
            left_out++;
            continue;
        }
        endpoints->list[endpoints->count].host = host;
        endpoints->list[endpoints->count++].port = port;
    }
    return left_out;
}

struct s3_endpoints s3_endpoints_of_process;

void s3_prepare(const struct config *config)
{
    if (s3_endpoints_init(&s3_endpoints_of_process, config))
        log_once(LOG_WARN, NULL,
                 "OTEL_AGENT_S3_ENDPOINTS: some entries are not used (HOST or HOST:PORT, "
                 "at most %d)",
                 S3_ENDPOINTS);
}

/* An endpoint itself takes the bucket in the path, a name below it has the bucket in front. */
static struct s3_host configured(const struct s3_endpoints *endpoints, struct slice host,
                                 uint16_t port)
{
    for (size_t i = 0; i < endpoints->count; i++) {
        struct slice end = endpoints->list[i].host;
        if (endpoints->list[i].port && endpoints->list[i].port != port)
            continue;
        if (slice_equal_nocase(host, end))
            return (struct s3_host){.style = S3_STYLE_PATH};
        if (host.length < end.length + 2 || host.at[host.length - end.length - 1] != '.' ||
            !slice_equal_nocase(slice_after(host, host.length - end.length), end))
            continue;
        return (struct s3_host){.style = S3_STYLE_VIRTUAL,
                                .bucket = {host.at, host.length - end.length - 1}};
    }
    return (struct s3_host){.style = S3_STYLE_NONE};
}

/* ---- the call ---- */

/* Caller's memory, handed out from the front. */
struct memory {
    char *at;
    size_t left;
};

static struct slice decode(struct memory *memory, struct slice text)
{
    if (slice_find(text, '%') == text.length)
        return text;
    size_t used = percent_decode(text, memory->at, memory->left);
    struct slice decoded = {memory->at, used};
    memory->at += used;
    memory->left -= used;
    return decoded;
}

static int part_number(struct slice text)
{
    int value = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return 0;
        value = value * 10 + (text.at[i] - '0');
        if (value > 10000)
            return 0;
    }
    return value;
}

/* Bucket and key in the path. What MinIO serves beside S3 (health, metrics) stands under /minio/,
 * which no bucket can be called. */
static bool locate(const struct s3_host *host, struct slice path, struct s3_call *call,
                   struct slice *key, enum level *level, bool *certain)
{
    struct slice rest = path.length ? slice_after(path, 1) : path;
    *certain = true;
    if (host->style == S3_STYLE_VIRTUAL) {
        call->bucket = host->bucket;
        *key = rest.length ? rest : SLICE_NONE;
        *level = rest.length ? OBJECT : BUCKET;
        return true;
    }
    size_t slash = slice_find(rest, '/');
    *level = rest.length == 0 ? SERVICE : slash + 1 < rest.length ? OBJECT : BUCKET;
    if (host->style == S3_STYLE_UNKNOWN) {
        *certain = *level == OBJECT; /* two segments: an object in either style */
        return true;
    }
    struct slice bucket = {rest.at, slash};
    if (slice_equal(bucket, SLICE_LITERAL("minio")))
        return false;
    if (*level != SERVICE)
        call->bucket = bucket;
    if (*level == OBJECT)
        *key = slice_after(rest, slash + 1);
    return true;
}

static struct slice copy_source(struct slice text)
{
    text.length = slice_find(text, '?');
    return text;
}

bool s3_recognise(const struct s3_endpoints *endpoints, const struct s3_request *request,
                  struct s3_query *query, struct s3_call *call, char *memory, size_t capacity)
{
    *call = (struct s3_call){.part_number = 0};
    if (request->path.length && request->path.at[0] != '/')
        return false;
    struct s3_host host = configured(endpoints, request->host, request->port);
    if (host.style == S3_STYLE_NONE)
        host = s3_host_aws(request->host);

    parse_query(request->query, query);
    struct slice scope_region;
    enum s3_scope scope = s3_scope_of(request->authorization, query->credential, &scope_region);
    if (host.style == S3_STYLE_NONE && scope == S3_SCOPE_S3)
        host = s3_host_signed(request->host);
    if (host.style == S3_STYLE_NONE || scope == S3_SCOPE_OTHER) /* one endpoint may serve it all */
        return false;

    struct slice key = SLICE_NONE;
    enum level level;
    bool certain;
    if (!locate(&host, request->path, call, &key, &level, &certain))
        return false;
    if (certain)
        call->operation = find_operation(request, level, query);

    struct memory left;
    left.at = memory;
    left.left = capacity;
    struct slice source = copy_source(slice_trim(request->copy_source));
    call->key = decode(&left, key);
    call->upload_id = decode(&left, value_of(query, SLICE_LITERAL("uploadId")));
    call->copy_source = decode(&left, source);
    call->part_number = part_number(value_of(query, SLICE_LITERAL("partNumber")));
    call->region = host.region.at ? host.region : scope_region;
    return true;
}
