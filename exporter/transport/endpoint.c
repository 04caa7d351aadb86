// SPDX-License-Identifier: Apache-2.0
#include "exporter/transport/endpoint.h"

#include <stdio.h>

#include "agent/base/slice.h"

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

static bool parse_port(struct slice text, uint16_t *port)
{
    unsigned value = 0;
    if (!text.length || text.length > 5)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text.at[i] - '0');
    }
    *port = (uint16_t)value;
    return value > 0 && value <= 65535;
}

static bool parse_unix(struct endpoint *endpoint, struct slice path)
{
    struct slice suffix = SLICE_LITERAL(TRACES_PATH);
    while (slice_starts(path, SLICE_LITERAL("//")))
        path = slice_after(path, 1);
    if (path.length > suffix.length && slice_ends(path, suffix))
        path.length -= suffix.length;
    endpoint->scheme = ENDPOINT_UNIX;
    if (path.length < 2 || path.at[0] != '/' ||
        !copy(endpoint->socket, sizeof endpoint->socket, path))
        return false;
    snprintf(endpoint->host, sizeof endpoint->host, "localhost");
    snprintf(endpoint->target, sizeof endpoint->target, TRACES_PATH);
    snprintf(endpoint->shown, sizeof endpoint->shown, "unix://%s", endpoint->socket);
    return true;
}

/* host, host:port, [v6], [v6]:port */
static bool parse_authority(struct endpoint *endpoint, struct slice authority)
{
    struct slice host = authority;
    struct slice port = SLICE_NONE;
    bool bracketed = authority.length && authority.at[0] == '[';
    if (bracketed) {
        size_t end = slice_find(authority, ']');
        if (end == authority.length)
            return false;
        host = (struct slice){authority.at + 1, end - 1};
        port = slice_after(authority, end + 1);
        if (port.length && port.at[0] != ':')
            return false;
    }
    if (!bracketed) {
        host.length = slice_find(authority, ':');
        port = slice_after(authority, host.length);
    }
    if (port.length > 1 && !parse_port(slice_after(port, 1), &endpoint->port))
        return false;
    return host.length && copy(endpoint->host, sizeof endpoint->host, host);
}

bool endpoint_parse(struct endpoint *endpoint, const char *url)
{
    struct slice rest = slice_of(url);
    *endpoint = (struct endpoint){.scheme = ENDPOINT_HTTP, .port = 80};
    if (slice_starts(rest, SLICE_LITERAL("unix:")))
        return parse_unix(endpoint, slice_after(rest, 5));
    if (slice_starts(rest, SLICE_LITERAL("http://")))
        rest = slice_after(rest, 7);
    else if (slice_starts(rest, SLICE_LITERAL("https://"))) {
        rest = slice_after(rest, 8);
        endpoint->scheme = ENDPOINT_HTTPS;
        endpoint->port = 443;
    }

    struct slice authority = {rest.at, 0};
    while (authority.length < rest.length && !strchr("/?#", rest.at[authority.length]))
        authority.length++;
    struct slice target = slice_after(rest, authority.length);
    target.length = slice_find(target, '#');
    size_t at = authority.length; /* the last one: a password may hold some that nobody escaped */
    while (at > 0 && authority.at[at - 1] != '@')
        at--;
    endpoint->user = (struct slice){authority.at, at ? at - 1 : 0};
    authority = slice_after(authority, at);
    if (!parse_authority(endpoint, authority))
        return false;

    /* An empty path is a slash where a query follows, too (RFC 9112, 3.2.1). */
    char *into = endpoint->target;
    if (!slice_starts(target, SLICE_LITERAL("/")))
        *into++ = '/';
    if (!copy(into, sizeof endpoint->target - (size_t)(into - endpoint->target), target))
        return false;
    bool v6 = strchr(endpoint->host, ':') != NULL;
    snprintf(endpoint->shown, sizeof endpoint->shown, "%s://%s%.255s%s:%u%.200s",
             endpoint->scheme == ENDPOINT_HTTPS ? "https" : "http", v6 ? "[" : "", endpoint->host,
             v6 ? "]" : "", (unsigned)endpoint->port, endpoint->target);
    endpoint->shown[strcspn(endpoint->shown, "?")] = '\0';
    return true;
}
