// SPDX-License-Identifier: Apache-2.0
#include "config/endpoint.h"

#define TRACES_PATH "/v1/traces"

static const char *const schemes[] = {"http://", "https://", "unix://"};
enum { SCHEMES = sizeof schemes / sizeof *schemes };

/* The scheme's name in lower case, or NULL; *rest is what follows it. */
static const char *take_scheme(struct slice text, struct slice *rest)
{
    *rest = text;
    for (size_t i = 0; i < SCHEMES; i++) {
        if (!slice_starts_nocase(text, slice_of(schemes[i])))
            continue;
        size_t length = strlen(schemes[i]);
        *rest = slice_after(text, length);
        return schemes[i];
    }
    return NULL;
}

static bool plain_characters(struct slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if ((unsigned char)text.at[i] <= 0x20 || text.at[i] == 0x7f)
            return false;
    return true;
}

/* Where the authority ends and path, query or fragment begins (RFC 3986, 3.2). */
static size_t authority_length(struct slice text)
{
    size_t end = 0;
    while (end < text.length && !strchr("/?#", text.at[end]))
        end++;
    return end;
}

static bool readable_port(struct slice port)
{
    unsigned number = 0;
    if (port.length == 0 || port.length > 5)
        return false;
    for (size_t i = 0; i < port.length; i++) {
        if (port.at[i] < '0' || port.at[i] > '9')
            return false;
        number = number * 10 + (unsigned)(port.at[i] - '0');
    }
    return number >= 1 && number <= 65535;
}

/* A path with a name in it. */
static bool readable_socket(struct slice path)
{
    size_t slashes = 0;
    while (slashes < path.length && path.at[slashes] == '/')
        slashes++;
    return slashes > 0 && slashes < path.length;
}

/* [userinfo@]host[:port] (RFC 3986, 3.2). */
static bool readable_authority(struct slice text)
{
    /* The last @ ends the user information: a password may hold one that nobody escaped. */
    for (size_t at; (at = slice_find(text, '@')) < text.length;)
        text = slice_after(text, at + 1);
    size_t host = slice_find(text, ':');
    if (text.length && text.at[0] == '[') {
        host = slice_find(text, ']');
        if (host == text.length || host == 1)
            return false;
        host++;
    }
    if (host == 0)
        return false;
    if (host == text.length)
        return true;
    return text.at[host] == ':' && readable_port(slice_after(text, host + 1));
}

bool endpoint_readable(struct slice text)
{
    struct slice rest;
    const char *scheme = take_scheme(text, &rest);
    if (!plain_characters(text))
        return false;
    if (scheme && slice_equal_nocase(slice_of(scheme), SLICE_LITERAL("unix://")))
        return readable_socket(rest);
    return readable_authority((struct slice){rest.at, authority_length(rest)});
}

bool endpoint_has_scheme(struct slice text)
{
    struct slice rest;
    return take_scheme(text, &rest) != NULL;
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
    struct slice rest;
    const char *scheme = take_scheme(text, &rest);
    if (!scheme)
        scheme = "http://";
    size_t used = append(out, 0, scheme, strlen(scheme));

    if (!base || slice_equal_nocase(slice_of(scheme), SLICE_LITERAL("unix://"))) {
        used = append(out, used, rest.at, rest.length);
        out[used] = '\0';
        return used;
    }

    size_t path_end = authority_length(rest);
    while (path_end < rest.length && rest.at[path_end] != '?' && rest.at[path_end] != '#')
        path_end++;
    struct slice front = {rest.at, path_end};
    while (front.length && front.at[front.length - 1] == '/')
        front.length--;
    used = append(out, used, front.at, front.length);

    size_t suffix = sizeof TRACES_PATH - 1;
    if (front.length < suffix || memcmp(front.at + front.length - suffix, TRACES_PATH, suffix) != 0)
        used = append(out, used, TRACES_PATH, suffix);
    used = append(out, used, rest.at + path_end, rest.length - path_end);
    out[used] = '\0';
    return used;
}
