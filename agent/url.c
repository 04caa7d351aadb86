// SPDX-License-Identifier: Apache-2.0
#include "agent/url.h"

#include "agent/percent.h"

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

/* Bytes that no host holds. */
static const bool not_in_host[256] = {
    [0 ... ' '] = true, [0x7f] = true, ['@'] = true, ['/'] = true, ['?'] = true,
    ['#'] = true,       ['\\'] = true, ['"'] = true, ['<'] = true, ['>'] = true,
    [','] = true,       ['['] = true,  [']'] = true,
};

static bool is_host(struct slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if (not_in_host[(unsigned char)text.at[i]])
            return false;
    return text.length > 0;
}

/* Letters of an IPv6 address, a zone (%25eth0) included. */
static bool is_v6(struct slice text)
{
    size_t colons = 0;
    size_t zone = slice_find(text, '%');
    for (size_t i = 0; i < zone; i++) {
        colons += text.at[i] == ':';
        if (text.at[i] != ':' && text.at[i] != '.' && percent_hex(text.at[i]) < 0)
            return false;
    }
    return colons >= 2 && zone <= 45 && (zone == text.length || is_host(slice_after(text, zone)));
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
        if (!is_v6(*host))
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
    if (!url_host_port(slice_after(authority, at), &out->host, &out->port))
        return false;
    if (!out->port)
        out->port = url_default_port(out->scheme);
    return true;
}

/* ---- proxies ---- */

static bool is_v4(struct slice text)
{
    size_t dots = 0;
    for (size_t i = 0; i < text.length; i++) {
        dots += text.at[i] == '.';
        if (text.at[i] != '.' && !(text.at[i] >= '0' && text.at[i] <= '9'))
            return false;
    }
    return dots == 3 && text.length >= 7 && text.length <= 15;
}

/* A node (RFC 7239, 6), or what X-Forwarded-For writes: IPv6 without brackets, too. */
static void take_client(struct slice node, struct url_forwarded *out)
{
    struct slice host = node;
    uint16_t port = 0;
    if (!is_v6(node) && !url_host_port(node, &host, &port))
        return;
    if (!is_v4(host) && !is_v6(host))
        return;
    out->client = host;
    out->client_port = port;
}

static void take_scheme(struct slice scheme, struct url_forwarded *out)
{
    if (slice_equal_nocase(scheme, SLICE_LITERAL("https")))
        out->scheme = SLICE_LITERAL("https");
    else if (slice_equal_nocase(scheme, SLICE_LITERAL("http")))
        out->scheme = SLICE_LITERAL("http");
    else if (is_scheme(scheme) && scheme.length <= 16)
        out->scheme = scheme;
}

static void take_host(struct slice text, struct url_forwarded *out)
{
    struct slice host;
    uint16_t port;
    if (!url_host_port(text, &host, &port))
        return;
    out->host = host;
    out->port = port;
}

/* The value at the front of *text: a token or a quoted string (RFC 7239, 4). Escapes are
 * left in: a value with a backslash is no address, scheme or host anyway. */
static struct slice take_value(struct slice *text)
{
    if (!text->length || text->at[0] != '"') {
        size_t end = 0;
        while (end < text->length && text->at[end] != ';' && text->at[end] != ',')
            end++;
        struct slice value = slice_trim((struct slice){text->at, end});
        *text = slice_after(*text, end);
        return value;
    }
    size_t end = 1;
    while (end < text->length && text->at[end] != '"')
        end += text->at[end] == '\\' && end + 1 < text->length ? 2 : 1;
    struct slice value = {text->at + 1, end - 1};
    bool closed = end < text->length;
    *text = slice_after(*text, closed ? end + 1 : end);
    return closed ? value : SLICE_NONE;
}

static void take_forwarded(struct slice text, struct url_forwarded *out)
{
    while (text.length && text.at[0] != ',') {
        size_t equals = slice_find(text, '=');
        if (equals == text.length)
            return;
        struct slice name = slice_trim((struct slice){text.at, equals});
        text = slice_after(text, equals + 1);
        struct slice value = take_value(&text);
        if (slice_equal_nocase(name, SLICE_LITERAL("for")))
            take_client(value, out);
        else if (slice_equal_nocase(name, SLICE_LITERAL("proto")))
            take_scheme(value, out);
        else if (slice_equal_nocase(name, SLICE_LITERAL("host")))
            take_host(value, out);
        text = slice_trim(text);
        if (text.length && text.at[0] == ';')
            text = slice_trim(slice_after(text, 1));
        else
            return;
    }
}

static struct slice first_element(struct slice list)
{
    return slice_trim((struct slice){list.at, slice_find(list, ',')});
}

void url_forwarded(struct slice forwarded, struct slice x_for, struct slice x_proto,
                   struct slice x_host, struct url_forwarded *out)
{
    *out = (struct url_forwarded){.client = SLICE_NONE};
    take_forwarded(slice_trim(forwarded), out);
    if (!out->client.at)
        take_client(first_element(x_for), out);
    if (!out->scheme.at)
        take_scheme(first_element(x_proto), out);
    if (!out->host.at)
        take_host(first_element(x_host), out);
}
