// SPDX-License-Identifier: Apache-2.0
#include "agent/base/ip.h"

#include "agent/base/percent.h"

#define ZONE_BYTES 18 /* of an interface's name (15), and `25` where the `%` is escaped */

static bool is_octet(struct slice text)
{
    if (text.length == 0 || text.length > 3 || (text.at[0] == '0' && text.length > 1))
        return false;
    unsigned value = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text.at[i] - '0');
    }
    return value <= 255;
}

bool ip_is_v4(struct slice text)
{
    for (int dots = 3; dots > 0; dots--) {
        size_t dot = slice_find(text, '.');
        if (dot == text.length || !is_octet((struct slice){text.at, dot}))
            return false;
        text = slice_after(text, dot + 1);
    }
    return is_octet(text);
}

/* Up to four hexadecimal digits. */
static bool is_group(struct slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if (percent_hex(text.at[i]) < 0)
            return false;
    return text.length >= 1 && text.length <= 4;
}

static bool is_zone(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = slice_lower(text.at[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'))
            return false;
    }
    return text.length >= 1 && text.length <= ZONE_BYTES;
}

/* Takes `::` off the front. */
static bool take_gap(struct slice *text)
{
    if (!slice_starts(*text, SLICE_LITERAL("::")))
        return false;
    *text = slice_after(*text, 2);
    return true;
}

bool ip_is_v6(struct slice text)
{
    size_t zone = slice_find(text, '%');
    if (zone < text.length && !is_zone(slice_after(text, zone + 1)))
        return false;
    text.length = zone;

    bool gap = take_gap(&text);
    if (gap && !text.length)
        return true;
    for (unsigned groups = 0;;) {
        size_t colon = slice_find(text, ':');
        struct slice group = {text.at, colon};
        if (colon == text.length && ip_is_v4(group))
            groups += 2;
        else if (is_group(group))
            groups++;
        else
            return false;
        text = slice_after(text, colon);
        bool at_gap = take_gap(&text);
        if (gap && at_gap)
            return false;
        gap |= at_gap;
        if (!text.length)
            return gap ? groups < 8 : groups == 8;
        if (!at_gap)
            text = slice_after(text, 1);
    }
}
