// SPDX-License-Identifier: Apache-2.0
#include "exporter/base/utf8.h"

struct character {
    size_t length; /* bytes to take, at least 1 */
    bool valid;
};

/* The character at the start of `text`, whose first byte is not ASCII or is NUL.
 * Source: Unicode 15, table 3-7, "well-formed UTF-8 byte sequences". */
static struct character first_character(struct slice text)
{
    unsigned char lead = (unsigned char)text.at[0];
    unsigned char least = 0x80;
    unsigned char most = 0xbf;
    size_t length;

    if (lead >= 0xc2 && lead <= 0xdf)
        length = 2;
    else if (lead >= 0xe0 && lead <= 0xef)
        length = 3;
    else if (lead >= 0xf0 && lead <= 0xf4)
        length = 4;
    else
        return (struct character){1, false};

    if (lead == 0xe0)
        least = 0xa0; /* no overlong forms */
    if (lead == 0xed)
        most = 0x9f; /* no surrogates */
    if (lead == 0xf0)
        least = 0x90;
    if (lead == 0xf4)
        most = 0x8f; /* nothing beyond U+10FFFF */

    for (size_t i = 1; i < length; i++) {
        if (i == text.length)
            return (struct character){i, false};
        unsigned char byte = (unsigned char)text.at[i];
        if (byte < least || byte > most)
            return (struct character){i, false};
        least = 0x80;
        most = 0xbf;
    }
    return (struct character){length, true};
}

struct slice utf8_clean_any(struct slice text, size_t limit, char *scratch)
{
    static const char replacement[3] = {'\xef', '\xbf', '\xbd'}; /* U+FFFD */
    bool replaced = false;
    size_t in = 0;
    size_t out = 0;
    for (size_t characters = 0; in < text.length && characters < limit; characters++) {
        struct character next = {1, true};
        if ((signed char)text.at[in] <= 0)
            next = first_character(slice_after(text, in));
        if (next.valid) {
            memcpy(scratch + out, text.at + in, next.length);
            out += next.length;
        }
        if (!next.valid) {
            memcpy(scratch + out, replacement, sizeof replacement);
            out += sizeof replacement;
            replaced = true;
        }
        in += next.length;
    }
    return replaced ? (struct slice){scratch, out} : (struct slice){text.at, in};
}
