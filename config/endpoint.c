// SPDX-License-Identifier: Apache-2.0
#include "config/endpoint.h"

#define TRACES_PATH "/v1/traces"

static const struct {
    const char *name;
    uint16_t port;
} schemes[] = {
    [ENDPOINT_HTTP] = {"http://", 80},
    [ENDPOINT_HTTPS] = {"https://", 443},
    [ENDPOINT_UNIX] = {"unix://", 80}, /* nobody asks */
};

enum { SCHEMES = sizeof schemes / sizeof *schemes };

static void take_scheme(struct slice text, struct endpoint_parts *parts)
{
    parts->rest = text;
    for (size_t i = 0; i < SCHEMES && !parts->has_scheme; i++) {
        struct slice name = slice_of(schemes[i].name);
        if (!slice_starts_nocase(text, name))
            continue;
        parts->has_scheme = true;
        parts->scheme = (enum endpoint_scheme)i;
        parts->rest = slice_after(text, name.length);
    }
    parts->port = schemes[parts->scheme].port;
}

/* What follows a host: nothing, or a colon and a port. */
static bool read_port(struct slice text, struct endpoint_parts *parts)
{
    unsigned number = 0;
    if (!text.length)
        return true;
    struct slice digits = slice_after(text, 1);
    parts->bare_colon = !digits.length;
    if (text.at[0] != ':' || digits.length > 5)
        return false;
    for (size_t i = 0; i < digits.length; i++) {
        if (digits.at[i] < '0' || digits.at[i] > '9')
            return false;
        number = number * 10 + (unsigned)(digits.at[i] - '0');
    }
    if (digits.length)
        parts->port = (uint16_t)number;
    return parts->bare_colon || (number >= 1 && number <= 65535);
}

/* [userinfo@]host[:port] (RFC 3986, 3.2). */
static bool read_authority(struct slice text, struct endpoint_parts *parts)
{
    /* The last @ ends the user information: a password may hold one that nobody escaped. */
    size_t at = text.length;
    while (at > 0 && text.at[at - 1] != '@')
        at--;
    parts->user = (struct slice){text.at, at ? at - 1 : 0};
    text = slice_after(text, at);
    if (!text.length || text.at[0] != '[') {
        parts->host = (struct slice){text.at, slice_find(text, ':')};
        return parts->host.length && read_port(slice_after(text, parts->host.length), parts);
    }
    size_t end = slice_find(text, ']');
    if (end == text.length || end == 1)
        return false;
    parts->host = (struct slice){text.at + 1, end - 1};
    return read_port(slice_after(text, end + 1), parts);
}

bool endpoint_split(struct slice text, struct endpoint_parts *parts)
{
    *parts = (struct endpoint_parts){.scheme = ENDPOINT_HTTP};
    take_scheme(text, parts);
    parts->target = parts->rest;
    if (parts->scheme == ENDPOINT_UNIX)
        return true;
    /* Where path, query or fragment begins (RFC 3986, 3.2). */
    size_t end = 0;
    while (end < parts->rest.length && !strchr("/?#", parts->rest.at[end]))
        end++;
    parts->target = slice_after(parts->rest, end);
    return read_authority((struct slice){parts->rest.at, end}, parts);
}

static bool plain_characters(struct slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if ((unsigned char)text.at[i] <= 0x20 || text.at[i] == 0x7f)
            return false;
    return true;
}

/* A path with a name in it. */
static bool readable_socket(struct slice path)
{
    size_t slashes = 0;
    while (slashes < path.length && path.at[slashes] == '/')
        slashes++;
    return slashes > 0 && slashes < path.length;
}

bool endpoint_readable(struct slice text)
{
    struct endpoint_parts parts;
    if (!plain_characters(text) || !endpoint_split(text, &parts))
        return false;
    return parts.scheme == ENDPOINT_UNIX ? readable_socket(parts.target) : !parts.bare_colon;
}

bool endpoint_has_scheme(struct slice text)
{
    struct endpoint_parts parts;
    return endpoint_split(text, &parts) && parts.has_scheme;
}

size_t endpoint_bytes(size_t length)
{
    return length + sizeof "http://" + sizeof TRACES_PATH;
}

static size_t append(char *out, size_t used, const char *bytes, size_t length)
{
    memcpy(out + used, bytes, length);
    return used + length;
}

size_t endpoint_write(struct slice text, bool base, char *out)
{
    struct endpoint_parts parts;
    (void)endpoint_split(text, &parts);
    const char *scheme = schemes[parts.scheme].name;
    struct slice rest = parts.rest;
    size_t used = append(out, 0, scheme, strlen(scheme));

    if (!base || parts.scheme == ENDPOINT_UNIX) {
        used = append(out, used, rest.at, rest.length);
        out[used] = '\0';
        return used;
    }

    size_t path_end = rest.length - parts.target.length;
    while (path_end < rest.length && rest.at[path_end] != '?' && rest.at[path_end] != '#')
        path_end++;
    struct slice front = {rest.at, path_end};
    while (front.length && front.at[front.length - 1] == '/')
        front.length--;
    used = append(out, used, front.at, front.length);

    if (!slice_ends(front, SLICE_LITERAL(TRACES_PATH)))
        used = append(out, used, TRACES_PATH, sizeof TRACES_PATH - 1);
    used = append(out, used, rest.at + path_end, rest.length - path_end);
    out[used] = '\0';
    return used;
}
