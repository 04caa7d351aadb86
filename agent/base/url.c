// SPDX-License-Identifier: Apache-2.0
#include "agent/base/url.h"

#include "agent/base/ip.h"

static bool is_scheme(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = slice_lower(text.at[i]);
        bool letter = c >= 'a' && c <= 'z';
        bool later = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
        if (!letter && !(later && i > 0))
            return false;
    }
    return text.length > 0;
}

uint16_t url_default_port(struct slice scheme)
{
    if (slice_equal_nocase(scheme, SLICE_LITERAL("https")) ||
        slice_equal_nocase(scheme, SLICE_LITERAL("wss")))
        return 443;
    if (slice_equal_nocase(scheme, SLICE_LITERAL("http")) ||
        slice_equal_nocase(scheme, SLICE_LITERAL("ws")))
        return 80;
    return 0;
}

/* Empty is 0: `host:` is allowed (RFC 3986, 3.2.3). */
static bool parse_port(struct slice text, uint16_t *port)
{
    unsigned value = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text.at[i] - '0');
        if (value > 65535)
            return false;
    }
    *port = (uint16_t)value;
    return true;
}

/* Letters of names and IPv4 addresses, UTF-8 among them. RFC 3986 also allows escapes and what
 * separates the parts of a query, but no name has them, and a `token=...` that stands in a name's
 * place must not be taken for one. */
static const bool in_host[256] = {
    ['-'] = true,         ['.'] = true, ['0' ... '9'] = true, ['A' ... 'Z'] = true,
    ['a' ... 'z'] = true, ['_'] = true, ['~'] = true,         [0x80 ... 0xff] = true,
};

static bool is_host(struct slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if (!in_host[(unsigned char)text.at[i]])
            return false;
    return text.length > 0;
}

bool url_host_port(struct slice text, struct slice *host, uint16_t *port)
{
    struct slice rest;
    if (text.length && text.at[0] == '[') {
        size_t close = slice_find(text, ']');
        if (close == text.length)
            return false;
        *host = (struct slice){text.at + 1, close - 1};
        rest = slice_after(text, close + 1);
        if (!ip_is_v6(*host))
            return false;
    } else {
        size_t colon = slice_find(text, ':');
        *host = (struct slice){text.at, colon};
        if (!is_host(*host))
            return false;
        rest = slice_after(text, colon);
    }
    *port = 0;
    if (!rest.length)
        return true;
    return rest.at[0] == ':' && parse_port(slice_after(rest, 1), port);
}

/* The text before `c`; *text keeps what follows it, *part is absent where c does not occur. */
static struct slice split_off(struct slice *text, char c)
{
    size_t at = slice_find(*text, c);
    if (at == text->length)
        return SLICE_NONE;
    struct slice after = slice_after(*text, at + 1);
    text->length = at;
    return after;
}

bool url_split(struct slice text, struct url *out)
{
    size_t colon = slice_find(text, ':');
    out->scheme = (struct slice){text.at, colon};
    if (!is_scheme(out->scheme))
        return false;
    struct slice rest = slice_after(text, colon);
    if (!slice_starts(rest, SLICE_LITERAL("://")))
        return false;
    rest = slice_after(rest, 3);

    out->fragment = split_off(&rest, '#');
    out->query = split_off(&rest, '?');
    size_t slash = slice_find(rest, '/');
    out->path = slice_after(rest, slash);
    struct slice authority = {rest.at, slash};

    /* The last '@', because passwords hold some that should have been escaped. */
    size_t at = authority.length;
    while (at > 0 && authority.at[at - 1] != '@')
        at--;
    out->user = at ? (struct slice){authority.at, at - 1} : SLICE_NONE;
    out->authority = slice_after(authority, at);
    if (!url_host_port(out->authority, &out->host, &out->port))
        return false;
    if (!out->port)
        out->port = url_default_port(out->scheme);
    return true;
}

struct slice url_target_path(struct slice target)
{
    struct slice path = {target.at, slice_find(target, '?')};
    path.length = slice_find(path, '#');
    if (!path.length || path.at[0] == '/')
        return path;
    struct slice rest = slice_after(path, slice_find(path, ':'));
    if (!slice_starts(rest, SLICE_LITERAL("://")))
        return (struct slice){target.at, 0};
    rest = slice_after(rest, 3);
    rest = slice_after(rest, slice_find(rest, '/'));
    return rest.length ? rest : SLICE_LITERAL("/");
}
