// SPDX-License-Identifier: Apache-2.0
#include "agent/protocols/http/forwarded.h"

#include "agent/base/ip.h"
#include "agent/base/url.h"

static bool is_token(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = slice_lower(text.at[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'))
            return false;
    }
    return text.length > 0;
}

/* Without an obfuscated port (`:_port`, RFC 7239, 6.3), which says nothing. */
static struct slice without_hidden_port(struct slice node)
{
    size_t colon = node.length;
    while (colon > 0 && node.at[colon - 1] != ':')
        colon--;
    if (!colon)
        return node;
    struct slice port = slice_after(node, colon);
    if (port.length > 1 && port.at[0] == '_' && is_token(port))
        node.length = colon - 1;
    return node;
}

/* A node (RFC 7239, 6), or what X-Forwarded-For writes: IPv6 without brackets, too. */
static void take_client(struct slice node, struct forwarded *out)
{
    node = without_hidden_port(node);
    struct slice host = node;
    uint16_t port = 0;
    if (!ip_is_v6(node) && !url_host_port(node, &host, &port))
        return;
    if (!ip_is_v4(host) && !ip_is_v6(host))
        return;
    out->client = host;
    out->client_port = port;
}

static void take_scheme(struct slice text, struct forwarded *out)
{
    static const struct slice known[] = {{"http", 4}, {"https", 5}, {"ws", 2}, {"wss", 3}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (slice_equal_nocase(text, known[i]))
            out->scheme = known[i];
}

static void take_host(struct slice text, struct forwarded *out)
{
    struct slice host;
    uint16_t port;
    if (!url_host_port(text, &host, &port))
        return;
    out->authority = text;
    out->host = host;
    out->port = port;
}

/* The value at the front of *text: a token or a quoted string (RFC 7239, 4). IPv6 addresses and
 * ports are often written without the quotes they need: more than a token's letters will do.
 * Escapes are left in: a value with a backslash is no address, scheme or host. Absent: malformed.
 */
static struct slice take_value(struct slice *text)
{
    struct slice value;
    size_t end = 0;
    if (!text->length || text->at[0] != '"') {
        while (end < text->length && text->at[end] != ';' && text->at[end] != ',')
            end++;
        value = slice_trim((struct slice){text->at, end});
        *text = slice_after(*text, end);
        return value.length ? value : SLICE_NONE;
    }
    end = 1;
    while (end < text->length && text->at[end] != '"')
        end += text->at[end] == '\\' && end + 1 < text->length ? 2 : 1;
    if (end == text->length)
        return SLICE_NONE;
    value = (struct slice){text->at + 1, end - 1};
    *text = slice_trim(slice_after(*text, end + 1));
    return value;
}

enum { PAIR_FOR = 1, PAIR_PROTO = 2, PAIR_HOST = 4 };

static unsigned take_named(struct slice name, struct slice value, struct forwarded *out)
{
    if (slice_equal_nocase(name, SLICE_LITERAL("for"))) {
        take_client(value, out);
        return PAIR_FOR;
    }
    if (slice_equal_nocase(name, SLICE_LITERAL("proto"))) {
        take_scheme(value, out);
        return PAIR_PROTO;
    }
    if (slice_equal_nocase(name, SLICE_LITERAL("host"))) {
        take_host(value, out);
        return PAIR_HOST;
    }
    return 0;
}

/* [ pair ] *( ";" [ pair ] ) up to a comma or the end. False: malformed. */
static bool take_element(struct slice text, struct forwarded *out)
{
    unsigned said = 0;
    while (text.length && text.at[0] != ',') {
        if (text.at[0] == ';') {
            text = slice_trim(slice_after(text, 1));
            continue;
        }
        size_t equals = slice_find(text, '=');
        struct slice name = slice_trim((struct slice){text.at, equals});
        if (equals == text.length || !is_token(name))
            return false;
        text = slice_trim(slice_after(text, equals + 1));
        struct slice value = take_value(&text);
        if (!value.at || (text.length && text.at[0] != ';' && text.at[0] != ','))
            return false;
        unsigned pair = take_named(name, value, out);
        if (said & pair)
            return false;
        said |= pair;
    }
    return true;
}

/* A list from its first element on. */
static struct slice skip_empty(struct slice list)
{
    list = slice_trim(list);
    while (list.length && list.at[0] == ',')
        list = slice_trim(slice_after(list, 1));
    return list;
}

static struct slice first_element(struct slice list)
{
    list = skip_empty(list);
    return slice_trim((struct slice){list.at, slice_find(list, ',')});
}

/* Apart from what follows, because addresses are looked at deep down and the stack may be small. */
__attribute__((noinline)) static void read_element(struct slice list, struct forwarded *out)
{
    *out = (struct forwarded){.client = SLICE_NONE};
    if (!take_element(skip_empty(list), out))
        *out = (struct forwarded){.client = SLICE_NONE};
}

/* Not inlined, because few requests need it and all would have the frame. */
__attribute__((noinline)) void forwarded_read(const struct forwarded_lines *lines,
                                              struct forwarded *out)
{
    read_element(lines->forwarded, out);
    if (!out->client.at)
        take_client(first_element(lines->x_for), out);
    if (!out->scheme.at)
        take_scheme(first_element(lines->x_proto), out);
    if (!out->host.at)
        take_host(first_element(lines->x_host), out);
}
