// SPDX-License-Identifier: Apache-2.0
#include "exporter/transport/endpoint.h"

#include <stdio.h>

#define TRACES_PATH "/v1/traces"

static bool copy(char *into, size_t capacity, struct slice text)
{
    if (text.length >= capacity)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c <= ' ' || c == 0x7f)
            return false; /* it would end the request line, or a field */
        into[i] = text.at[i];
    }
    into[text.length] = '\0';
    return true;
}

/* An empty path is a slash where a query follows, too (RFC 9112, 3.2.1). */
static bool take_target(struct endpoint *endpoint, struct slice target)
{
    char *into = endpoint->target;
    target.length = slice_find(target, '#');
    if (!slice_starts(target, SLICE_LITERAL("/")))
        *into++ = '/';
    return copy(into, sizeof endpoint->target - (size_t)(into - endpoint->target), target);
}

static bool take_socket(struct endpoint *endpoint, struct slice path)
{
    struct slice suffix = SLICE_LITERAL(TRACES_PATH);
    while (slice_starts(path, SLICE_LITERAL("//")))
        path = slice_after(path, 1);
    if (path.length > suffix.length && slice_ends(path, suffix))
        path.length -= suffix.length;
    if (path.length < 2 || path.at[0] != '/' ||
        !copy(endpoint->socket, sizeof endpoint->socket, path))
        return false;
    snprintf(endpoint->host, sizeof endpoint->host, "localhost");
    snprintf(endpoint->target, sizeof endpoint->target, TRACES_PATH);
    snprintf(endpoint->shown, sizeof endpoint->shown, "unix://%s", endpoint->socket);
    return true;
}

bool endpoint_parse(struct endpoint *endpoint, const char *url)
{
    struct endpoint_parts parts;
    bool split = endpoint_split(slice_of(url), &parts);
    *endpoint = (struct endpoint){.scheme = parts.scheme, .port = parts.port, .user = parts.user};
    if (!split)
        return false;
    if (parts.scheme == ENDPOINT_UNIX)
        return take_socket(endpoint, parts.target);
    if (!copy(endpoint->host, sizeof endpoint->host, parts.host) ||
        !take_target(endpoint, parts.target))
        return false;
    bool v6 = strchr(endpoint->host, ':') != NULL;
    snprintf(endpoint->shown, sizeof endpoint->shown, "%s://%s%.255s%s:%u%.200s",
             endpoint->scheme == ENDPOINT_HTTPS ? "https" : "http", v6 ? "[" : "", endpoint->host,
             v6 ? "]" : "", (unsigned)endpoint->port, endpoint->target);
    endpoint->shown[strcspn(endpoint->shown, "?")] = '\0';
    return true;
}
